"""What the canisters call on each other. Only siblings may call these methods."""

from kybra import Principal, Service, Vec, nat16, service_query, service_update, text

from shared.types.approval import ApprovalInput
from shared.types.attestation import CommitmentRecord, RoundInput, VerdictNotice
from shared.types.errors import Done
from shared.types.job import ChunkRequest, ChunkResult
from shared.types.pipeline import ApprovalPolicy, Trigger
from shared.types.release import (
    PlanRequest,
    PlanResult,
    ReleaseNotice,
    ReleaseOrder,
    ReleaseReport,
    TextResult,
)
from shared.types.report import RunReport
from shared.types.run import RunRequest, RunSpec
from shared.types.secret import LeaseGrantResult


class WebhookService(Service):
    @service_update
    def sync_triggers(self, repository: text, triggers: Vec[Trigger]) -> Done: ...

    @service_update
    def report_run(self, report: RunReport) -> Done: ...


class PipelineConfigService(Service):
    @service_update
    def start_run(self, request: RunRequest) -> Done: ...


class BuildExecutorService(Service):
    @service_update
    def enqueue_run(self, spec: RunSpec) -> Done: ...

    @service_update
    def record_verdict(self, notice: VerdictNotice) -> Done: ...

    @service_update
    def record_release(self, notice: ReleaseNotice) -> Done: ...

    @service_update
    def secrets_changed(self) -> Done: ...

    @service_query
    def get_lease(self, job: text, attempt: nat16, executor: Principal) -> LeaseGrantResult: ...

    @service_query
    def read_chunk(self, request: ChunkRequest) -> ChunkResult: ...


class VerificationService(Service):
    @service_update
    def open_round(self, round: RoundInput) -> Done: ...

    @service_update
    def close_commits(self, run: text, stage: text) -> Done: ...

    @service_update
    def cancel_round(self, run: text, stage: text) -> Done: ...

    @service_update
    def record_commitment(self, record: CommitmentRecord) -> Done: ...

    @service_update
    def request_approval(self, request: ApprovalInput) -> TextResult: ...

    @service_update
    def sync_policy(self, repository: text, policy: ApprovalPolicy) -> Done: ...

    @service_query
    def check_asking(self, run: text, target: text) -> Done: ...

    @service_update
    def withdraw_approval(self, approval: text, reason: text) -> Done: ...

    @service_update
    def record_release(self, report: ReleaseReport) -> Done: ...


class DeploymentService(Service):
    @service_update
    def plan_release(self, request: PlanRequest) -> PlanResult: ...

    @service_update
    def start_release(self, order: ReleaseOrder) -> TextResult: ...

    @service_update
    def report_release(self, release: text) -> Done: ...
