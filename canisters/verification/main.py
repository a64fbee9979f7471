"""Entry points of `verification`: votes, verdicts, gates and approvals."""

from kybra import (
    Async,
    ic,
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
from shared.base.canister import Canister, serve
from shared.base.endpoints import (
    grant_role,
    health,
    initialise,
    inspect,
    instructions,
    list_grants,
    revoke_role,
    siblings,
    wire,
)
from shared.base.metering import CALL_CONTEXT, counted
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

serve(
    Canister(
        name="verification",
        grants=grants,
        wiring=wiring,
        totals=totals,
        callers={
            "open_round": "build_executor",
            "record_commitment": "build_executor",
            "close_commits": "build_executor",
            "reveal": "the executor that committed",
            "request_approval": "build_executor",
            "decide_approval": "the request's approvers; role Admin to reject",
        },
        records=lambda: rounds.len() + approvals.len(),
        open_work=lambda: open_rounds.len() + outbox.open_count(),
        wired=outbox.wake,
    )
)


@post_upgrade
def post_upgrade_() -> void:
    voting.rearm()


def _caller() -> str:
    return ic.caller().to_str()


def _refusal(sibling: str) -> "Error | None":
    return access.refuse_unless_sibling(wiring, _caller(), sibling)


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
