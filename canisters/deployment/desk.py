"""Targets and releases in the store: what the entry points ask for."""

from kybra import Async, CallResult, Opt, ic, text, void

from canisters.deployment import releases, steps, store, targets
from canisters.deployment.driving import begin, schedule
from canisters.deployment.management import management
from canisters.deployment.store import TargetRecord
from shared.rules.limits import ADMIN_LOCK_NS, MAX_OPEN_RELEASES
from shared.rules.paging import page_bounds
from shared.types.errors import Done, Error, conflict, exhausted, invalid, not_found, unavailable
from shared.types.management import CanisterStatusReply
from shared.types.paging import PageRequest
from shared.types.release import (
    ModeResult,
    Release,
    ReleaseOrder,
    ReleasePageResult,
    ReleaseResult,
    TargetInput,
    TargetPageResult,
    TargetResult,
    TextResult,
)

MAX_PAGE_BYTES = 1_000_000
TYPICAL_RELEASE_BYTES = 2_000


def _no_target(target: str) -> Error:
    return not_found(f"there is no target {target[:80]}: an admin must register it first")


def _refuse_taken(given: TargetInput) -> "Error | None":
    """Two targets of one canister would undo each other's releases, each under its own lock."""
    if given["canister"] is None:
        return None
    canister = given["canister"].to_str()
    other = store.canister_targets.get(canister)
    if other is None or other == given["target"]:
        return None
    record = store.targets.get(other)
    # Entries are not removed: they count while that target still has the canister.
    if record is None or targets.text_of(record["canister"]) != canister:
        return None
    return conflict(f"canister {canister} is target {other}: delete or change that one first")


def _note_canister(record: TargetRecord) -> None:
    canister = targets.text_of(record["canister"])
    if canister is not None:
        store.canister_targets.insert(canister, record["target"])


def register_target(given: TargetInput) -> TargetResult:
    error = targets.check_input(given, ic.id().to_str())
    if error is not None:
        return {"Err": error}
    if store.targets.contains_key(given["target"]):
        return {"Err": conflict(f"target {given['target']} exists: use update_target")}
    error = _refuse_taken(given)
    if error is not None:
        return {"Err": error}
    number = store.target_order.len()
    record = targets.registered(given, number)
    store.target_order.insert(number, given["target"])
    store.targets.insert(given["target"], record)
    _note_canister(record)
    return {"Ok": targets.shown(record, ic.time())}


def update_target(given: TargetInput) -> TargetResult:
    error = targets.check_input(given, ic.id().to_str())
    if error is not None:
        return {"Err": error}
    record = store.targets.get(given["target"])
    if record is None:
        return {"Err": _no_target(given["target"])}
    error = targets.refuse_if_busy(record, ic.time()) or _refuse_taken(given)
    if error is not None:
        return {"Err": error}
    targets.updated(record, given)
    store.targets.insert(given["target"], record)
    _note_canister(record)
    return {"Ok": targets.shown(record, ic.time())}


def get_target(target: str) -> TargetResult:
    record = store.targets.get(target)
    if record is None:
        return {"Err": _no_target(target)}
    return {"Ok": targets.shown(record, ic.time())}


def list_targets(page: PageRequest) -> TargetPageResult:
    """Newest first; deleted ones leave gaps, so that a page may hold fewer than asked for."""
    bounds = page_bounds(store.target_order.len(), page["cursor"], page["limit"])
    if isinstance(bounds, str):
        return {"Err": invalid(bounds)}
    first, last = bounds
    now_ns = ic.time()
    items = []
    for number in range(first, last - 1, -1):
        record = store.targets.get(store.target_order.get(number) or "")
        if record is not None and record["number"] == number:
            items.append(targets.shown(record, now_ns))
    return {"Ok": {"items": items, "next": str(last - 1) if last > 0 else None}}


def plan_mode(target: str, repository: str) -> "Async[ModeResult]":
    """What mode `Auto` means now: Install for a target without a module, else Upgrade."""
    record = store.targets.get(target)
    error = targets.refuse_other_repository(record, target, repository)
    if error is not None or record is None:
        return {"Err": error or _no_target(target)}
    canister = record["canister"]
    if canister is None:
        return {"Ok": {"Install": None}}
    reply: CallResult[CanisterStatusReply] = yield management().canister_status(
        {"canister_id": canister}
    )
    if reply.Err is not None:
        return {
            "Err": unavailable(
                f"the status of target {target} ({canister.to_str()}) could not be read: "
                f"{reply.Err}: the deployment canister must be one of its controllers"
            )
        }
    if reply.Ok["module_hash"] is None:
        return {"Ok": {"Install": None}}
    return {"Ok": {"Upgrade": None}}


def start_release(order: ReleaseOrder) -> TextResult:
    """Take an order, once per approval; it begins when its target is free."""
    known = store.approval_index.get(order["approval"])
    if known is not None:
        record = store.orders.get(known)
        if record is not None and record["order"] == order:
            return {"Ok": releases.name_of(known)}
        return {"Err": conflict(f"{order['approval']} was released with another order")}
    error = releases.check_order(order)
    if error is not None:
        return {"Err": error}
    target = store.targets.get(order["target"])
    error = targets.refuse_other_repository(target, order["target"], order["repository"])
    if error is not None or target is None:
        return {"Err": error or _no_target(order["target"])}
    if store.open_releases.len() >= MAX_OPEN_RELEASES:
        return {
            "Err": exhausted(
                f"{MAX_OPEN_RELEASES} releases are open (MAX_OPEN_RELEASES): try later"
            )
        }
    number = store.orders.len()
    store.orders.insert(number, {"version": 1, "order": order})
    store.progress.insert(number, steps.waiting(ic.time()))
    store.approval_index.insert(order["approval"], number)
    store.target_releases.insert(f"{order['target']}#{target['releases']}", number)
    target["releases"] += 1
    store.targets.insert(order["target"], target)
    store.open_releases.insert(number, order["target"])
    schedule()
    return {"Ok": releases.name_of(number)}


def _release(number: int) -> "Release | None":
    order = store.orders.get(number)
    progress = store.progress.get(number)
    if order is None or progress is None:
        return None
    return releases.shown(number, order["order"], progress)


def get_release(release: str) -> ReleaseResult:
    number = releases.number_of(release)
    found = None if number is None else _release(number)
    if found is None:
        return {"Err": not_found(f"there is no release {release[:80]}")}
    return {"Ok": found}


def list_releases(target: Opt[text], page: PageRequest) -> ReleasePageResult:
    """Newest first, of all targets or of one. A page ends early when its records are large."""
    if target is None:
        total = store.orders.len()
    else:
        record = store.targets.get(target)
        if record is None:
            return {"Err": _no_target(target)}
        total = record["releases"]
    bounds = page_bounds(total, page["cursor"], page["limit"])
    if isinstance(bounds, str):
        return {"Err": invalid(bounds)}
    first, last = bounds
    items = []
    size = 0
    position = first
    while position >= last and position >= 0 and size < MAX_PAGE_BYTES:
        number: int | None = position
        if target is not None:
            number = store.target_releases.get(f"{target}#{position}")
        found = None if number is None else _release(number)
        if found is not None:
            order = found["order"]
            size += TYPICAL_RELEASE_BYTES
            size += len(order["install_arg"]) + len(order["upgrade_arg"])
            items.append(found)
        position -= 1
    return {"Ok": {"items": items, "next": str(position) if position >= 0 else None}}


def rollback_release(release: str) -> ReleaseResult:
    """Begin to take the target's last release back; `get_release` tells how it went."""
    number = releases.number_of(release)
    progress = None if number is None else store.progress.get(number)
    order = None if number is None else store.orders.get(number)
    if number is None or progress is None or order is None:
        return {"Err": not_found(f"there is no release {release[:80]}")}
    name = order["order"]["target"]
    target = store.targets.get(name)
    if target is None:
        return {"Err": _no_target(name)}
    error = targets.refuse_rollback(target, progress, release, ic.time())
    if error is not None:
        return {"Err": error}
    steps.begin_rollback(progress)
    progress["updated_ns"] = ic.time()
    targets.lock(target, release, 0)
    store.targets.insert(name, target)
    store.progress.insert(number, progress)
    store.open_releases.insert(number, name)
    begin(number)
    return {"Ok": releases.shown(number, order["order"], progress)}


def _acquire(target: str, word: str) -> "tuple[TargetRecord | None, Error]":
    """Lock a target for an administrator's call. The error counts when there is no record."""
    record = store.targets.get(target)
    if record is None:
        return (None, _no_target(target))
    now_ns = ic.time()
    error = targets.refuse_if_busy(record, now_ns)
    if error is not None:
        return (None, error)
    targets.lock(record, f"{word} by an admin since {now_ns}", now_ns + ADMIN_LOCK_NS)
    store.targets.insert(target, record)
    return (record, {})


def _give_back(target: str, held_by: "str | None") -> None:
    record = store.targets.get(target)
    if record is not None and record["busy"] == held_by:
        targets.unlock(record)
        store.targets.insert(target, record)
    schedule()


def start_target(target: str) -> "Async[Done]":
    """Start the target's canister."""
    result = yield from _switch(target, "start_target")
    return result


def stop_target(target: str) -> "Async[Done]":
    """Stop the target's canister. The next release starts it again."""
    result = yield from _switch(target, "stop_target")
    return result


def _switch(target: str, word: str) -> "Async[Done]":
    locked, error = _acquire(target, word)
    if locked is None:
        return {"Err": error}
    canister = locked["canister"]
    if canister is None:
        _give_back(target, locked["busy"])
        return {"Err": conflict(f"target {target} has no canister yet: release to it first")}
    if word == "start_target":
        reply: CallResult[void] = yield management().start_canister({"canister_id": canister})
    else:
        reply = yield management().stop_canister({"canister_id": canister})
    _give_back(target, locked["busy"])
    if reply.Err is not None:
        return {"Err": unavailable(f"{word} {target} was rejected: {reply.Err}")}
    return {"Ok": None}


def delete_target(target: str) -> "Async[Done]":
    """Forget a target. A canister that a release created is stopped and deleted with it; one that
    was given by its owner is left alone."""
    if target in [name for _, name in store.open_releases.items()]:
        return {"Err": conflict(f"target {target} has releases that wait or run: try later")}
    locked, error = _acquire(target, "delete_target")
    if locked is None:
        return {"Err": error}
    canister = locked["canister"]
    if canister is not None and locked["created"]:
        stopped: CallResult[void] = yield management().stop_canister({"canister_id": canister})
        deleted: CallResult[void] = stopped
        if stopped.Err is None:
            deleted = yield management().delete_canister({"canister_id": canister})
        if deleted.Err is not None:
            _give_back(target, locked["busy"])
            return {
                "Err": unavailable(
                    f"canister {canister.to_str()} of {target} was not deleted: {deleted.Err}. "
                    "If it is gone already, remove it with update_target first"
                )
            }
    record = store.targets.get(target)
    if record is None or record["busy"] != locked["busy"]:
        return {"Err": conflict(f"target {target} was changed meanwhile: look at it again")}
    if target in [name for _, name in store.open_releases.items()]:
        if record["created"]:
            targets.forget_canister(record)
        store.targets.insert(target, record)
        _give_back(target, locked["busy"])
        return {"Err": conflict(f"a release to {target} came meanwhile: it stays registered")}
    store.targets.remove(target)
    store.target_order.insert(record["number"], "")
    return {"Ok": None}
