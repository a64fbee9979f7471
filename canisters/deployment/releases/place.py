"""Whether an approved order is still about its target as it is now, and was not carried out."""

from kybra import ic

from canisters.deployment import store
from canisters.deployment.records import TargetRecord
from canisters.deployment.releases import rules
from canisters.deployment.settings import network
from canisters.deployment.steps.answer import Look
from canisters.deployment.targets.rules import creation_of, text_of
from shared.types.approval import Order
from shared.types.release import ReleaseOrder


def check_place_now(order: ReleaseOrder, approved: Order, target: TargetRecord) -> None:
    """Raise Conflict when the order is for another canister, network or creation than now."""
    made = None
    if approved["canister"] is None and target["canister"] is not None:
        made = _made_by_earlier(order)
    rules.check_place(approved, target, network(), creation_of(target, ic.id()), made)


def refuse_done(order: ReleaseOrder) -> None:
    """Raise Conflict when an earlier attempt of the same approval has installed the module."""
    for attempt in range((order["attempt"] or 1) - 1, 0, -1):
        number = store.approval_index.get(rules.index_key(order["approval"], attempt))
        progress = None if number is None else store.progress.get(number)
        if number is not None and progress is not None:
            rules.refuse_installed(rules.name_of(number), progress, order["target"], order["run"])


def refuse_done_by(release: str, target: str, run: str, look: "Look | None") -> None:
    """Raise Conflict when this release, or nobody knows whether it, has installed its module.

    `look` is what the canister of the target is now.
    """
    number = rules.number_of(release)
    progress = None if number is None else store.progress.get(number)
    if progress is not None:
        rules.refuse_installed(release, progress, target, run)
        rules.refuse_unclear(release, progress, run, look)


def _made_by_earlier(order: ReleaseOrder) -> "str | None":
    """The canister that an earlier attempt of the same approval made, None when none did."""
    for attempt in range((order["attempt"] or 1) - 1, 0, -1):
        number = store.approval_index.get(rules.index_key(order["approval"], attempt))
        progress = None if number is None else store.progress.get(number)
        if progress is not None and progress["created"]:
            return text_of(progress["canister"])
    return None
