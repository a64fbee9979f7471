"""Whatever goes wrong at whatever step: the target is old or new, runs, and is free again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dcanary.testing.native import CanisterReject
from shared.rules.limits import CALL_WAIT_SECONDS
from tests.canisters.deployment.deployment_installation import NEW, OLD, OWNER, Installation
from tests.canisters.deployment.management import Management
from tests.examples import examples

if TYPE_CHECKING:
    from tests.canisters.deployment.management import Canister

STEPS = (
    "canister_info",
    "canister_status",
    "stop_canister",
    "list_canister_snapshots",
    "take_canister_snapshot",
    "clear_chunk_store",
    "upload_chunk",
    "install_chunked_code",
    "start_canister",
)
OLD_STATES = ("old",)
NEW_STATES = ("old upgraded", "old upgraded upgraded")


def check_whole(canary: Installation, canister: Canister, release: str) -> None:
    """The promise of every release to an existing canister."""
    assert canister.status == "running"
    assert canary.shown()["busy"] is None
    assert canary.deployment.query("health")["open"] == 0
    state = canary.state(release)
    if "Succeeded" in state:
        assert canister.module == NEW
        assert canister.state in NEW_STATES
        assert canary.shown()["last_release"] == release
    else:
        assert "Failed" in state
        assert canister.module == OLD
        assert canister.state in OLD_STATES
        assert canary.shown()["last_release"] is None


@pytest.mark.parametrize("fault", ["reject", "transient", "lost", "never"])
@pytest.mark.parametrize("step", STEPS)
def test_one_fault_at_a_step_leaves_the_target_whole(step: str, fault: str) -> None:
    canary = Installation()
    canister = canary.existing()
    canary.management.faults[step] = [fault]
    release = canary.release()
    check_whole(canary, canister, release)
    gives_up = fault == "reject" and step == "install_chunked_code"
    gives_up = gives_up or (step == "stop_canister" and fault in ("reject", "transient"))
    assert ("Failed" in canary.state(release)) == gives_up
    # A snapshot whose answer was lost is adopted, not taken again; an install that was done is
    # not done again.
    assert len(canister.snapshots) <= 1
    if not gives_up:
        assert canister.state == "old upgraded"


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_always_fails_leaves_the_old_module_running(step: str) -> None:
    canary = Installation()
    canister = canary.existing()
    attempts = 4 if step == "start_canister" else 50
    canary.management.faults[step] = ["reject"] * attempts
    release = canary.release()
    assert canister.status == "running"
    assert canary.shown()["busy"] is None
    if step == "start_canister":
        assert canary.state(release) == {"Succeeded": None}
    else:
        assert "Failed" in canary.state(release)
        assert (canister.module, canister.state) == (OLD, "old")


def test_a_canister_that_cannot_be_started_is_reported_and_the_lock_released() -> None:
    canary = Installation()
    canister = canary.existing()
    canary.management.faults["start_canister"] = ["reject"] * 100
    release = canary.release()
    assert "start_target" in canary.failure(release)
    assert canary.shown()["busy"] is None
    canary.management.faults.clear()
    assert canary.admin("start_target", "counter") == {"Ok": None}
    assert canister.status == "running"


@pytest.mark.parametrize("stop_at", range(1, 12))
def test_an_upgrade_of_deployment_after_any_call_lets_the_release_end(stop_at: int) -> None:
    canary = Installation()
    canister = canary.existing()
    release = canary.start(canary.order())["Ok"]
    network = canary.network
    done = 0
    while done < stop_at and "Succeeded" not in canary.state(release):
        if network.step():
            done += 1
        else:
            network.time_ns += 1
            canary.deployment.fire_timer()
    canary.deployment.upgrade()
    canary.run_until_idle()
    check_whole(canary, canister, release)
    assert canary.state(release) == {"Succeeded": None}


def trap_in_recording(canary: Installation, at: int) -> list[int]:
    """Make the canister trap when it writes down its `at`-th answer; the list counts the calls."""
    steps = canary.deployment.module("canisters.deployment.steps.table")
    ic = canary.deployment.module("kybra").ic
    record = steps.record_answer
    calls: list[int] = []

    def trapping(*args: object) -> object:
        calls.append(1)
        if len(calls) == at:
            ic.trap("told to trap")
        return record(*args)

    steps.record_answer = trapping
    return calls


@pytest.mark.parametrize("at", range(1, 11))
def test_a_trap_after_any_answer_lets_the_release_end(at: int) -> None:
    canary = Installation()
    canister = canary.existing()
    calls = trap_in_recording(canary, at)
    release = canary.release()
    assert len(calls) >= at
    check_whole(canary, canister, release)
    failed = canary.state(release).get("Failed", "did not stop within")
    assert "did not stop within" in failed


@pytest.mark.parametrize("at", range(1, 8))
def test_a_trap_after_any_answer_of_a_first_release_creates_no_second_canister(at: int) -> None:
    canary = Installation()
    canary.target()
    calls = trap_in_recording(canary, at)
    release = canary.start(canary.order(mode="Install"))["Ok"]
    canary.run_until_idle(10_000)
    assert len(calls) >= at
    assert canary.management.calls.count("create_canister") == 1
    assert canary.shown()["busy"] is None
    created_unrecorded = canary.shown()["canister"] is None
    assert ("Failed" in canary.state(release)) == created_unrecorded
    assert created_unrecorded == (at == 3)


PLANS = st.dictionaries(
    st.sampled_from(Management.METHODS),
    st.lists(
        st.sampled_from(["", "reject", "transient", "lost", "never", "silent", "ignored"]),
        max_size=4,
    ),
    max_size=5,
)


def roll_back_once(canary: Installation, release: str) -> bool:
    """Ask once for the rollback and let it end; whether it was begun.

    An upgrade of deployment while it still looks at the canister loses the caller's answer too:
    the caller gets a rejection. That, like an error, must mean that nothing was begun.
    """
    try:
        asked = canary.deployment.submit("rollback_release", release, None, caller=OWNER)
        canary.network.advance(3 * CALL_WAIT_SECONDS)
        begun = "Ok" in asked.result()
    except CanisterReject as rejection:
        assert "did not reply" in str(rejection)
        begun = False
    canary.run_until_idle()
    listed = canary.deployment.query("list_releases", None, {"cursor": None, "limit": 10})
    assert len(listed["Ok"]["items"]) == (2 if begun else 1)
    return begun


@pytest.mark.parametrize("fault", ["reject", "transient", "lost", "never"])
@pytest.mark.parametrize("step", ["canister_info", "canister_status"])
def test_a_fault_at_the_look_before_a_rollback_begins_none_and_it_can_be_asked_for_again(
    step: str, fault: str
) -> None:
    canary = Installation()
    canister = canary.existing()
    release = canary.release()
    canary.management.faults[step] = [fault]
    assert not roll_back_once(canary, release)
    check_whole(canary, canister, release)
    assert canary.state(release) == {"Succeeded": None}
    assert roll_back_once(canary, release)
    assert canary.state(release) == {"RolledBack": None}
    assert (canister.module, canister.state, canister.status) == (OLD, "old", "running")
    assert canary.shown()["busy"] is None


@settings(max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck))
@given(PLANS, st.booleans())
@example(faults={"canister_status": ["never"]}, roll_back=True)
def test_any_faults_leave_the_target_old_or_new_running_and_free(
    faults: dict[str, list[str]], roll_back: bool
) -> None:
    canary = Installation()
    canister = canary.existing()
    canary.management.faults = {name: list(plan) for name, plan in faults.items()}
    release = canary.release()
    assert canister.status == "running"
    assert canary.shown()["busy"] is None
    assert canary.deployment.query("health")["open"] == 0
    if "Succeeded" in canary.state(release):
        assert canister.module == NEW
    else:
        assert canister.module == OLD
        assert canister.state == "old"
    if roll_back and "Succeeded" in canary.state(release):
        canary.management.faults = {name: list(plan) for name, plan in faults.items()}
        begun = roll_back_once(canary, release)
        assert canister.status == "running"
        assert canary.shown()["busy"] is None
        assert canary.deployment.query("health")["open"] == 0
        rolled = "RolledBack" in canary.state(release)
        assert begun or not rolled
        assert canister.module == (OLD if rolled else NEW)


@settings(max_examples=examples(10), deadline=None, suppress_health_check=list(HealthCheck))
@given(PLANS)
def test_any_faults_of_a_first_release_create_at_most_one_recorded_canister(
    faults: dict[str, list[str]],
) -> None:
    canary = Installation()
    canary.target()
    canary.management.faults = {name: list(plan) for name, plan in faults.items()}
    release = canary.release(mode="Install")
    # An answer to create_canister is waited for as long as the release ran until here.
    canary.run_until_idle()
    world = canary.management.canisters
    assert len(world) <= 1
    assert canary.shown()["busy"] is None
    recorded = canary.shown()["canister"]
    if "Succeeded" in canary.state(release):
        assert recorded is not None
        assert world[recorded.bytes].module == NEW
    elif recorded is None and world:
        assert "may have been created" in canary.failure(release)
