"""Controllers of a target: what the canister has is in the books, or the change is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dcanary.testing.native import user_principal
from tests.canisters.deployment.deployment_installation import OWNER, Installation

if TYPE_CHECKING:
    from tests.canisters.deployment.management import Canister

FRIEND, STRANGER = user_principal(41), user_principal(42)


@pytest.fixture
def canary() -> Installation:
    return Installation()


def made(canary: Installation) -> Canister:
    """A canister that a release created, with OWNER as a controller."""
    canary.target()
    canary.release(mode="Install")
    (canister,) = canary.management.canisters.values()
    return canister


def update(canary: Installation, **changes: Any) -> Any:
    target = canary.shown()
    fields = ("target", "repository", "network", "canister", "controllers", "cycles")
    return canary.admin("update_target", {**{one: target[one] for one in fields}, **changes})


def check_books(canary: Installation, canister: Canister) -> set[bytes]:
    """The books say what the canister says: its controllers besides deployment."""
    has = set(canister.controllers)
    assert canary.deployment.id.bytes in has
    books = {one.bytes for one in canary.shown()["controllers"]}
    assert books == has - {canary.deployment.id.bytes}
    return books


def test_new_controllers_are_given_to_the_canister(canary: Installation) -> None:
    canister = made(canary)
    assert "Ok" in update(canary, controllers=[OWNER, FRIEND])
    assert check_books(canary, canister) == {OWNER.bytes, FRIEND.bytes}
    assert "Ok" in update(canary, controllers=[])
    assert check_books(canary, canister) == set()


def test_deployment_stays_a_controller_and_is_not_in_the_books(canary: Installation) -> None:
    canister = made(canary)
    assert "Ok" in update(canary, controllers=[canary.deployment.id, FRIEND])
    assert check_books(canary, canister) == {FRIEND.bytes}


def test_a_rejected_change_leaves_books_and_canister_alike(canary: Installation) -> None:
    canister = made(canary)
    canary.management.faults["update_settings"] = ["reject"]
    refused = update(canary, controllers=[FRIEND], cycles=5)["Err"]["Unavailable"]
    assert "were not changed" in refused
    assert check_books(canary, canister) == {OWNER.bytes}
    assert canary.shown()["cycles"] == 0
    assert canary.shown()["busy"] is None


def test_controllers_that_somebody_set_by_hand_are_set_again_although_the_books_agree(
    canary: Installation,
) -> None:
    canister = made(canary)
    canister.controllers = [canary.deployment.id.bytes, STRANGER.bytes]
    assert [one.bytes for one in canary.shown()["controllers"]] == [OWNER.bytes]
    assert "Ok" in update(canary)
    assert check_books(canary, canister) == {OWNER.bytes}


def test_a_release_enters_controllers_that_somebody_set_by_hand(canary: Installation) -> None:
    canister = made(canary)
    canister.controllers.append(STRANGER.bytes)
    canary.release(b"next")
    assert check_books(canary, canister) == {OWNER.bytes, STRANGER.bytes}


def test_a_change_whose_answer_was_lost_shows_in_the_books_at_the_next_look(
    canary: Installation,
) -> None:
    canister = made(canary)
    canary.management.faults["update_settings"] = ["lost"]
    target = {**canary.shown(), "controllers": [FRIEND]}
    for field in ("module_hash", "last_release", "busy", "last_change"):
        del target[field]
    canary.deployment.submit("update_target", target, caller=OWNER)
    canary.run_until_idle()
    assert canary.state(canary.release(b"next")) == {"Succeeded": None}
    assert check_books(canary, canister) == {FRIEND.bytes}


def test_our_own_change_of_controllers_is_no_difference_for_a_rollback(
    canary: Installation,
) -> None:
    made(canary)
    release = canary.release(b"next")
    assert "Ok" in update(canary, controllers=[FRIEND])
    assert canary.admin("plan_rollback", release)["Ok"]["order"]["difference"] is None


@pytest.mark.parametrize("controllers", [[FRIEND], [OWNER, FRIEND]])
def test_controllers_of_a_canister_that_its_owner_gave_are_not_ours_to_change(
    canary: Installation, controllers: list[Any]
) -> None:
    canister = canary.existing()
    canary.release()
    assert check_books(canary, canister) == {OWNER.bytes}
    refused = update(canary, controllers=controllers)["Err"]["Invalid"]
    assert "by those who control it" in refused
    assert "update_settings" not in canary.management.calls
    for unchanged in ([], [OWNER]):
        assert "Ok" in update(canary, cycles=5, controllers=unchanged)
        assert check_books(canary, canister) == {OWNER.bytes}


def test_a_canister_that_is_given_keeps_its_controllers(canary: Installation) -> None:
    refused = canary.target(canister=user_principal(60), controllers=[FRIEND])["Err"]["Invalid"]
    assert "by those who control it" in refused
    made(canary)
    refused = update(canary, canister=user_principal(60), controllers=[FRIEND])
    assert "by those who control it" in refused["Err"]["Invalid"]


@pytest.mark.parametrize("method", ["canister_info", "canister_status", "update_settings"])
def test_a_release_that_comes_while_controllers_are_set_keeps_its_target(
    canary: Installation, method: str
) -> None:
    canister = made(canary)
    order = canary.order(b"next")
    started: list[Any] = []
    target = {**canary.shown(), "controllers": [FRIEND], "repository": "other"}
    for field in ("module_hash", "last_release", "busy", "last_change"):
        del target[field]
    pending = canary.deployment.submit("update_target", target, caller=OWNER)
    canary.after(
        method,
        lambda: started.append(
            canary.deployment.submit("start_release", order, caller=canary.verification)
        ),
    )
    canary.run_until_idle()
    assert "release-2" in pending.result()["Err"]["Conflict"]
    assert canary.shown()["repository"] == "demo"
    # What was sent before the release came is done; nothing is sent after.
    sent = method == "update_settings"
    assert check_books(canary, canister) == {FRIEND.bytes if sent else OWNER.bytes}
    assert canary.state(started[0].result()["Ok"]) == {"Succeeded": None}
