"""Approval requests in the store: asked once per run and target, decided, then ordered."""

from kybra import Async, CallResult, Principal, ic

from canisters.verification import approvals as rules
from canisters.verification.sending import NOT_WIRED, outbox, release_message
from canisters.verification.store import approval_index, approvals, grants, wiring
from shared.base.access import siblings_of
from shared.rules.limits import MAX_OPEN_MESSAGES
from shared.rules.paging import page_bounds
from shared.rules.roles import refusal
from shared.siblings import DeploymentService
from shared.types.errors import Error, conflict, exhausted, invalid, not_found, unavailable
from shared.types.paging import PageRequest
from shared.types.pipeline import Mode
from shared.types.release import (
    ApprovalDecision,
    ApprovalInput,
    ApprovalPageResult,
    ApprovalResult,
    ModeResult,
    TextResult,
)

MAX_PAGE_BYTES = 1_000_000
TYPICAL_APPROVAL_BYTES = 4_000


def _known(request: ApprovalInput) -> "TextResult | None":
    """The answer for a run and target that were asked about before."""
    number = approval_index.get(rules.index_key(request["run"], request["target"]))
    record = None if number is None else approvals.get(number)
    if record is None:
        return None
    if rules.same_request(record["request"], request):
        return {"Ok": record["approval"]}
    return {
        "Err": conflict(
            f"{record['approval']} asks about other bytes or terms for {request['run']} and "
            f"{request['target']}: a request is immutable, start another run"
        )
    }


def request_approval(request: ApprovalInput) -> "Async[TextResult]":
    """Ask, once per run and target; the target's state decides what mode `Auto` means."""
    error = rules.check_request(request)
    if error is not None:
        return {"Err": error}
    known = _known(request)
    if known is not None:
        return known
    siblings = siblings_of(wiring)
    if siblings is None:
        return {"Err": unavailable(NOT_WIRED)}
    # Nothing is written before this await: a lost reply leaves nothing to repair.
    planned: CallResult[ModeResult] = yield DeploymentService(siblings["deployment"]).plan_mode(
        request["target"], request["source"]["repository"]
    )
    if planned.Err is not None:
        return {"Err": unavailable(f"deployment did not plan the mode: {planned.Err}")}
    if "Err" in planned.Ok:
        return {"Err": planned.Ok["Err"]}
    # The same request may have been taken meanwhile.
    known = _known(request)
    if known is not None:
        return known
    return _ask(request, planned.Ok["Ok"])


def _ask(request: ApprovalInput, planned: Mode) -> TextResult:
    mode = rules.resolve_mode(request["mode"], planned)
    if isinstance(mode, str):
        return {"Err": conflict(f"{request['target']}: {mode}")}
    number = approvals.len()
    record = rules.asked(number, request, mode, ic.time())
    approvals.insert(number, record)
    approval_index.insert(rules.index_key(request["run"], request["target"]), number)
    return {"Ok": record["approval"]}


def _number(approval: str) -> "int | Error":
    number = rules.number_of(approval)
    if number is None or number >= approvals.len():
        return not_found(f"there is no approval request {approval}")
    return number


def decide_approval(decision: ApprovalDecision, caller: str) -> ApprovalResult:
    number = _number(decision["approval"])
    if not isinstance(number, int):
        return {"Err": number}
    record = approvals.get(number)
    if record is None:
        return {"Err": not_found(f"there is no approval request {decision['approval']}")}
    if decision["approve"] and outbox.open_count() >= MAX_OPEN_MESSAGES:
        return {
            "Err": exhausted(
                f"{MAX_OPEN_MESSAGES} messages wait for the other canisters (MAX_OPEN_MESSAGES): "
                "no vote was counted, try again when they answer"
            )
        }
    before = rules.state_word(record["state"])
    is_admin = refusal(grants, caller, "Admin") is None
    admin = Principal.from_str(caller) if is_admin else None
    error = rules.decide(record, decision, caller, ic.time(), admin)
    if error is not None:
        if rules.state_word(record["state"]) != before:
            approvals.insert(number, record)
        return {"Err": error}
    approvals.insert(number, record)
    if "Approved" in record["state"]:
        outbox.put(release_message(number))
    return {"Ok": rules.shown(record, ic.time())}


def get_approval(approval: str) -> ApprovalResult:
    number = _number(approval)
    if not isinstance(number, int):
        return {"Err": number}
    record = approvals.get(number)
    if record is None:
        return {"Err": not_found(f"there is no approval request {approval}")}
    return {"Ok": rules.shown(record, ic.time())}


def list_approvals(page: PageRequest) -> ApprovalPageResult:
    """Newest first. A page ends early when its records are unusually large."""
    bounds = page_bounds(approvals.len(), page["cursor"], page["limit"])
    if isinstance(bounds, str):
        return {"Err": invalid(bounds)}
    first, last = bounds
    now_ns = ic.time()
    items = []
    size = 0
    number = first
    while number >= last and number >= 0 and size < MAX_PAGE_BYTES:
        record = approvals.get(number)
        if record is not None:
            request = record["request"]
            size += TYPICAL_APPROVAL_BYTES
            size += len(request["install_arg"]) + len(request["upgrade_arg"])
            size += sum(200 + len(vote["comment"]) * 4 for vote in record["votes"])
            items.append(rules.shown(record, now_ns))
        number -= 1
    return {"Ok": {"items": items, "next": str(number) if number >= 0 else None}}
