"""What each answer leads to, as plain rules."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kybra import Principal

from canisters.deployment.releases import rules as releases
from canisters.deployment.steps import machine, phases, table
from canisters.deployment.steps.answer import Answer, Look, rejected
from canisters.deployment.steps.machine import Goal
from canisters.deployment.steps.step import Step
from canisters.deployment.targets import rules as targets
from shared.rules.limits import MAX_ACTIVE_RELEASES

if TYPE_CHECKING:
    from collections.abc import Callable

    from canisters.deployment.records import ProgressRecord, SnapshotRecord
    from canisters.deployment.steps.phases import Phase
    from shared.types.management import Snapshot
    from shared.types.release import ReleaseOrder

NOW = 1_700_000_000_000_000_000
LIMIT_NS = table.STEPS[phases.INSTALL.name].limit_ns
NO_ANSWER = "Rejection code 6, IC0601: no answer"
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
    progress = machine.waiting(NOW)
    progress["canister"] = Principal(b"target") if canister else None
    table.begin(progress)
    return progress


def goal(given: ReleaseOrder) -> Goal:
    return Goal(given, None, None)


def rolling_back(canister: bool = True) -> ProgressRecord:
    progress = machine.waiting(NOW)
    progress["canister"] = Principal(b"target")
    progress["rollback_of"] = "release-1"
    table.begin(progress)
    return progress


class World:
    """The target as the steps' answers change it: a perfect management canister."""

    def __init__(self, module: bytes | None) -> None:
        self.module = module
        self.changes = 0
        self.running = True
        self.performed: list[str] = []

    def perform(self, step: Step) -> Answer:
        self.performed.append(step.phase.name)
        if step.call == "stop":
            self.running = False
        elif step.call == "start":
            self.running = True
        elif step.call in ("verify", "upload"):
            return Answer(DIGEST)
        elif step.call == "snapshot":
            assert not self.running
            return Answer(b"snapshot")
        elif step.call in ("install", "load"):
            assert step.call == "install" or not self.running
            self.module = DIGEST if step.call == "install" else OLD_DIGEST
            self.changes += 1
        elif step.call == "create":
            self.changes += 1
            return Answer(b"created")
        return Answer(self.module, look=Look(self.module, self.changes))


def drive(
    progress: ProgressRecord,
    world: World,
    given: Goal,
    fault: Callable[[str], str] = lambda step: "",
) -> list[str]:
    """Perform steps until the release has ended; the states in order."""
    seen: list[str] = []
    for _ in range(500):
        step = table.next_step(progress)
        if not seen or seen[-1] != machine.word_of(progress["state"]):
            seen.append(machine.word_of(progress["state"]))
        if step is None:
            return seen
        if step.blind and progress["sent_ns"] == 0:
            progress["sent_ns"] = NOW
        kind = fault(step.phase.name)
        if kind == "reject":
            answer = rejected("Rejection code 5, no")
        elif kind == "transient":
            answer = rejected("Rejection code 2, full")
        elif kind == "never":
            continue
        elif kind == "ignored":
            answer = rejected(NO_ANSWER)
        else:
            answer = world.perform(step)
            if kind == "lost":
                continue
            if kind == "silent":
                answer = rejected(NO_ANSWER)
        if step.phase is phases.CREATE and answer.error is None:
            progress["canister"] = Principal(b"created")
        if table.record_answer(progress, step, answer, given) is None:
            table.awaited(progress, NOW + LIMIT_NS)
    raise AssertionError(f"the release does not end: {progress}")


def test_an_upgrade_goes_through_all_states_in_order() -> None:
    assert drive(fetching(), World(OLD_DIGEST), goal(order())) == [
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
    states = drive(fetching(canister=False), world, goal(order("Install")))
    assert states[:2] == ["Fetching", "Creating"]
    assert states[-1] == "Succeeded"
    assert phases.STOP.name not in world.performed
    assert phases.SNAPSHOT.name not in world.performed


def test_every_step_leads_to_known_steps() -> None:
    for name, step in table.STEPS.items():
        assert step.phase.name == name
        assert step.doubt is None or step.doubt.name in table.STEPS
        assert not step.blind or step.doubt is not None or step.doubt_reason


def test_chunks_cover_the_artifact_exactly() -> None:
    world = World(OLD_DIGEST)
    drive(fetching(), world, goal(order(size=2_500_000)))
    assert world.performed.count(phases.FETCH.name) == 3
    assert world.performed.count(phases.UPLOAD.name) == 3


@given(st.integers(1, 40_000_000))
def test_the_chunk_sizes_add_up(size: int) -> None:
    count = machine.chunk_count(size)
    sizes = [machine.chunk_size(size, index) for index in range(count)]
    assert sum(sizes) == size
    assert all(0 < one <= 1_000_000 for one in sizes)


def record_answer(
    progress: ProgressRecord, phase: Phase, answer: Answer, given: Goal | None = None
) -> None:
    table.record_answer(progress, table.STEPS[phase.name], answer, given or goal(order()))


def next_name(progress: ProgressRecord) -> str | None:
    step = table.next_step(progress)
    return None if step is None else step.phase.name


def test_other_bytes_fail_before_the_target_is_looked_at() -> None:
    progress = fetching()
    for _ in range(3):
        record_answer(progress, phases.FETCH, Answer())
    record_answer(progress, phases.VERIFY, Answer(OLD_DIGEST))
    assert OLD_DIGEST.hex() in progress["state"]["Failed"]
    assert machine.UNTOUCHED in progress["state"]["Failed"]
    assert next_name(progress) is None


def test_a_create_that_is_under_way_after_a_restart_is_not_repeated() -> None:
    progress = fetching(canister=False)
    machine.enter(progress, phases.CREATE)
    progress["sent_ns"] = NOW
    assert next_name(progress) is None
    assert "may have been created" in progress["state"]["Failed"]


def test_an_install_that_is_under_way_after_a_restart_is_looked_at_first() -> None:
    progress = fetching()
    machine.enter(progress, phases.INSTALL)
    progress["previous_hash"] = OLD_DIGEST
    progress["changes"] = 4
    progress["sent_ns"] = NOW
    assert next_name(progress) == phases.RECHECK.name
    record_answer(progress, phases.RECHECK, Answer(OLD_DIGEST, look=Look(OLD_DIGEST, 4)))
    # It was sent by what ran before an upgrade, and may still be under way.
    assert "may still be under way" in (table.awaited(progress, NOW + LIMIT_NS - 1) or "")
    assert next_name(progress) == phases.RECHECK.name
    assert table.awaited(progress, NOW + LIMIT_NS) is None
    assert next_name(progress) == phases.INSTALL.name
    progress["sent_ns"] = NOW
    record_answer(progress, phases.RECHECK, Answer(DIGEST, look=Look(DIGEST, 5)))
    assert next_name(progress) == phases.START.name


def test_a_lost_install_of_the_same_module_is_told_by_the_count_of_changes() -> None:
    for changes, expected in ((4, phases.INSTALL.name), (5, phases.START.name)):
        progress = fetching()
        machine.enter(progress, phases.INSTALL)
        progress["previous_hash"] = DIGEST
        progress["changes"] = 4
        progress["sent_ns"] = NOW
        record_answer(progress, phases.RECHECK, Answer(DIGEST, look=Look(DIGEST, changes)))
        assert table.awaited(progress, NOW + LIMIT_NS) is None
        assert next_name(progress) == expected


def test_a_change_by_somebody_else_while_an_install_is_in_doubt_is_concurrent() -> None:
    progress = fetching()
    machine.enter(progress, phases.INSTALL)
    progress["previous_hash"] = OLD_DIGEST
    progress["changes"] = 4
    progress["sent_ns"] = NOW
    other = Look(b"o" * 32, 5, by_others="last changed by a")
    record_answer(progress, phases.RECHECK, Answer(b"o" * 32, look=other))
    assert next_name(progress) == phases.RECOVER.name
    record_answer(progress, phases.RECOVER, Answer())
    assert "last changed by a" in progress["state"]["ConcurrentChange"]


def test_an_install_that_cannot_be_judged_is_judged_when_the_canister_runs_again() -> None:
    world = World(OLD_DIGEST)
    lost = iter([True])

    def fault(step: str) -> str:
        if step == phases.INSTALL.name:
            return "lost" if next(lost, False) else ""
        return "reject" if step == phases.RECHECK.name else ""

    progress = fetching()
    assert drive(progress, world, goal(order()), fault)[-1] == "Succeeded"
    assert world.performed[-2:] == [phases.RECOVER.name, phases.ASSESS.name]


def in_doubt(phase: Phase) -> ProgressRecord:
    """A release whose install or load was sent, to a canister with four changes."""
    progress = fetching()
    progress["touched"] = True
    machine.enter(progress, phase)
    progress["previous_hash"] = OLD_DIGEST
    progress["changes"] = 4
    progress["sent_ns"] = NOW
    return progress


@pytest.mark.parametrize("phase", [phases.INSTALL, phases.LOAD], ids=lambda phase: phase.name)
def test_an_install_or_load_without_an_answer_is_looked_at_and_not_repeated(phase: Phase) -> None:
    for changes, expected in ((4, phases.RECOVER), (5, phases.START)):
        progress = in_doubt(phase)
        record_answer(progress, phase, rejected(NO_ANSWER))
        assert next_name(progress) == phases.RECHECK.name
        found = DIGEST if changes == 5 else OLD_DIGEST
        record_answer(progress, phases.RECHECK, Answer(found, look=Look(found, changes)))
        assert next_name(progress) == expected.name


@pytest.mark.parametrize("late", [False, True])
def test_an_install_without_an_answer_is_looked_at_again_when_the_canister_runs(
    late: bool,
) -> None:
    progress = in_doubt(phases.INSTALL)
    record_answer(progress, phases.INSTALL, rejected(NO_ANSWER))
    record_answer(progress, phases.RECHECK, Answer(OLD_DIGEST, look=Look(OLD_DIGEST, 4)))
    record_answer(progress, phases.RECOVER, Answer())
    assert next_name(progress) == phases.ASSESS.name
    look = Look(DIGEST, 5) if late else Look(OLD_DIGEST, 4)
    record_answer(progress, phases.ASSESS, Answer(look.module_hash, look=look))
    if late:
        assert progress["state"] == {"Succeeded": None}
    else:
        assert "no answer came in time" in progress["state"]["Failed"]
        assert OLD_DIGEST.hex() in progress["state"]["Failed"]


def test_a_stop_without_an_answer_is_asked_for_once_more() -> None:
    progress = fetching()
    progress["touched"] = True
    machine.enter(progress, phases.STOP)
    record_answer(progress, phases.STOP, rejected(NO_ANSWER))
    assert next_name(progress) == phases.STOP.name
    record_answer(progress, phases.STOP, rejected(NO_ANSWER))
    assert next_name(progress) == phases.RECOVER.name
    assert "did not stop within 110 s" in str(progress["failure"])


def test_a_stop_that_is_overdue_fails_and_starts_the_canister_again() -> None:
    progress = fetching()
    progress["touched"] = True
    machine.enter(progress, phases.STOP)
    table.overdue(progress)
    assert next_name(progress) == phases.RECOVER.name
    record_answer(progress, phases.RECOVER, Answer())
    assert progress["state"]["Failed"].startswith("Stopping: the canister did not stop")


def test_a_canister_short_of_cycles_is_not_stopped() -> None:
    progress = fetching()
    machine.enter(progress, phases.LOOK)
    poor = Look(OLD_DIGEST, 1, charged=True, balance=200_000_000_000, frozen_below=1_000_000_000)
    record_answer(progress, phases.LOOK, Answer(OLD_DIGEST, look=poor))
    failure = progress["state"]["Failed"]
    assert "send it" in failure
    assert machine.UNTOUCHED in failure
    assert next_name(progress) is None


def test_a_rejection_for_lack_of_cycles_is_not_tried_again() -> None:
    answer = rejected("Rejection code 2, IC0207: Canister x is out of cycles: top up")
    assert answer.final
    progress = fetching()
    progress["touched"] = True
    machine.enter(progress, phases.INSTALL)
    record_answer(progress, phases.INSTALL, answer)
    assert next_name(progress) == phases.RECOVER.name


def test_a_rejection_is_shown_without_its_code_which_tells_what_was_not_performed() -> None:
    full = rejected("Rejection code 2, IC0201: the queue is full, try later")
    assert (full.error, full.transient) == ("IC0201: the queue is full, try later", True)
    trapped = rejected("Rejection code 5, IC0502: trapped")
    assert (trapped.error, trapped.transient) == ("IC0502: trapped", False)
    assert rejected("something else").error == "something else"


def test_reasons_are_cut_to_what_the_record_holds() -> None:
    progress = fetching()
    machine.fail(progress, "x" * 10_000)
    assert len(progress["state"]["Failed"]) < 1_000


@pytest.mark.parametrize("phase", ["rollback-stop", "rollback-load", "rollback-start"])
def test_a_rollback_of_version_0_1_0_that_was_under_way_ends_with_the_canister_running(
    phase: str,
) -> None:
    progress = fetching()
    progress["phase"] = phase
    progress["state"] = {"RollingBack": None}
    progress["installed"] = None
    world = World(DIGEST)
    drive(progress, world, goal(order()))
    assert world.performed == [phases.RECOVER.name, phases.ASSESS.name]
    assert progress["module_hash"] == DIGEST


FAULTS = st.lists(
    st.sampled_from(["", "", "reject", "transient", "lost", "never", "silent", "ignored"]),
    max_size=40,
)


@given(FAULTS, st.booleans(), st.booleans())
def test_any_faults_end_old_or_new_and_running(
    faults: list[str], first: bool, roll_back: bool
) -> None:
    """Beyond the listed faults everything works, as it does after an outage."""
    pending = list(faults)
    world = World(None if first else OLD_DIGEST)
    progress = fetching(canister=not first)
    given = goal(order("Install" if first else "Upgrade"))
    states = drive(progress, world, given, lambda step: pending.pop(0) if pending else "")
    assert world.running
    if states[-1] == "Succeeded":
        assert world.module == DIGEST
        assert progress["module_hash"] == DIGEST
    else:
        assert states[-1] == "Failed"
        installed = DIGEST if progress["installed"] else None if first else OLD_DIGEST
        assert world.module == installed
    assert world.performed.count(phases.CREATE.name) <= 1
    if roll_back and states[-1] == "Succeeded" and not first:
        back = rolling_back()
        pending = list(faults)
        undo = goal(order())
        undo.rollback, undo.binds = True, True
        undo.module_hash, undo.replaces = OLD_DIGEST, DIGEST
        states = drive(back, world, undo, lambda step: pending.pop(0) if pending else "")
        assert world.running
        assert world.module == (OLD_DIGEST if back["installed"] else DIGEST)
        assert states[-1] in ("Succeeded", "Failed")
        assert states[-1] == "Failed" or back["installed"]


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
