"""What an order binds holds when the canister is changed, whatever came between."""

from __future__ import annotations

from typing import Any

import pytest

from dcanary.testing.native import user_principal
from tests.canisters.deployment.deployment_installation import NEW, OLD, Installation
from tests.canisters.deployment.management import Canister, sha256

AFRESH = "asks people again, about what is there now"


@pytest.fixture
def canary() -> Installation:
    return Installation()


def refused(canary: Installation, release: str) -> str:
    """Why the release ended without a change of the canister; verification is told the same."""
    reason = str(canary.state(release)["ConcurrentChange"])
    assert "Nothing was touched" in reason
    assert AFRESH in reason
    told = [one["state"] for one in canary.told() if one["release"] == release]
    assert told[-1] == {"Failed": f"ConcurrentChange: {reason}"}
    assert canary.shown()["busy"] is None
    return reason


def test_an_order_does_not_replace_what_a_rollback_put_back_meanwhile(
    canary: Installation,
) -> None:
    canister = canary.existing()
    canary.release()
    order = canary.order(b"next")
    assert order["order"]["replaces"] == sha256(NEW)
    # Both at once: the rollback holds the target, the release waits for its turn.
    assert "Ok" in canary.admin("rollback_release", "release-1", None)
    release = canary.start(order)["Ok"]
    assert canary.state(release) == {"Queued": None}
    canary.run_until_idle()
    assert canary.state("release-1") == {"RolledBack": None}
    reason = refused(canary, release)
    assert sha256(OLD).hex() in reason
    assert sha256(NEW).hex() in reason
    assert (canister.module, canister.status) == (OLD, "running")
    # Asked afresh, about what is there now.
    assert canary.state(canary.release(b"next")) == {"Succeeded": None}


def test_an_order_does_not_replace_what_an_earlier_release_installed_meanwhile(
    canary: Installation,
) -> None:
    canister = canary.existing()
    names = [canary.start(canary.order(module))["Ok"] for module in (NEW, b"next")]
    canary.run_until_idle()
    assert canary.state(names[0]) == {"Succeeded": None}
    assert sha256(NEW).hex() in refused(canary, names[1])
    assert canister.module == NEW


@pytest.mark.parametrize("method", ["install_chunked_code", "upload_chunk", "start_canister"])
def test_a_release_that_is_resumed_goes_on_from_what_it_installed_itself(
    canary: Installation, method: str
) -> None:
    canister = canary.existing()
    release = canary.start(canary.order())["Ok"]
    canary.after(method, canary.deployment.upgrade)
    canary.run_until_idle()
    assert canary.state(release) == {"Succeeded": None}
    assert (canister.module, canister.state) == (NEW, "old upgraded")


def created_and_empty(canary: Installation) -> tuple[Canister, dict[str, Any]]:
    """The canister of a target, from a first release whose install failed; its order's next
    attempt."""
    assert "Ok" in canary.target()
    order = canary.order(mode="Install")
    canary.management.faults["install_chunked_code"] = ["reject"]
    assert "Ok" in canary.start(dict(order))
    canary.run_until_idle()
    made = canary.management.canisters[canary.shown()["canister"].bytes]
    assert made.module is None
    return made, {**order, "attempt": 2}


@pytest.mark.parametrize("changed", [False, True])
def test_a_canister_that_was_to_be_created_is_used_with_the_controllers_of_the_order_only(
    canary: Installation, changed: bool
) -> None:
    canister, order = created_and_empty(canary)
    stranger = user_principal(66)
    if changed:
        canister.controllers.append(stranger.bytes)
    release = canary.start(order)["Ok"]
    canary.run_until_idle()
    if changed:
        assert stranger.to_str() in refused(canary, release)
        assert canister.module is None
    else:
        assert canary.state(release) == {"Succeeded": None}
        assert canister.module == NEW
