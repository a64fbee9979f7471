"""Releases in the store: started by an approval, cancelled, taken back."""

from kybra import Async, Opt, ic, text

from canisters.deployment import store
from canisters.deployment.outbox import report
from canisters.deployment.records import DetailRecord, ProgressRecord, TargetRecord
from canisters.deployment.releases import rules
from canisters.deployment.releases.place import check_place_now, refuse_done
from canisters.deployment.releases.views import shown
from canisters.deployment.settings import network
from canisters.deployment.steps import machine, table
from canisters.deployment.steps.answer import Look
from canisters.deployment.steps.driving import begin, schedule
from canisters.deployment.steps.filling import drop, keep_assets
from canisters.deployment.steps.looking import look_at
from canisters.deployment.targets import rules as target_rules
from canisters.deployment.targets.service import find
from shared.rules.limits import MAX_OPEN_RELEASES
from shared.rules.orders import rollback_digest
from shared.rules.paging import page_bounds
from shared.rules.refused import Refused, conflict, exhausted, invalid, not_found, unavailable
from shared.types.paging import PageRequest
from shared.types.release import Release, ReleaseOrder, ReleasePage, RollbackOrder, RollbackPlan

MAX_PAGE_BYTES = 1_000_000
TYPICAL_RELEASE_BYTES = 4_000


def start_release(order: ReleaseOrder) -> str:
    """Take an order, once per attempt of an approval; it begins when its target is free."""
    rules.check_order(order)
    approved = rules.check_approved(order)
    key = rules.index_key(order["approval"], order["attempt"] or 1)
    known = store.approval_index.get(key)
    if known is not None:
        detail = store.details.get(known)
        if detail is not None and detail["digest"] == order["digest"]:
            return rules.name_of(known)
        raise conflict(f"{order['approval']} was released with another order")
    target = target_rules.of_repository(
        store.targets.get(order["target"]), order["target"], order["repository"]
    )
    check_place_now(order, approved, target)
    refuse_done(order)
    _refuse_full()
    number = _enter(
        order,
        {"version": 1, "order": approved, "rollback": None, "digest": order["digest"] or ""},
        machine.waiting(ic.time()),
        target,
    )
    store.approval_index.insert(key, number)
    schedule()
    return rules.name_of(number)


def _refuse_full() -> None:
    if store.open_releases.len() >= MAX_OPEN_RELEASES:
        raise exhausted(f"{MAX_OPEN_RELEASES} releases are open (MAX_OPEN_RELEASES): try later")


def _enter(
    order: ReleaseOrder, detail: DetailRecord, progress: ProgressRecord, target: TargetRecord
) -> int:
    """Write a new release down; its number."""
    number = store.orders.len()
    order["order"] = None
    assets, order["assets"] = order["assets"], None
    if assets is not None:
        target["serves"] = keep_assets(number, assets) or target["serves"]
    store.orders.insert(number, {"version": 1, "order": order})
    store.details.insert(number, detail)
    store.progress.insert(number, progress)
    store.target_releases.insert(f"{target['target']}#{target['releases']}", number)
    target["releases"] += 1
    store.targets.insert(target["target"], target)
    store.open_releases.insert(number, target["target"])
    return number


def _release(number: int) -> "Release | None":
    order = store.orders.get(number)
    progress = store.progress.get(number)
    if order is None or progress is None:
        return None
    return shown(number, order, progress, store.details.get(number))


def _unknown(release: str) -> Refused:
    return not_found(f"there is no release {release[:80]}")


def get_release(release: str) -> Release:
    number = rules.number_of(release)
    found = None if number is None else _release(number)
    if found is None:
        raise _unknown(release)
    return found


def report_again(name: str) -> None:
    """Tell verification once more how far a release, or the first one of an approval, is.

    It is told as soon as the release has begun. Raises NotFound.
    """
    number = rules.number_of(name)
    if number is None:
        number = store.approval_index.get(rules.index_key(name, 1))
    if number is None or not store.progress.contains_key(number):
        raise _unknown(name)
    report(number)


def list_releases(target: Opt[text], page: PageRequest) -> ReleasePage:
    """Newest first, of all targets or of one. A page ends early when its records are large."""
    total = store.orders.len() if target is None else find(target)["releases"]
    bounds = page_bounds(total, page["cursor"], page["limit"])
    if isinstance(bounds, str):
        raise invalid(bounds)
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
            size += 2 * (len(order["install_arg"]) + len(order["upgrade_arg"]))
            items.append(found)
        position -= 1
    return {"items": items, "next": str(position) if position >= 0 else None}


def cancel_release(release: str, caller: str) -> Release:
    """Cancel an approved release that still waits for its turn."""
    number = rules.number_of(release)
    progress = None if number is None else store.progress.get(number)
    if number is None or progress is None:
        raise _unknown(release)
    if progress["phase"] != machine.WAITING:
        word = machine.word_of(progress["state"])
        raise conflict(f"{release} is {word}: only a release that waits can be cancelled")
    machine.end(progress, {"Cancelled": f"by {caller}, before it began"})
    progress["updated_ns"] = ic.time()
    store.progress.insert(number, progress)
    store.open_releases.remove(number)
    drop(number)
    report(number)
    schedule()
    return get_release(release)


class _Found:
    """A release that may be rolled back, with what a look at its canister found."""

    __slots__ = ("look", "number", "order", "progress", "target")

    def __init__(
        self,
        number: int,
        progress: ProgressRecord,
        target: TargetRecord,
        look: Look,
        order: RollbackOrder,
    ) -> None:
        self.number = number
        self.progress = progress
        self.target = target
        self.look = look
        self.order = order


def _revertible(release: str) -> "tuple[int, ProgressRecord, TargetRecord]":
    number = rules.number_of(release)
    progress = None if number is None else store.progress.get(number)
    stored = None if number is None else store.orders.get(number)
    if number is None or progress is None or stored is None:
        raise _unknown(release)
    target = find(stored["order"]["target"])
    known = {release: progress}
    for name in rules.last_changes(target):
        other = store.progress.get(rules.number_of(name) or 0)
        if other is not None:
            known[name] = other
    rules.refuse_rollback(target, release, known, ic.time())
    return (number, progress, target)


def _look_back(release: str) -> "Async[_Found]":
    """Look at the canister, and make the order that would take the release back."""
    canister = _revertible(release)[1]["canister"]
    if canister is None:
        raise conflict(f"{release} has no canister")
    answer = yield from look_at(canister)
    if answer.look is None:
        raise unavailable(
            f"the state of canister {canister.to_str()} could not be read: {answer.error}"
        )
    # The records may have changed meanwhile.
    number, progress, target = _revertible(release)
    order = rules.rollback_order(target, canister, progress, release, answer.look, network())
    return _Found(number, progress, target, answer.look, order)


def plan_rollback(release: str) -> "Async[RollbackPlan]":
    """What taking a release back would do now, and the digest by which that is asked for."""
    found = yield from _look_back(release)
    return {"order": found.order, "digest": rollback_digest(found.order)}


def rollback_release(release: str, digest: "str | None") -> "Async[Release]":
    """Begin to take a release back, as a release of its own; `get_release` tells how it goes.

    Without a digest it is begun only when the canister is as deployment left it.
    """
    found = yield from _look_back(release)
    planned = rollback_digest(found.order)
    if digest is None and found.order["difference"] is not None:
        raise conflict(
            f"{found.order['difference']}. A rollback undoes that too (it keeps a snapshot): "
            "look with plan_rollback, and give its digest to go on"
        )
    if digest is not None and digest != planned:
        raise conflict(
            f"the digest of this rollback is {planned} by now, not the one that you decided "
            "on: look at it again with plan_rollback"
        )
    _refuse_full()
    stored = store.orders.get(found.number)
    if stored is None:
        raise _unknown(release)
    progress = machine.waiting(ic.time())
    progress["rollback_of"] = release
    progress["canister"] = found.progress["canister"]
    progress["changes"] = found.look.changes
    number = _enter(
        stored["order"],
        {"version": 1, "order": None, "rollback": found.order, "digest": planned},
        progress,
        found.target,
    )
    target_rules.lock(found.target, rules.name_of(number), 0)
    store.targets.insert(found.target["target"], found.target)
    table.begin(progress)
    store.progress.insert(number, progress)
    begin(number)
    return get_release(rules.name_of(number))
