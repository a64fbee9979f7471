"""Entry points of `verification`: votes, verdicts, gates and approvals."""

from kybra import (
    Async,
    Opt,
    Principal,
    Tuple,
    Vec,
    ic,
    init,
    inspect_message,
    nat64,
    post_upgrade,
    query,
    text,
    update,
    void,
)

from canisters.verification import asking, voting
from canisters.verification.sending import outbox
from canisters.verification.store import approvals, grants, open_rounds, rounds, totals, wiring
from shared.base import access as access
from shared.base.inspect import accept_unless_wasteful
from shared.base.metering import CALL_CONTEXT, counted, listed, summed
from shared.rules.limits import MAX_ARGUMENT_BYTES
from shared.types.access import GrantPageResult, Health, Siblings
from shared.types.attestation import CommitmentRecord, RevealInput, RoundInput, RoundResult
from shared.types.errors import Done, Error
from shared.types.paging import PageRequest
from shared.types.release import (
    ApprovalDecision,
    ApprovalInput,
    ApprovalPageResult,
    ApprovalResult,
    TextResult,
)

VERSION = "0.1.0"


@init
def init_() -> void:
    access.seed_owner(grants, ic.caller().to_str())


@post_upgrade
def post_upgrade_() -> void:
    voting.rearm()


@inspect_message
def inspect_message_() -> void:
    accept_unless_wasteful((), MAX_ARGUMENT_BYTES)


def _caller() -> str:
    return ic.caller().to_str()


def _refusal(sibling: str) -> "Error | None":
    return access.refuse_unless_sibling(wiring, _caller(), sibling)


@update
def wire(siblings: Siblings) -> Done:
    return counted(totals, "wire", access.wire(wiring, grants, _caller(), siblings))


@query
def siblings() -> Opt[Siblings]:
    return access.siblings_of(wiring)


@update
def grant_role(principal: Principal, role: text) -> Done:
    result = access.grant_role(grants, _caller(), principal.to_str(), role)
    return counted(totals, "grant_role", result)


@update
def revoke_role(principal: Principal, role: text) -> Done:
    result = access.revoke_role(grants, _caller(), principal.to_str(), role)
    return counted(totals, "revoke_role", result)


@query
def list_grants(page: PageRequest) -> GrantPageResult:
    return access.list_grants(grants, page)


@query
def health() -> Health:
    return {
        "name": "verification",
        "version": VERSION,
        "wired": access.siblings_of(wiring) is not None,
        "records": rounds.len() + approvals.len(),
        "open": open_rounds.len() + outbox.open_count(),
        "cycles": ic.canister_balance128(),
        "instructions": summed(totals),
    }


@query
def instructions() -> Vec[Tuple[text, nat64]]:
    return listed(totals)


@update
def open_round(round: RoundInput) -> Done:
    error = _refusal("build_executor")
    result: Done = voting.open_round(round) if error is None else {"Err": error}
    return counted(totals, "open_round", result)


@update
def record_commitment(record: CommitmentRecord) -> Done:
    error = _refusal("build_executor")
    result: Done = voting.record_commitment(record) if error is None else {"Err": error}
    return counted(totals, "record_commitment", result)


@update
def close_commits(run: text, stage: text) -> Done:
    error = _refusal("build_executor")
    result: Done = voting.close_commits(run, stage) if error is None else {"Err": error}
    return counted(totals, "close_commits", result)


@update
def reveal(reveal: RevealInput) -> Done:
    return counted(totals, "reveal", voting.reveal(reveal, _caller()))


@query
def get_round(run: text, stage: text) -> RoundResult:
    return voting.get_round(run, stage)


@update
def request_approval(request: ApprovalInput) -> Async[TextResult]:
    error = _refusal("build_executor")
    if error is not None:
        return {"Err": error}
    result = yield from asking.request_approval(request)
    return counted(totals, "request_approval", result, CALL_CONTEXT)


@update
def decide_approval(decision: ApprovalDecision) -> ApprovalResult:
    return counted(totals, "decide_approval", asking.decide_approval(decision, _caller()))


@query
def get_approval(approval: text) -> ApprovalResult:
    return asking.get_approval(approval)


@query
def list_approvals(page: PageRequest) -> ApprovalPageResult:
    return asking.list_approvals(page)
