"""Moves releases on, one step after the other, and gives every free target its next release.

An active release is a message of the outbox, which wakes it up again after a trap or an upgrade.
"""

from kybra import Async, Principal, ic

from canisters.deployment import store
from canisters.deployment.books import books_after, books_undone, conclude, look_taken
from canisters.deployment.outbox import report
from canisters.deployment.records import ProgressRecord, TargetRecord
from canisters.deployment.releases import rules
from canisters.deployment.releases.place import check_place_now
from canisters.deployment.steps import machine, phases, table
from canisters.deployment.steps.answer import Answer
from canisters.deployment.steps.filling import drop, keep
from canisters.deployment.steps.machine import Goal
from canisters.deployment.steps.performing import drop_staged, perform
from canisters.deployment.steps.step import Step
from canisters.deployment.steps.task import Task
from canisters.deployment.targets import rules as target_rules
from shared.base.metering import CALL_CONTEXT, counted
from shared.base.outbox import Outbox, timer_delay_seconds
from shared.rules.limits import DRIVE_NS
from shared.rules.refused import Refused

PREFIX = "release:"


class UnderWay:
    """A step whose answer is awaited until `until_ns`. Not kept over an upgrade: neither is the
    answer."""

    __slots__ = ("until_ns",)

    def __init__(self, until_ns: int) -> None:
        self.until_ns = until_ns


_under_way: "dict[int, UnderWay]" = {}


def _perform(message: str) -> "Async[str | None]":
    again = yield from _drive(int(message[len(PREFIX) :]))
    return counted(store.totals, "step release", again, CALL_CONTEXT)


active = Outbox(store.outgoing, _perform)


def begin(number: int) -> None:
    """Make the release active: its progress says where it starts."""
    active.put(f"{PREFIX}{number}")
    report(number)


def _drive(number: int) -> "Async[str | None]":
    stored = store.orders.get(number)
    if stored is None:
        return None
    order = stored["order"]
    detail = store.details.get(number)
    approved = None if detail is None else detail["order"]
    rollback = None if detail is None else detail["rollback"]
    begun_ns = ic.time()
    while True:
        record = store.progress.get(number)
        if record is None or machine.is_done(record):
            return None
        now_ns = ic.time()
        held = _under_way.get(number)
        if held is not None:
            if now_ns < held.until_ns:
                return "a step is under way"
            table.overdue(record)
        step = table.next_step(record)
        if step is None:
            _keep(number, record, None)
            return None
        sent_ns = record["sent_ns"]
        if step.blind and sent_ns == 0:
            record["sent_ns"] = now_ns
            store.progress.insert(number, record)
        elif held is not None:
            store.progress.insert(number, record)
        mark = UnderWay(now_ns + step.limit_ns)
        _under_way[number] = mark
        target = store.targets.get(order["target"]) if step.needs_target else None
        task = Task(number, record, order, approved, rollback, target, sent_ns)
        answer = yield from _attempt(step, task)
        if _under_way.get(number) is not mark:
            return "a step was taken over"
        del _under_way[number]
        record = store.progress.get(number)
        if record is None:
            return None
        target = store.targets.get(order["target"])
        if answer.filling is not None:
            keep(number, answer.filling)
        was_installed = machine.was_installed(record)
        again = table.record_answer(record, step, answer, Goal(order, approved, rollback))
        again = again or table.awaited(record, ic.time())
        if target is not None:
            _note_facts(step, number, record, answer, target)
            if answer.look is not None:
                look_taken(target, answer.look)
            if machine.was_installed(record) and not was_installed:
                books_after(number, record, target)
                undone = rules.number_of(record["rollback_of"] or "")
                if undone is not None:
                    report(undone)
            elif was_installed and not machine.was_installed(record):
                books_undone(record, target)
        _keep(number, record, target)
        if again is not None:
            return again
        if ic.time() - begun_ns > DRIVE_NS and not machine.is_done(record):
            # A canister stops when its messages have ended; the next one begins after that.
            active.put(f"{PREFIX}{number}")
            return None


def _attempt(step: Step, task: Task) -> "Async[Answer]":
    try:
        answer = yield from perform(step, task)
    except Exception as error:
        # An error of ours must end the release with a reason, not hold its target for ever.
        return Answer(error=f"internal error: {type(error).__name__}: {error}", final=True)
    return answer


def _note_facts(
    step: Step, number: int, record: ProgressRecord, answer: Answer, target: TargetRecord
) -> None:
    """Enter what the step made at its target: its canister or its snapshot."""
    if answer.error is not None or answer.value is None:
        return
    if step.phase is phases.CREATE:
        created = Principal(answer.value)
        target["canister"] = created
        target["created"] = True
        record["canister"] = created
        record["created"] = True
        store.canister_targets.insert(created.to_str(), target["target"])
    elif step.phase is phases.SNAPSHOT:
        target["snapshots"], gone = target_rules.with_snapshot(
            target["snapshots"], answer.listed or [], rules.name_of(number), answer.value
        )
        for release in gone:
            _forget_snapshot(release)


def _forget_snapshot(release: str) -> None:
    number = rules.number_of(release)
    record = None if number is None else store.progress.get(number)
    if number is not None and record is not None:
        record["snapshot"] = None
        store.progress.insert(number, record)


def _keep(number: int, record: ProgressRecord, target: "TargetRecord | None") -> None:
    """Write down progress and target; when the release has ended, give its target back."""
    record["updated_ns"] = ic.time()
    ended = machine.is_done(record)
    if ended:
        if target is None:
            target = store.targets.get(store.open_releases.get(number) or "")
        if target is not None:
            conclude(number, record, target)
        if record["staged"] > 0:
            stored = store.orders.get(number)
            drop_staged(number, 0 if stored is None else stored["order"]["size"])
            record["staged"] = 0
        drop(number)
    store.progress.insert(number, record)
    if target is not None:
        store.targets.insert(target["target"], target)
    if ended:
        _under_way.pop(number, None)
        store.open_releases.remove(number)
        report(number)
        schedule()


def schedule() -> None:
    """Begin what may begin: each free target's first waiting release, a few at a time."""
    waiting = store.open_releases.items()
    now_ns = ic.time()
    records: dict[str, TargetRecord] = {}
    busy = set()
    for _, name in waiting:
        if name in records:
            continue
        record = store.targets.get(name)
        if record is None:
            continue
        records[name] = record
        if target_rules.holder(record, now_ns) is not None:
            busy.add(name)
            if record["busy_until_ns"] > 0:
                # An administrator's call that was lost gives its lock back by itself.
                ic.set_timer(timer_delay_seconds(now_ns, record["busy_until_ns"]), schedule)
    refused = []
    for number in rules.ready(waiting, busy, active.open_count()):
        progress = store.progress.get(number)
        record = records.get(store.open_releases.get(number) or "")
        if progress is None or record is None:
            continue
        why = _refuse_begin(number, record)
        if why is not None:
            machine.end(progress, {"Failed": f"Queued: {why} {machine.UNTOUCHED}"})
            refused.append((number, progress))
            continue
        target_rules.lock(record, rules.name_of(number), 0)
        store.targets.insert(record["target"], record)
        progress["canister"] = record["canister"]
        progress["updated_ns"] = now_ns
        table.begin(progress)
        store.progress.insert(number, progress)
        begin(number)
    for number, progress in refused:
        store.progress.insert(number, progress)
        store.open_releases.remove(number)
        drop(number)
        report(number)
    if refused:
        schedule()


def _refuse_begin(number: int, target: TargetRecord) -> "str | None":
    """Check again what was checked when the order came: it may have waited for long."""
    stored = store.orders.get(number)
    detail = store.details.get(number)
    if stored is None:
        return "the order is gone."
    order = stored["order"]
    try:
        target_rules.of_repository(target, order["target"], order["repository"])
        if detail is not None and detail["order"] is not None:
            check_place_now(order, detail["order"], target)
    except Refused as refused:
        return f"{refused.sentence}."
    return None


def rearm() -> None:
    """After an upgrade: go on with what was active, and begin what waits."""
    for message, _ in store.outgoing.items():
        active.retry_now(message)
    schedule()
