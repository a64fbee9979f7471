"""Moves releases on, one step after the other, and gives every free target its next release.

An active release is a message of the outbox, which wakes it up again after a trap or an upgrade.
"""

from kybra import Async, Principal, ic

from canisters.deployment import releases, steps, store, targets
from canisters.deployment.management import drop_staged, perform
from canisters.deployment.steps import Answer
from canisters.deployment.store import OrderRecord, ProgressRecord, TargetRecord
from shared.base.metering import CALL_CONTEXT, counted
from shared.base.outbox import Outbox, timer_delay_seconds
from shared.rules.limits import STEP_LIMIT_NS
from shared.types.release import ReleaseOrder

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


outbox = Outbox(store.outgoing, _perform)


def begin(number: int) -> None:
    """Make the release active: its progress says where it starts."""
    outbox.put(f"{PREFIX}{number}")


def _drive(number: int) -> "Async[str | None]":
    order_record: OrderRecord | None = store.orders.get(number)
    if order_record is None:
        return None
    order = order_record["order"]
    while True:
        record = store.progress.get(number)
        if record is None or steps.is_done(record):
            return None
        now_ns = ic.time()
        held = _under_way.get(number)
        if held is not None:
            if now_ns < held.until_ns:
                return "a step is under way"
            steps.overdue(record)
        step = steps.next_step(record)
        if step is None:
            _keep(number, record, order, None)
            return None
        sent_ns = record["sent_ns"]
        if step in steps.JOURNALED and sent_ns == 0:
            record["sent_ns"] = now_ns
            store.progress.insert(number, record)
        elif held is not None:
            store.progress.insert(number, record)
        mark = UnderWay(now_ns + steps.LIMITS_NS.get(step, STEP_LIMIT_NS))
        _under_way[number] = mark
        target = store.targets.get(order["target"]) if step in steps.NEED_TARGET else None
        answer = yield from _attempt(step, number, record, order, target, sent_ns)
        if _under_way.get(number) is not mark:
            return "a step was taken over"
        del _under_way[number]
        record = store.progress.get(number)
        if record is None:
            return None
        again = steps.settle(record, step, answer, order)
        _keep(number, record, order, _facts(step, number, record, answer, order))
        if again is not None:
            return again


def _attempt(
    step: str,
    number: int,
    record: ProgressRecord,
    order: ReleaseOrder,
    target: "TargetRecord | None",
    sent_ns: int,
) -> "Async[Answer]":
    try:
        answer = yield from perform(step, number, record, order, target, sent_ns)
    except Exception as error:
        # An error of ours must end the release with a reason, not hold its target for ever.
        return Answer(error=f"internal error: {type(error).__name__}: {error}", final=True)
    return answer


def _facts(
    step: str, number: int, record: ProgressRecord, answer: Answer, order: ReleaseOrder
) -> "TargetRecord | None":
    """The target with what the step made: its canister or its snapshot; None for other steps."""
    if answer.error is not None or answer.value is None or step not in steps.NEED_TARGET:
        return None
    target = store.targets.get(order["target"])
    if target is None:
        return None
    if step == steps.CREATE:
        created = Principal(answer.value)
        target["canister"] = created
        target["created"] = True
        record["canister"] = created
        store.canister_targets.insert(created.to_str(), target["target"])
        return target
    target["snapshots"], gone = targets.with_snapshot(
        target["snapshots"], answer.listed or [], releases.name_of(number), answer.value
    )
    for release in gone:
        _forget_snapshot(release)
    return target


def _forget_snapshot(release: str) -> None:
    number = releases.number_of(release)
    record = None if number is None else store.progress.get(number)
    if number is not None and record is not None:
        record["snapshot"] = None
        store.progress.insert(number, record)


def _keep(
    number: int, record: ProgressRecord, order: ReleaseOrder, target: "TargetRecord | None"
) -> None:
    """Write down progress and target; when the release has ended, give its target back."""
    record["updated_ns"] = ic.time()
    ended = steps.is_done(record)
    if ended:
        target = target or store.targets.get(order["target"])
        if target is not None:
            conclude(number, record, target)
        if record["staged"] > 0:
            drop_staged(number, order["size"])
            record["staged"] = 0
    store.progress.insert(number, record)
    if target is not None:
        store.targets.insert(target["target"], target)
    if ended:
        _under_way.pop(number, None)
        store.open_releases.remove(number)
        schedule()


def conclude(number: int, record: ProgressRecord, target: TargetRecord) -> None:
    """What the end of a release means for its target."""
    name = releases.name_of(number)
    targets.unlock(target)
    if "Succeeded" in record["state"]:
        if target["last_release"] != name:
            record["previous_release"] = target["last_release"]
            target["last_release"] = name
        target["module_hash"] = record["module_hash"]
    elif "RolledBack" in record["state"]:
        target["last_release"] = record["previous_release"]
        target["module_hash"] = record["previous_hash"]
    elif record["module_hash"] is not None:
        target["module_hash"] = record["module_hash"]


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
        if targets.holder(record, now_ns) is not None:
            busy.add(name)
            if record["busy_until_ns"] > 0:
                # An administrator's call that was lost gives its lock back by itself.
                ic.set_timer(timer_delay_seconds(now_ns, record["busy_until_ns"]), schedule)
    for number in releases.ready(waiting, busy, outbox.open_count()):
        progress = store.progress.get(number)
        record = records[store.open_releases.get(number) or ""]
        if progress is None:
            continue
        targets.lock(record, releases.name_of(number), 0)
        store.targets.insert(record["target"], record)
        progress["canister"] = record["canister"]
        progress["updated_ns"] = now_ns
        steps.enter(progress, steps.FETCH)
        store.progress.insert(number, progress)
        begin(number)


def rearm() -> None:
    """After an upgrade: go on with what was active, and begin what waits."""
    for message, _ in store.outgoing.items():
        outbox.retry_now(message)
    schedule()
