"""Targets in the store: registering, changing, starting, stopping, deleting."""

from kybra import Async, CallResult, Principal, ic, void

from canisters.deployment import store
from canisters.deployment.books import look_taken
from canisters.deployment.records import TargetRecord
from canisters.deployment.releases.rules import name_of
from canisters.deployment.settings import network
from canisters.deployment.steps.answer import rejected
from canisters.deployment.steps.driving import schedule
from canisters.deployment.steps.looking import look_at
from canisters.deployment.steps.performing import create_canister, management, with_deployment
from canisters.deployment.targets import rules
from canisters.deployment.targets.views import shown
from shared.base.calls import bounded
from shared.rules.limits import ADMIN_LOCK_NS, CALL_WAIT_SECONDS
from shared.rules.paging import page_bounds
from shared.rules.refused import Refused, conflict, invalid, not_found, unavailable
from shared.types.paging import PageRequest
from shared.types.target import Target, TargetInput, TargetPage


def why_not(error: str) -> str:
    """Why a call about a target did not succeed, as far as that is known."""
    if rejected(error).unknown:
        return (
            f"no answer came within {CALL_WAIT_SECONDS} s. It may be done, or be done later: "
            "look at the canister, then try again"
        )
    return error


def no_target(target: str) -> Refused:
    return not_found(f"there is no target {target[:80]}: an admin adds it with register_target")


def find(target: str) -> TargetRecord:
    """The target's record. Raises NotFound."""
    record = store.targets.get(target)
    if record is None:
        raise no_target(target)
    return record


def open_releases_of(target: str) -> "list[str]":
    return [name_of(number) for number, name in store.open_releases.items() if name == target]


def _refuse_taken(given: TargetInput) -> None:
    """Two targets of one canister would undo each other's releases, each under its own lock."""
    if given["canister"] is None:
        return
    canister = given["canister"].to_str()
    other = store.canister_targets.get(canister)
    if other is None or other == given["target"]:
        return
    record = store.targets.get(other)
    # Entries are not removed: they count while that target still has the canister.
    if record is not None and rules.text_of(record["canister"]) == canister:
        raise conflict(f"canister {canister} is target {other}: delete or change that one first")


def _note_canister(record: TargetRecord) -> None:
    canister = rules.text_of(record["canister"])
    if canister is not None:
        store.canister_targets.insert(canister, record["target"])


def register_target(given: TargetInput) -> Target:
    rules.check_input(given, ic.id().to_str())
    rules.refuse_network(given["target"], given["network"], network())
    if store.targets.contains_key(given["target"]):
        raise conflict(f"target {given['target']} exists: use update_target")
    rules.refuse_controllers(given, [], ic.id().to_str())
    _refuse_taken(given)
    number = store.target_order.len()
    record = rules.registered(given, number)
    store.target_order.insert(number, given["target"])
    store.targets.insert(given["target"], record)
    _note_canister(record)
    return shown(record, ic.time())


def update_target(given: TargetInput) -> "Async[Target]":
    """Change a target that nothing approved counts on; its canister's controllers with it."""
    name = given["target"]
    rules.check_input(given, ic.id().to_str())
    rules.refuse_network(name, given["network"], network())
    record = find(name)
    rules.refuse_if_busy(record, ic.time())
    rules.refuse_open(name, open_releases_of(name))
    _refuse_taken(given)
    canister = record["canister"]
    if canister is not None and rules.keeps_canister(record, given):
        yield from _match_controllers(record, canister, given)
        # The canister has them now, whatever becomes of the other settings.
        record = find(name)
        rules.refuse_open(name, open_releases_of(name))
    else:
        rules.refuse_controllers(given, [], ic.id().to_str())
    rules.updated(record, given)
    store.targets.insert(name, record)
    _note_canister(record)
    return shown(record, ic.time())


def _match_controllers(
    record: TargetRecord, canister: Principal, given: TargetInput
) -> "Async[None]":
    """Give a canister that a release created the controllers that are wanted, and enter what it has
    then. Those of another one must be what is wanted already.

    What it has now is read first: somebody else may have changed it.
    """
    held_by = _lock(record, "update_target")
    answer = yield from look_at(canister)
    look = answer.look
    wanted = rules.besides(ic.id().to_str(), given["controllers"])
    has = rules.besides(ic.id().to_str(), look.controllers or []) if look is not None else None
    sets = record["created"] and has is not None and not rules.same_controllers(has, wanted)
    error = answer.error if record["created"] else None
    if sets:
        _refuse_come(record["target"], held_by)
        call = management().update_settings(
            {
                "canister_id": canister,
                "settings": {"controllers": with_deployment(wanted)},
            }
        )
        reply: CallResult[void] = yield bounded(call, CALL_WAIT_SECONDS)
        error = None if reply.Err is None else why_not(reply.Err)
    found = store.targets.get(record["target"])
    if found is not None and look is not None:
        look_taken(found, look)
        if sets and error is None:
            found["controllers"] = wanted
            if found["changes"] is not None:
                found["changes"] += 1
        store.targets.insert(found["target"], found)
    _give_back(record["target"], held_by)
    if error is not None:
        raise unavailable(f"the controllers of {canister.to_str()} were not changed: {error}")
    if not record["created"]:
        known = record["controllers"] if has is None else has
        rules.refuse_controllers(given, known, ic.id().to_str())


def _refuse_come(target: str, held_by: "str | None") -> None:
    """Change nothing when a release came while the canister was looked at: people approved it for
    the target as it is."""
    try:
        rules.refuse_open(target, open_releases_of(target))
    except Refused:
        _give_back(target, held_by)
        raise


def get_target(target: str) -> Target:
    return shown(find(target), ic.time())


def list_targets(page: PageRequest) -> TargetPage:
    """Newest first; deleted ones leave gaps, so that a page may hold fewer than asked for."""
    bounds = page_bounds(store.target_order.len(), page["cursor"], page["limit"])
    if isinstance(bounds, str):
        raise invalid(bounds)
    first, last = bounds
    now_ns = ic.time()
    items = []
    for number in range(first, last - 1, -1):
        record = store.targets.get(store.target_order.get(number) or "")
        if record is not None and record["number"] == number:
            items.append(shown(record, now_ns))
    return {"items": items, "next": str(last - 1) if last > 0 else None}


def _lock(record: TargetRecord, word: str) -> "str | None":
    """Lock a free target for an administrator's call; the holder's name."""
    now_ns = ic.time()
    rules.lock(record, f"{word} by an admin since {now_ns}", now_ns + ADMIN_LOCK_NS)
    store.targets.insert(record["target"], record)
    return record["busy"]


def _acquire(target: str, word: str) -> TargetRecord:
    """Lock a target for an administrator's call."""
    record = find(target)
    rules.refuse_if_busy(record, ic.time())
    _lock(record, word)
    return record


def _give_back(target: str, held_by: "str | None") -> None:
    record = store.targets.get(target)
    if record is not None and record["busy"] == held_by:
        rules.unlock(record)
        store.targets.insert(target, record)
    schedule()


def create_target_canister(target: str) -> "Async[Target]":
    """Give a target its canister now, empty, with the controllers and cycles of its settings.

    For ids that are needed before the first release, such as those that are compiled into modules.
    """
    rules.refuse_open(target, open_releases_of(target))
    rules.refuse_second_canister(find(target))
    locked = _acquire(target, "create_target_canister")
    creates = rules.creation_of(locked, ic.id())
    answer = yield from create_canister(creates["controllers"], creates["cycles"])
    made = None if answer.error is not None else Principal(answer.value or b"")
    found = store.targets.get(target)
    if made is not None and found is not None and found["canister"] is None:
        found["canister"] = made
        found["created"] = True
        store.targets.insert(target, found)
        _note_canister(found)
    _give_back(target, locked["busy"])
    if made is None:
        raise unavailable(f"no canister was made for {target}: {answer.error}")
    if found is None or rules.text_of(found["canister"]) != made.to_str():
        raise conflict(
            f"target {target} was changed meanwhile: the new canister {made.to_str()} is not its, "
            "enter it with update_target or let it be"
        )
    return shown(find(target), ic.time())


def switch(target: str, word: str) -> "Async[None]":
    """Start or stop the target's canister (`start_target`, `stop_target`). The next release starts
    a stopped one again."""
    locked = _acquire(target, word)
    canister = locked["canister"]
    if canister is None:
        _give_back(target, locked["busy"])
        raise conflict(f"target {target} has no canister yet: release to it first")
    if word == "start_target":
        call = management().start_canister({"canister_id": canister})
    else:
        call = management().stop_canister({"canister_id": canister})
    reply: CallResult[void] = yield bounded(call, CALL_WAIT_SECONDS)
    _give_back(target, locked["busy"])
    if reply.Err is not None:
        raise unavailable(f"{word} {target} was rejected: {why_not(reply.Err)}")


def delete_target(target: str) -> "Async[None]":
    """Forget a target. A canister that a release created is stopped and deleted with it; one that
    was given by its owner is left alone."""
    rules.refuse_open(target, open_releases_of(target))
    locked = _acquire(target, "delete_target")
    canister = locked["canister"]
    if canister is not None and locked["created"]:
        stop = management().stop_canister({"canister_id": canister})
        stopped: CallResult[void] = yield bounded(stop, CALL_WAIT_SECONDS)
        deleted: CallResult[void] = stopped
        if stopped.Err is None:
            delete = management().delete_canister({"canister_id": canister})
            deleted = yield bounded(delete, CALL_WAIT_SECONDS)
        if deleted.Err is not None:
            _give_back(target, locked["busy"])
            why = why_not(deleted.Err)
            raise unavailable(
                f"canister {canister.to_str()} of {target} was not deleted: {why}. "
                "If it is gone already, remove it with update_target first"
            )
    record = store.targets.get(target)
    if record is None or record["busy"] != locked["busy"]:
        raise conflict(f"target {target} was changed meanwhile: look at it again")
    if open_releases_of(target):
        if record["created"]:
            rules.forget_canister(record)
        store.targets.insert(target, record)
        _give_back(target, locked["busy"])
        raise conflict(f"a release to {target} came meanwhile: it stays registered")
    store.targets.remove(target)
    store.target_order.insert(record["number"], "")
