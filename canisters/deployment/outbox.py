"""Messages of `deployment` to `verification`: how far a release is, sent until acknowledged."""

from kybra import Async, CallResult, ic

from canisters.deployment.releases.rules import name_of
from canisters.deployment.steps.machine import WAITING
from canisters.deployment.store import orders, progress, reports, totals, wiring
from shared.base.access import siblings_of
from shared.base.metering import CALL_CONTEXT, counted
from shared.base.outbox import Outbox, error_sentence, refusal_of
from shared.siblings import VerificationService
from shared.types.errors import Done
from shared.types.release import ReleaseProgress, ReleaseState

PREFIX = "report:"
NOT_WIRED = "this canister is not wired yet: an owner must call wire"


def report(number: int) -> None:
    """Tell verification how far the release is."""
    outbox.put(f"{PREFIX}{number}")


def progress_of(state: ReleaseState, rolled_back_by: "str | None") -> ReleaseProgress:
    """The word that verification is told for a release's state."""
    if "Succeeded" in state:
        return {"Released": None}
    if "RolledBack" in state:
        return {"RolledBack": rolled_back_by or "a rollback"}
    failed = state.get("Failed")
    if failed is not None:
        return {"Failed": failed}
    changed = state.get("ConcurrentChange")
    if changed is not None:
        return {"Failed": f"ConcurrentChange: {changed}"}
    cancelled = state.get("Cancelled")
    if cancelled is not None:
        return {"Failed": f"Cancelled: {cancelled}"}
    return {"Releasing": None}


def _send(message: str) -> "Async[str | None]":
    number = int(message[len(PREFIX) :])
    siblings = siblings_of(wiring)
    record = progress.get(number)
    order = orders.get(number)
    if siblings is None:
        return NOT_WIRED
    if record is None or order is None or record["phase"] == WAITING:
        return None
    if record["rollback_of"] is not None:
        # A rollback has no approval of its own: its outcome is told of the release it takes back.
        return None
    answer: CallResult[Done] = yield VerificationService(siblings["verification"]).record_release(
        {
            "approval": order["order"]["approval"],
            "release": name_of(number),
            "state": progress_of(record["state"], record["rolled_back_by"]),
            "attempt": order["order"]["attempt"] or 1,
        }
    )
    refusal, again = refusal_of(answer)
    if refusal is not None:
        ic.print(f"the report of {name_of(number)} was refused: {error_sentence(refusal)}")
    return counted(totals, "send report", again, CALL_CONTEXT)


outbox = Outbox(reports, _send)
