"""Methods to type of `deployment`: history, cycles, and the doors that are shut."""

from __future__ import annotations

from typing import Any

import pytest

from dcanary.testing.native import user_principal
from tests.canisters import typed
from tests.canisters.deployment.deployment_installation import OWNER, Installation

OPERATOR = user_principal(5)
STRANGER = user_principal(6)


@pytest.fixture
def canary() -> Installation:
    return Installation()


def call(canary: Installation, method: str, arguments: str, by: Any = OWNER) -> Any:
    return typed.call(canary.deployment, method, arguments, by)


def test_the_history_is_asked_for_without_a_page(canary: Installation) -> None:
    canary.existing()
    release = canary.release()
    for arguments in ("()", '(opt "counter")', "(null, opt record { limit = 1 })"):
        found = call(canary, "deployment_history", arguments, STRANGER)["Ok"]
        assert [each["release"] for each in found["items"]] == [release], arguments
    assert "NotFound" in call(canary, "deployment_history", '(opt "other")')["Err"]
    past = '(null, opt record { cursor = opt "9"; limit = 1 })'
    assert "Invalid" in call(canary, "deployment_history", past)["Err"]


def test_cycles_are_sent_to_the_canister_of_a_target(canary: Installation) -> None:
    canister = canary.existing()
    before = canister.cycles
    made = call(canary, "manage_canister_cycles", '("counter", 1_000_000_000)')["Ok"]
    assert canister.cycles == before + 1_000_000_000
    assert made["topped_up"]["last"] == 1_000_000_000
    assert "Invalid" in call(canary, "manage_canister_cycles", '("counter", 0)')["Err"]
    assert "NotFound" in call(canary, "manage_canister_cycles", '("other", 1)')["Err"]


@pytest.mark.parametrize("method", ["deploy_canister", "upgrade_canister"])
def test_nothing_is_installed_without_an_approval(canary: Installation, method: str) -> None:
    canister = canary.existing()
    module = canister.module
    canary.admin("grant_role", OPERATOR, "Operator")
    for caller in (OWNER, OPERATOR):
        sentence = call(canary, method, '("counter")', caller)["Err"]["Conflict"]
        assert "only what was approved is installed into target counter" in sentence
        assert "a run of repository demo with trigger_run" in sentence
    canary.run_until_idle()
    assert canister.module == module
    assert call(canary, "deployment_history", "()")["Ok"]["items"] == []
    assert "NotFound" in call(canary, method, '("other")')["Err"]
    assert "Denied" in call(canary, method, '("counter")', STRANGER)["Err"]
