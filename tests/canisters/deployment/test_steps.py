"""What each answer leads to, as plain rules."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kybra import Principal

from canisters.deployment import releases, steps, targets
from canisters.deployment.steps import Answer
from shared.rules.limits import MAX_ACTIVE_RELEASES

if TYPE_CHECKING:
    from collections.abc import Callable

    from canisters.deployment.store import ProgressRecord, SnapshotRecord
    from shared.types.management import Snapshot
    from shared.types.release import ReleaseOrder

NOW = 1_700_000_000_000_000_000
NEW = b"new module"
DIGEST = hashlib.sha256(NEW).digest()
OLD_DIGEST = hashlib.sha256(b"old module").digest()


def order(mode: str = "Upgrade", size: int = 2_500_000) -> ReleaseOrder:
    made: Any = {
        "approval": "approval-1",
        "run": "run-1",
        "repository": "demo",
        "target": "counter",
        "stage": "build",
        "artifact": "app.wasm",
        "sha256": DIGEST.hex(),
        "size": size,
        "mode": {mode: None},
        "memory": {"Default": None},
        "install_arg": b"",
        "upgrade_arg": b"",
        "order": None,
        "digest": None,
        "attempt": None,
    }
    result: ReleaseOrder = made
    return result


def fetching(canister: bool = True) -> ProgressRecord:
    progress = steps.waiting(NOW)
    progress["canister"] = Principal(b"target") if canister else None
    steps.enter(progress, steps.FETCH)
    return progress


class World:
    """The target as the steps' answers change it: a perfect management canister."""

    def __init__(self, module: bytes | None) -> None:
        self.module = module
        self.running = True
        self.performed: list[str] = []

    def perform(self, step: str) -> bytes | None:
        self.performed.append(step)
        if step in (steps.STOP, steps.ROLLBACK_STOP):
            self.running = False
        elif step in (steps.START, steps.RECOVER, steps.ROLLBACK_START, steps.ROLLBACK_RECOVER):
            self.running = True
        elif step in (steps.VERIFY, steps.UPLOAD):
            return DIGEST
        elif step == steps.SNAPSHOT:
            assert not self.running
            return b"snapshot"
        elif step == steps.INSTALL:
            assert steps.VERIFY in self.performed
            self.module = DIGEST
        elif step == steps.ROLLBACK_LOAD:
            assert not self.running
            self.module = OLD_DIGEST
        elif step == steps.CREATE:
            return b"created"
        return self.module


def drive(
    progress: ProgressRecord,
    world: World,
    given: ReleaseOrder,
    fault: Callable[[str], str] = lambda step: "",
) -> list[str]:
    """Perform steps until the release has ended; the states in order."""
    seen: list[str] = []
    for _ in range(500):
        step = steps.next_step(progress)
        if not seen or seen[-1] != steps.word_of(progress["state"]):
            seen.append(steps.word_of(progress["state"]))
        if step is None:
            return seen
        if step in steps.JOURNALED and progress["sent_ns"] == 0:
            progress["sent_ns"] = NOW
        kind = fault(step)
        if kind == "reject":
            answer = steps.rejected("Rejection code 5, no")
        elif kind == "transient":
            answer = steps.rejected("Rejection code 2, full")
        elif kind == "never":
            continue
        else:
            value = world.perform(step)
            if kind == "lost":
                continue
            answer = Answer(value)
        if step == steps.CREATE and answer.error is None:
            progress["canister"] = Principal(b"created")
        steps.settle(progress, step, answer, given)
    raise AssertionError(f"the release does not end: {progress}")


def test_an_upgrade_goes_through_all_states_in_order() -> None:
    assert drive(fetching(), World(OLD_DIGEST), order()) == [
        "Fetching",
        "Stopping",
        "Snapshotting",
        "Uploading",
        "Installing",
        "Starting",
        "Checking",
        "Succeeded",
    ]


def test_a_first_install_creates_and_does_not_stop() -> None:
    world = World(None)
    states = drive(fetching(canister=False), world, order("Install"))
    assert states[:3] == ["Fetching", "Creating", "Uploading"]
    assert states[-1] == "Succeeded"
    assert steps.STOP not in world.performed
    assert steps.SNAPSHOT not in world.performed


def test_chunks_cover_the_artifact_exactly() -> None:
    world = World(OLD_DIGEST)
    drive(fetching(), world, order(size=2_500_000))
    assert world.performed.count(steps.FETCH) == 3
    assert world.performed.count(steps.UPLOAD) == 3


@given(st.integers(1, 40_000_000))
def test_the_chunk_sizes_add_up(size: int) -> None:
    count = steps.chunk_count(size)
    sizes = [steps.chunk_size(size, index) for index in range(count)]
    assert sum(sizes) == size
    assert all(0 < one <= 1_000_000 for one in sizes)


def test_other_bytes_fail_before_the_target_is_looked_at() -> None:
    progress = fetching()
    for _ in range(3):
        steps.settle(progress, steps.FETCH, Answer(), order())
    steps.settle(progress, steps.VERIFY, Answer(OLD_DIGEST), order())
    assert OLD_DIGEST.hex() in progress["state"]["Failed"]
    assert steps.UNTOUCHED in progress["state"]["Failed"]
    assert steps.next_step(progress) is None


def test_a_create_that_is_under_way_after_a_restart_is_not_repeated() -> None:
    progress = fetching(canister=False)
    steps.enter(progress, steps.CREATE)
    progress["sent_ns"] = NOW
    assert steps.next_step(progress) is None
    assert "may have been created" in progress["state"]["Failed"]


def test_an_install_that_is_under_way_after_a_restart_is_looked_at_first() -> None:
    progress = fetching()
    steps.enter(progress, steps.INSTALL)
    progress["previous_hash"] = OLD_DIGEST
    progress["sent_ns"] = NOW
    assert steps.next_step(progress) == steps.RECHECK
    steps.settle(progress, steps.RECHECK, Answer(OLD_DIGEST), order())
    assert steps.next_step(progress) == steps.INSTALL
    progress["sent_ns"] = NOW
    steps.settle(progress, steps.RECHECK, Answer(DIGEST), order())
    assert steps.next_step(progress) == steps.START


def test_an_install_that_cannot_be_judged_is_judged_when_the_canister_runs_again() -> None:
    world = World(OLD_DIGEST)
    lost = iter([True])

    def fault(step: str) -> str:
        if step == steps.INSTALL:
            return "lost" if next(lost, False) else ""
        return "reject" if step == steps.RECHECK else ""

    progress = fetching()
    assert drive(progress, world, order(), fault)[-1] == "Succeeded"
    assert world.performed[-2:] == [steps.RECOVER, steps.ASSESS]


def test_a_stop_that_is_overdue_fails_and_starts_the_canister_again() -> None:
    progress = fetching()
    progress["touched"] = True
    steps.enter(progress, steps.STOP)
    steps.overdue(progress)
    assert steps.next_step(progress) == steps.RECOVER
    steps.settle(progress, steps.RECOVER, Answer(), order())
    assert progress["state"]["Failed"].startswith("Stopping: the canister did not stop")


def test_a_rejection_is_shown_without_its_code_which_tells_what_was_not_performed() -> None:
    full = steps.rejected("Rejection code 2, IC0201: the queue is full, try later")
    assert (full.error, full.transient) == ("IC0201: the queue is full, try later", True)
    trapped = steps.rejected("Rejection code 5, IC0502: trapped")
    assert (trapped.error, trapped.transient) == ("IC0502: trapped", False)
    assert steps.rejected("something else").error == "something else"


def test_reasons_are_cut_to_what_the_record_holds() -> None:
    progress = fetching()
    steps.fail(progress, "x" * 10_000)
    assert len(progress["state"]["Failed"]) < 1_000


FAULTS = st.lists(st.sampled_from(["", "", "reject", "transient", "lost", "never"]), max_size=40)


@given(FAULTS, st.booleans(), st.booleans())
def test_any_faults_end_old_or_new_and_running(
    faults: list[str], first: bool, roll_back: bool
) -> None:
    """Beyond the listed faults everything works, as it does after an outage."""
    pending = list(faults)
    world = World(None if first else OLD_DIGEST)
    progress = fetching(canister=not first)
    given_order = order("Install" if first else "Upgrade")
    states = drive(progress, world, given_order, lambda step: pending.pop(0) if pending else "")
    assert world.running
    if states[-1] == "Succeeded":
        assert world.module == DIGEST
        assert progress["module_hash"] == DIGEST
    else:
        assert states[-1] == "Failed"
        assert world.module == (None if first else OLD_DIGEST)
    assert world.performed.count(steps.CREATE) <= 1
    if roll_back and states[-1] == "Succeeded" and not first:
        steps.begin_rollback(progress)
        pending = list(faults)
        states = drive(progress, world, given_order, lambda step: pending.pop(0) if pending else "")
        assert world.running
        assert world.module == (OLD_DIGEST if states[-1] == "RolledBack" else DIGEST)
        assert states[-1] in ("RolledBack", "Succeeded")
        assert (progress["note"] is not None) == (states[-1] == "Succeeded")


def test_waiting_releases_begin_in_order_one_for_each_free_target() -> None:
    waiting = [(3, "b"), (0, "a"), (2, "a"), (1, "b"), (4, "c")]
    assert releases.ready(waiting, set(), 0) == [0, 1, 4]
    assert releases.ready(waiting, {"a"}, 1) == [1, 4]
    assert releases.ready(waiting, set(), 3) == [0]
    assert releases.ready(waiting, set(), 4) == []


@given(
    st.lists(st.sampled_from("abcdef"), max_size=30),
    st.sets(st.sampled_from("abcdef")),
    st.integers(0, 6),
)
def test_no_release_overtakes_another_of_its_target(
    names: list[str], busy: set[str], active: int
) -> None:
    waiting = list(enumerate(names))
    chosen = releases.ready(waiting, busy, active)
    assert len(chosen) + active <= max(MAX_ACTIVE_RELEASES, active)
    for number in chosen:
        assert names[number] not in busy
        assert names[number] not in names[:number]


def snapshot(id: bytes, taken_ns: int = NOW) -> Snapshot:
    return {"id": id, "taken_at_timestamp": taken_ns, "total_size": 1}


def ours(*ids: bytes) -> list[SnapshotRecord]:
    return [{"release": f"release-{number + 1}", "id": id} for number, id in enumerate(ids)]


def test_a_snapshot_whose_answer_was_lost_is_adopted() -> None:
    listed = [snapshot(b"a", NOW - 1), snapshot(b"users own", NOW - 5), snapshot(b"b", NOW)]
    assert targets.plan_snapshot(ours(b"a"), listed, NOW) == (b"b", None)
    assert targets.plan_snapshot(ours(b"a"), listed[:2], NOW) == (None, None)
    assert targets.plan_snapshot(ours(b"a"), listed, 0) == (None, None)


def test_the_oldest_of_five_is_replaced_and_snapshots_of_others_are_left_alone() -> None:
    five = [b"a", b"b", b"c", b"d", b"e"]
    listed = [snapshot(b"users own"), *[snapshot(one) for one in five]]
    assert targets.plan_snapshot(ours(*five), listed, 0) == (None, b"a")
    assert targets.plan_snapshot(ours(*five[:4]), listed, 0) == (None, None)
    assert targets.plan_snapshot(ours(*five), listed[:5], 0) == (None, None)


def test_releases_whose_snapshot_is_gone_are_named() -> None:
    kept, gone = targets.with_snapshot(ours(b"a", b"b"), [snapshot(b"b")], "release-3", b"c")
    assert [one["id"] for one in kept] == [b"b", b"c"]
    assert gone == ["release-1"]


@pytest.mark.parametrize("name", ["", "release-", "release-0", "release-01", "release-x", "7"])
def test_a_text_that_names_no_release_is_not_read_as_one(name: str) -> None:
    assert releases.number_of(name) is None


@given(st.integers(0, 10**12))
def test_a_name_leads_back_to_its_number(number: int) -> None:
    assert releases.number_of(releases.name_of(number)) == number
