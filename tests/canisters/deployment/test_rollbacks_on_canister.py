"""Rollbacks through the real canister: releases of their own, to what ran before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dcanary.testing.native import CanisterReject, user_principal
from tests.canisters.deployment.deployment_installation import NEW, OLD, OWNER, Installation
from tests.canisters.deployment.management import sha256

if TYPE_CHECKING:
    pass

HAND = b"\x01hand"


@pytest.fixture
def canary() -> Installation:
    return Installation()


def roll_back(canary: Installation, release: str, digest: str | None = None) -> Any:
    answer = canary.admin("rollback_release", release, digest)
    canary.run_until_idle()
    return answer


def done(canary: Installation, release: str) -> str:
    """Roll back well; the rollback's name."""
    name = roll_back(canary, release)["Ok"]["release"]
    assert canary.state(name) == {"Succeeded": None}
    return str(name)


def test_a_rollback_brings_module_and_state_back(canary: Installation) -> None:
    canister = canary.existing()
    release = canary.release()
    canister.state += " and used"
    answer = canary.admin("rollback_release", release, None)
    assert answer["Ok"]["state"] == {"RollingBack": None}
    assert answer["Ok"]["rollback"]["undoes"] == release
    canary.run_until_idle()
    assert canary.state(release) == {"RolledBack": None}
    assert canary.state(answer["Ok"]["release"]) == {"Succeeded": None}
    assert (canister.module, canister.state, canister.status) == (OLD, "old", "running")
    target = canary.shown()
    assert (target["module_hash"], target["last_release"]) == (sha256(OLD), None)
    assert target["last_change"] == answer["Ok"]["release"]
    assert "Conflict" in canary.admin("rollback_release", release, None)["Err"]


def test_a_rollback_can_itself_be_rolled_back(canary: Installation) -> None:
    canister = canary.existing()
    release = canary.release()
    canister.state += " and used"
    back = done(canary, release)
    again = done(canary, back)
    assert (canister.module, canister.state) == (NEW, "old upgraded and used")
    assert canary.state(release) == {"Succeeded": None}
    assert canary.state(back) == {"RolledBack": None}
    assert canary.shown()["last_release"] == release
    done(canary, again)
    assert canister.module == OLD
    assert canary.state(release) == {"RolledBack": None}
    assert canary.state(back) == {"Succeeded": None}
    assert canary.shown()["last_release"] is None


def test_rollbacks_go_back_one_release_at_a_time(canary: Installation) -> None:
    canister = canary.existing()
    first, second = canary.release(b"one"), canary.release(b"two")
    refused = canary.admin("rollback_release", first, None)["Err"]["Conflict"]
    assert "that is release-2" in refused
    done(canary, second)
    assert canister.module == b"one"
    assert canary.shown()["last_release"] == first
    done(canary, first)
    assert canister.module == OLD


def test_a_first_install_cannot_be_rolled_back(canary: Installation) -> None:
    canary.target()
    release = canary.release(mode="Install")
    refused = canary.admin("rollback_release", release, None)["Err"]["Conflict"]
    assert "nothing to return to" in refused


def test_a_refusal_names_no_release_that_would_be_refused_too(canary: Installation) -> None:
    canary.target()
    first = canary.release(mode="Install")
    second = canary.release(b"two")
    done(canary, second)
    for release in (first, second):
        refused = canary.admin("rollback_release", release, None)["Err"]["Conflict"]
        assert ("release-3 can be" in refused) == (release == first)
        assert ("that is release-3" in refused) == (release == second)
    # The one that is named can be: it takes the rollback back.
    done(canary, "release-3")


def test_a_failed_release_over_a_first_install_leaves_nothing_to_roll_back(
    canary: Installation,
) -> None:
    canary.target()
    first = canary.release(mode="Install")
    canary.management.faults["install_chunked_code"] = ["reject"]
    failed = canary.release(b"two")
    canary.management.faults.clear()
    refused = canary.admin("rollback_release", failed, None)["Err"]["Conflict"]
    assert "that is" not in refused
    assert f"now there is no way back: {first} was a first install" in refused


def test_a_rollback_that_fails_leaves_the_new_module_running_and_says_why(
    canary: Installation,
) -> None:
    canister = canary.existing()
    release = canary.release()
    canary.management.faults["load_canister_snapshot"] = ["reject"] * 9
    back = roll_back(canary, release)["Ok"]["release"]
    assert canary.failure(back).startswith("RollingBack: ")
    shown = canary.deployment.query("get_release", release)["Ok"]
    assert shown["state"] == {"Succeeded": None}
    assert "rollback failed (release-2)" in shown["note"]
    assert (canister.module, canister.status) == (NEW, "running")
    assert canary.shown()["last_release"] == release
    canary.management.faults.clear()
    done(canary, release)
    assert canister.module == OLD
    assert canary.deployment.query("get_release", release)["Ok"]["note"] is None


def test_books_follow_what_is_installed_when_the_canister_cannot_be_started(
    canary: Installation,
) -> None:
    canister = canary.existing()
    first = canary.release(b"one")
    canister.state += " used"
    canary.management.faults["start_canister"] = ["reject"] * 100
    second = canary.release(b"two")
    assert "could not be started" in canary.failure(second)
    assert "has the new module" in canary.failure(second)
    target = canary.shown()
    assert (target["last_release"], target["module_hash"]) == (second, sha256(b"two"))
    canary.management.faults.clear()
    assert "that is release-2" in canary.admin("rollback_release", first, None)["Err"]["Conflict"]
    done(canary, second)
    assert (canister.module, canister.state) == (b"one", "old upgraded used")
    assert canary.shown()["last_release"] == first


def test_a_failed_release_that_is_rolled_back_and_forth_is_told_as_it_had_ended(
    canary: Installation,
) -> None:
    canister = canary.existing()
    canary.management.faults["start_canister"] = ["reject"] * 100
    release = canary.release()
    reason = canary.failure(release)
    assert "could not be started" in reason
    canary.management.faults.clear()
    back = done(canary, release)
    assert canary.state(release) == {"RolledBack": None}
    forth = done(canary, back)
    assert canister.module == NEW
    assert canary.state(release) == {"Failed": reason}
    done(canary, forth)
    assert canary.state(release) == {"RolledBack": None}
    assert canary.state(back) == {"Succeeded": None}


def test_books_follow_what_a_rollback_loaded_when_the_canister_cannot_be_started(
    canary: Installation,
) -> None:
    canister = canary.existing()
    first, second = canary.release(b"one"), canary.release(b"two")
    canary.management.faults["start_canister"] = ["reject"] * 100
    back = roll_back(canary, second)["Ok"]["release"]
    assert "could not be started" in canary.failure(back)
    assert "has the snapshot's module and state" in canary.failure(back)
    target = canary.shown()
    assert (target["last_release"], target["last_change"]) == (first, back)
    assert target["module_hash"] == sha256(b"one") == sha256(canister.module or b"")
    assert canary.state(second) == {"RolledBack": None}
    assert back in canary.deployment.query("get_release", second)["Ok"]["note"]
    canary.management.faults.clear()
    done(canary, back)
    assert canister.module == b"two"
    assert canary.shown()["last_release"] == second


def test_a_rollback_over_a_change_by_hand_names_it_and_can_be_undone(
    canary: Installation,
) -> None:
    canister = canary.existing()
    release = canary.release()
    canister.changed_by_hand(b"hot-fix", "fixed data", HAND)
    refused = roll_back(canary, release)["Err"]["Conflict"]
    assert sha256(b"hot-fix").hex() in refused
    assert type(canary.deployment.id)(HAND).to_str() in refused
    assert canister.module == b"hot-fix"
    plan = canary.admin("plan_rollback", release)["Ok"]
    assert plan["order"]["replaces"] == sha256(b"hot-fix")
    assert "deployment left" in plan["order"]["difference"]
    back = roll_back(canary, release, plan["digest"])["Ok"]["release"]
    assert canary.state(back) == {"Succeeded": None}
    assert canister.module == OLD
    done(canary, back)
    assert (canister.module, canister.state) == (b"hot-fix", "fixed data")


def test_a_rollback_is_bound_to_what_was_looked_at(canary: Installation) -> None:
    canister = canary.existing()
    release = canary.release()
    digest = canary.admin("plan_rollback", release)["Ok"]["digest"]
    canister.changed_by_hand(b"hot-fix", "fixed data")
    assert "look at it again" in roll_back(canary, release, digest)["Err"]["Conflict"]
    assert canister.module == b"hot-fix"


def test_a_change_by_hand_during_a_rollback_stops_it(canary: Installation) -> None:
    canister = canary.existing()
    release = canary.release()
    handler = canary.network.management["take_canister_snapshot"]

    def interfering(call: Any) -> bytes:
        answer: bytes = handler(call)
        canister.changed_by_hand(b"hot-fix", "fixed data", HAND)
        return answer

    canary.network.management["take_canister_snapshot"] = interfering
    back = roll_back(canary, release)["Ok"]["release"]
    assert "ConcurrentChange" in canary.state(back)
    assert (canister.module, canister.state, canister.status) == (
        b"hot-fix",
        "fixed data",
        "running",
    )
    assert canary.state(release) == {"Succeeded": None}
    assert canary.shown()["busy"] is None


def test_only_operators_roll_back_and_only_a_free_target(canary: Installation) -> None:
    canary.existing()
    release = canary.release()
    for method, arguments in (
        ("rollback_release", (release, None)),
        ("plan_rollback", (release,)),
        ("cancel_release", (release,)),
    ):
        stranger = canary.deployment.update(method, *arguments, caller=user_principal(6))
        assert "Denied" in stranger["Err"]
        with pytest.raises(CanisterReject):
            canary.deployment.update(method, *arguments)
    canary.start(canary.order(b"next"))
    refused = canary.admin("rollback_release", release, None)["Err"]["Conflict"]
    assert "busy" in refused
    assert "NotFound" in canary.admin("rollback_release", "release-99", None)["Err"]


def test_the_same_rollback_asked_twice_at_once_is_one(canary: Installation) -> None:
    canary.existing()
    release = canary.release()
    pending = [
        canary.deployment.submit("rollback_release", release, None, caller=OWNER) for _ in range(2)
    ]
    answers = [next(iter(one.result())) for one in pending]
    assert sorted(answers) == ["Err", "Ok"]
    canary.run_until_idle()
    assert canary.management.calls.count("load_canister_snapshot") == 1
