"""Targets that do not answer: every call about them ends, and what is not known is looked at."""

from __future__ import annotations

import pytest

from shared.rules.limits import CALL_WAIT_SECONDS
from tests.canisters.deployment.deployment_installation import NEW, OLD, OWNER, Installation
from tests.canisters.deployment.test_faults_on_canister import STEPS, check_whole


@pytest.fixture
def canary() -> Installation:
    return Installation()


@pytest.mark.parametrize("fault", ["silent", "ignored"])
@pytest.mark.parametrize("step", STEPS)
def test_one_missing_answer_at_a_step_leaves_the_target_whole(
    canary: Installation, step: str, fault: str
) -> None:
    canister = canary.existing()
    canary.management.faults[step] = [fault]
    release = canary.release()
    check_whole(canary, canister, release)
    assert len(canister.snapshots) == 1
    gives_up = (step, fault) == ("install_chunked_code", "ignored")
    assert ("Failed" in canary.state(release)) == gives_up
    if not gives_up:
        assert canister.state == "old upgraded"
        assert canary.management.calls.count("install_chunked_code") == 1


def test_an_install_without_an_answer_that_was_not_done_says_so(canary: Installation) -> None:
    canister = canary.existing()
    canary.management.faults["install_chunked_code"] = ["ignored"]
    release = canary.release()
    reason = canary.failure(release)
    assert reason.startswith("Installing: ")
    assert "no answer came in time" in reason
    assert canary.management.calls.count("install_chunked_code") == 1
    assert (canister.module, canister.status) == (OLD, "running")


def test_a_target_that_never_stops_fails_the_release_and_runs_on(canary: Installation) -> None:
    canister = canary.existing()
    canary.management.faults["stop_canister"] = ["ignored"] * 50
    release = canary.start(canary.order())["Ok"]
    canary.network.advance(3 * CALL_WAIT_SECONDS)
    assert canary.failure(release).startswith(
        f"Stopping: the canister did not stop within {2 * CALL_WAIT_SECONDS} s"
    )
    assert canary.management.calls.count("stop_canister") == 2
    check_whole(canary, canister, release)


def test_a_target_that_stops_during_the_second_request_is_upgraded(canary: Installation) -> None:
    canister = canary.existing()
    canary.management.faults["stop_canister"] = ["silent"]
    release = canary.release()
    assert canary.state(release) == {"Succeeded": None}
    assert canary.management.calls.count("stop_canister") == 2
    check_whole(canary, canister, release)


def test_a_target_that_answers_nothing_at_all_ends_the_release(canary: Installation) -> None:
    canary.existing()
    for method in canary.management.METHODS:
        canary.management.faults[method] = ["ignored"] * 1_000
    release = canary.release()
    assert "no answer came in time" in canary.failure(release)
    assert "Nothing was touched" in canary.failure(release)
    assert canary.shown()["busy"] is None
    assert canary.deployment.query("health")["open"] == 0


def test_another_target_is_released_while_one_does_not_answer(canary: Installation) -> None:
    canary.existing()
    other = canary.existing(name="other")
    canary.management.faults["canister_info"] = ["ignored"]
    slow = canary.start(canary.order())["Ok"]
    canary.network.advance(1)
    quick = canary.start(canary.order(target="other"))["Ok"]
    canary.network.advance(CALL_WAIT_SECONDS - 5)
    assert canary.state(slow) == {"Fetching": None}
    assert canary.state(quick) == {"Succeeded": None}
    assert other.module == NEW
    canary.run_until_idle()
    assert canary.state(slow) == {"Succeeded": None}


def test_a_plan_of_a_silent_target_is_answered(canary: Installation) -> None:
    canary.existing()
    canary.management.faults["canister_status"] = ["ignored"]
    order = canary.order()
    asked = {
        name: order[name]
        for name in ("target", "repository", "run", "stage", "artifact", "sha256", "size")
    }
    pending = canary.deployment.submit(
        "plan_release",
        {
            **asked,
            "mode": {"Auto": None},
            "memory": {"Default": None},
            "references": None,
            "release": None,
        },
        caller=canary.verification,
    )
    canary.network.advance(CALL_WAIT_SECONDS)
    assert pending.done
    assert "no answer came in time" in pending.result()["Err"]["Unavailable"]


@pytest.mark.parametrize("word", ["start", "stop"])
def test_starting_and_stopping_a_silent_target_is_answered(canary: Installation, word: str) -> None:
    canary.existing()
    canary.management.faults[f"{word}_canister"] = ["ignored"]
    pending = canary.deployment.submit(f"{word}_target", "counter", caller=OWNER)
    canary.network.advance(CALL_WAIT_SECONDS)
    assert "look at the canister" in pending.result()["Err"]["Unavailable"]
    assert canary.shown()["busy"] is None
    assert canary.admin(f"{word}_target", "counter") == {"Ok": None}


def test_a_release_that_takes_long_goes_on_in_a_message_of_its_own(canary: Installation) -> None:
    """One message that lasts for the whole release would keep the canister from being stopped."""
    canister = canary.existing()
    active = canary.deployment.module("canisters.deployment.steps.driving").active
    put = active.put
    begun: list[str] = []

    def putting(key: str) -> None:
        begun.append(key)
        put(key)

    active.put = putting
    canary.management.faults["install_chunked_code"] = ["silent"]
    release = canary.release()
    assert canary.state(release) == {"Succeeded": None}
    assert begun == ["release:0", "release:0"]
    check_whole(canary, canister, release)
