"""Somebody else changes the canister of a target while a release to it is on its way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.canisters.deployment.deployment_installation import NEW, OLD, Installation
from tests.canisters.deployment.management import sha256

if TYPE_CHECKING:
    from tests.canisters.deployment.management import Canister

HAND = b"\x01hand"


@pytest.fixture
def canary() -> Installation:
    return Installation()


def hot_fix(canister: Canister) -> None:
    canister.changed_by_hand(b"hot-fix", "fixed data", HAND)


def check_hot_fix_runs(canary: Installation, canister: Canister, release: str) -> str:
    """The release stopped before it harmed; the reason that it gives."""
    reason = str(canary.state(release)["ConcurrentChange"])
    assert (canister.module, canister.state) == (b"hot-fix", "fixed data")
    assert canister.status == "running"
    assert canary.shown()["busy"] is None
    assert canary.shown()["last_release"] is None
    assert "install_chunked_code" not in canary.management.calls
    assert canary.told()[-1]["state"]["Failed"].startswith("ConcurrentChange: ")
    return reason


def test_a_change_between_the_plan_and_the_release_is_found_before_the_stop(
    canary: Installation,
) -> None:
    canister = canary.existing()
    order = canary.order()
    hot_fix(canister)
    release = canary.start(order)["Ok"]
    canary.run_until_idle()
    reason = check_hot_fix_runs(canary, canister, release)
    assert sha256(b"hot-fix").hex() in reason
    assert sha256(OLD).hex() in reason
    author = type(canary.deployment.id)(HAND).to_str()
    assert re.search(rf"last changed by {author} at \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC", reason)
    assert "stop_canister" not in canary.management.calls


def test_a_module_taken_away_by_hand_is_a_change_too(canary: Installation) -> None:
    canister = canary.existing()
    order = canary.order()
    canister.module = None
    canister.changes.append((1, HAND, False))
    release = canary.start(order)["Ok"]
    canary.run_until_idle()
    assert "the canister has no module" in canary.state(release)["ConcurrentChange"]
    assert canister.module is None


@pytest.mark.parametrize(
    "method",
    [
        "stop_canister",
        "list_canister_snapshots",
        "take_canister_snapshot",
        "clear_chunk_store",
        "upload_chunk",
    ],
)
def test_a_change_between_stop_and_install_is_found_before_the_install(
    canary: Installation, method: str
) -> None:
    canister = canary.existing()
    canary.after(method, lambda: hot_fix(canister))
    release = canary.release()
    reason = check_hot_fix_runs(canary, canister, release)
    assert "changed during the release" in reason
    assert type(canary.deployment.id)(HAND).to_str() in reason


def test_the_same_module_installed_again_by_hand_is_a_change_too(canary: Installation) -> None:
    canister = canary.existing()
    canary.after("upload_chunk", lambda: canister.changed_by_hand(OLD, "wiped", HAND))
    release = canary.release()
    assert "ConcurrentChange" in canary.state(release)
    assert (canister.module, canister.state, canister.status) == (OLD, "wiped", "running")


def test_an_install_by_hand_into_an_empty_canister_is_not_overwritten(
    canary: Installation,
) -> None:
    canister = canary.existing(None)
    canary.after("upload_chunk", lambda: hot_fix(canister))
    release = canary.release(mode="Install")
    check_hot_fix_runs(canary, canister, release)


def test_a_canister_that_somebody_starts_during_the_release_keeps_what_it_stored_since(
    canary: Installation,
) -> None:
    canister = canary.existing()

    def start() -> None:
        canister.status = "running"
        canister.state += " and used"

    canary.after("take_canister_snapshot", start)
    release = canary.release()
    assert "started by somebody else" in canary.state(release)["ConcurrentChange"]
    assert (canister.module, canister.state) == (OLD, "old and used")


def test_a_hot_fix_that_one_release_found_is_not_overwritten_by_the_next(
    canary: Installation,
) -> None:
    canister = canary.existing()
    orders = [canary.order(b"one"), canary.order(b"two")]
    hot_fix(canister)
    names = [canary.start(order)["Ok"] for order in orders]
    canary.run_until_idle()
    for name in names:
        assert "ConcurrentChange" in canary.state(name)
    assert canister.module == b"hot-fix"


def test_a_rollback_names_a_hot_fix_that_a_release_had_found_before(
    canary: Installation,
) -> None:
    canister = canary.existing()
    release = canary.release()
    order = canary.order(b"next")
    hot_fix(canister)
    refused = canary.start(order)["Ok"]
    canary.run_until_idle()
    assert "ConcurrentChange" in canary.state(refused)
    assert canary.shown()["module_hash"] == sha256(b"hot-fix")
    plan = canary.admin("plan_rollback", release)["Ok"]
    assert sha256(NEW).hex() in plan["order"]["difference"]
    assert "Conflict" in canary.admin("rollback_release", release, None)["Err"]
    assert canister.module == b"hot-fix"


def test_a_release_that_was_approved_over_a_hot_fix_replaces_it_and_can_be_taken_back(
    canary: Installation,
) -> None:
    canister = canary.existing()
    hot_fix(canister)
    release = canary.release()
    assert canary.state(release) == {"Succeeded": None}
    assert "Ok" in canary.admin("rollback_release", release, None)
    canary.run_until_idle()
    assert (canister.module, canister.state) == (b"hot-fix", "fixed data")
