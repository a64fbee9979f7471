"""Targets that get their canister before the first release, because its id is needed to build."""

from __future__ import annotations

import pytest

from dcanary.testing.native import user_principal
from tests.canisters.deployment.deployment_installation import NEW, OWNER, Installation

OPERATOR = user_principal(5)


@pytest.fixture
def canary() -> Installation:
    return Installation()


def test_a_target_gets_an_empty_canister_with_the_controllers_of_its_settings(
    canary: Installation,
) -> None:
    canary.target(cycles=2_000_000_000_000)
    made = canary.admin("create_target_canister", "counter")["Ok"]
    assert made["busy"] is None
    canister = canary.management.canisters[made["canister"].bytes]
    assert canister.module is None
    assert canister.cycles == 2_000_000_000_000
    assert set(canister.controllers) == {canary.deployment.id.bytes, OWNER.bytes}
    assert canary.deployment.query("get_target", "counter")["Ok"] == made


def test_the_first_release_installs_into_it_and_deleting_the_target_deletes_it(
    canary: Installation,
) -> None:
    canary.target()
    made = canary.admin("create_target_canister", "counter")["Ok"]["canister"]
    release = canary.release(NEW, "Install", canister=made)
    assert "Succeeded" in canary.state(release)
    assert canary.management.canisters[made.bytes].module == NEW
    assert canary.admin("delete_target", "counter") == {"Ok": None}
    assert made.bytes not in canary.management.canisters


def test_a_target_gets_no_second_canister(canary: Installation) -> None:
    canary.target()
    assert "NotFound" in canary.admin("create_target_canister", "unknown")["Err"]
    made = canary.admin("create_target_canister", "counter")["Ok"]["canister"]
    told = canary.admin("create_target_canister", "counter")["Err"]
    assert told == {"Conflict": f"target counter has the canister {made.to_str()} already"}
    assert canary.management.calls.count("create_canister") == 1
    denied = canary.deployment.update("create_target_canister", "counter", caller=OPERATOR)
    assert "Denied" in denied["Err"]


def test_a_canister_that_cannot_be_made_leaves_the_target_free(canary: Installation) -> None:
    canary.target(cycles=10**15)
    told = canary.admin("create_target_canister", "counter")["Err"]["Unavailable"]
    assert told.startswith("no canister was made for counter: creating a canister with")
    found = canary.deployment.query("get_target", "counter")["Ok"]
    assert (found["canister"], found["busy"]) == (None, None)
    assert "Ok" in canary.admin("delete_target", "counter")
