"""Entry points of `verification`: votes, verdicts, gates and approvals."""

from kybra import (
    Async,
    Opt,
    Vec,
    ic,
    post_upgrade,
    query,
    text,
    update,
    void,
)

from canisters.verification.approvals import requests
from canisters.verification.approvals import service as approval_service
from canisters.verification.approvals.earlier import newest_untold
from canisters.verification.outbox import earlier_message, expiry, outbox
from canisters.verification.rounds import service as round_service
from canisters.verification.store import approvals, grants, open_rounds, rounds, totals, wiring
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
from shared.base.results import answer, answer_async, answer_query
from shared.types.approval import (
    ApprovalDecision,
    ApprovalInput,
    ApprovalPageResult,
    ApprovalResult,
    AssetsResult,
)
from shared.types.attestation import (
    CommitmentRecord,
    PipelineVerificationResult,
    RevealInput,
    RoundInput,
    RoundResult,
)
from shared.types.errors import Done
from shared.types.paging import PageRequest
from shared.types.pipeline import ApprovalPolicy
from shared.types.release import ReleaseReport, TextResult

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
            "cancel_round": "build_executor",
            "reveal": "the executor that committed",
            "request_approval": "build_executor",
            "decide_approval": "the request's approvers; role Admin to reject",
            "approve_deployment": "the request's approvers",
            "withdraw_approval": "build_executor",
            "sync_policy": "pipeline_config",
            "record_release": "deployment",
            "retry_release": "Operator",
        },
        records=lambda: rounds.len() + approvals.len(),
        open_work=lambda: open_rounds.len() + outbox.open_count(),
        wired=outbox.wake,
    )
)


@post_upgrade
def post_upgrade_() -> void:
    round_service.rearm()
    expiry.rearm()
    untold = newest_untold()
    if untold is not None:
        outbox.put(earlier_message(untold))


@update
def open_round(round: RoundInput) -> Done:
    return answer("open_round", lambda: round_service.open_round(round))


@update
def record_commitment(record: CommitmentRecord) -> Done:
    return answer("record_commitment", lambda: round_service.record_commitment(record))


@update
def close_commits(run: text, stage: text) -> Done:
    return answer("close_commits", lambda: round_service.close_commits(run, stage))


@update
def cancel_round(run: text, stage: text) -> Done:
    return answer("cancel_round", lambda: round_service.cancel_round(run, stage))


@update
def reveal(reveal: RevealInput) -> Done:
    return answer("reveal", lambda: round_service.reveal(reveal, ic.caller().to_str()))


@query
def get_round(run: text, stage: text) -> RoundResult:
    return answer_query(lambda: round_service.get_round(run, stage))


@query
def verify_pipeline_execution(run: text, stages: Vec[text]) -> PipelineVerificationResult:
    return answer_query(lambda: round_service.verify_execution(run, stages))


@update
def request_approval(request: ApprovalInput) -> Async[TextResult]:
    return answer_async("request_approval", lambda: approval_service.request_approval(request))


@update
def decide_approval(decision: ApprovalDecision) -> ApprovalResult:
    return answer(
        "decide_approval",
        lambda: approval_service.decide_approval(decision, ic.caller().to_str()),
    )


@update
def approve_deployment(approval: text, digest: text, comment: Opt[text]) -> ApprovalResult:
    return answer(
        "approve_deployment",
        lambda: approval_service.decide_approval(
            requests.approving(approval, digest, comment), ic.caller().to_str()
        ),
    )


@update
def withdraw_approval(approval: text, reason: text) -> Done:
    return answer("withdraw_approval", lambda: approval_service.withdraw_approval(approval, reason))


@update
def sync_policy(repository: text, policy: ApprovalPolicy) -> Done:
    return answer("sync_policy", lambda: approval_service.sync_policy(repository, policy))


@update
def retry_release(approval: text) -> Async[TextResult]:
    return answer_async("retry_release", lambda: approval_service.retry_release(approval))


@update
def record_release(report: ReleaseReport) -> Done:
    return answer("record_release", lambda: approval_service.record_release(report))


@query
def check_asking(run: text, target: text) -> Done:
    return answer_query(lambda: approval_service.check_asking(run, target))


@query
def get_approval(approval: text) -> ApprovalResult:
    return answer_query(lambda: approval_service.get_approval(approval))


@query
def get_assets(approval: text) -> AssetsResult:
    return answer_query(lambda: approval_service.get_assets(approval))


@query
def list_approvals(page: PageRequest) -> ApprovalPageResult:
    return answer_query(lambda: approval_service.list_approvals(page))
