"""Calls of the canister `build_executor`.

Made from canisters/build_executor/build_executor.did by `python -m dcanary.client.generate`.
Do not edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcanary.client.actor import Canister

if TYPE_CHECKING:
    from dcanary.client.types.build_executor import (
        ChunkInput,
        ChunkRequest,
        CommitmentInput,
        Executor,
        ExecutorHealth,
        ExecutorInput,
        ExecutorOffer,
        ExecutorPage,
        ExecutorPerformance,
        FileResponse,
        GiveBack,
        GrantPage,
        Health,
        Heartbeat,
        HttpRequest,
        JobPage,
        Lease,
        LeaseGrant,
        LeaseRequest,
        Log,
        PageRequest,
        QueueStatus,
        RefReading,
        ReleaseNotice,
        Run,
        RunPage,
        RunSpec,
        Siblings,
        Stage,
        StageProblem,
        StreamPiece,
        StreamToken,
        UsageOf,
        UsagePage,
        VerdictNotice,
        Work,
    )


class BuildExecutor(Canister):
    """Typed calls to `build_executor`: a method gives the value of Ok, or raises RefusedError."""

    did = "build_executor.did"

    def announce_offer(self, executor_offer: ExecutorOffer, /) -> None:
        self.ask("announce_offer", executor_offer)

    def cancel_run(self, text: str, /) -> None:
        self.ask("cancel_run", text)

    def check_stages(self, value: list[Stage], /, *, certified: bool = False) -> list[StageProblem]:
        answer: list[StageProblem] = self.call("check_stages", value, certified=certified)
        return answer

    def enqueue_run(self, run_spec: RunSpec, /) -> None:
        self.ask("enqueue_run", run_spec)

    def executor_health(self, principal: str, /, *, certified: bool = False) -> ExecutorHealth:
        answer: ExecutorHealth = self.ask("executor_health", principal, certified=certified)
        return answer

    def executor_performance(
        self, principal: str, page_request: PageRequest | None = None, /, *, certified: bool = False
    ) -> ExecutorPerformance:
        answer: ExecutorPerformance = self.ask(
            "executor_performance", principal, page_request, certified=certified
        )
        return answer

    def finish_upload(self, text: str, text_: str, text__: str, /) -> None:
        self.ask("finish_upload", text, text_, text__)

    def get_lease(
        self, text: str, nat16: int, principal: str, /, *, certified: bool = False
    ) -> LeaseGrant:
        answer: LeaseGrant = self.ask("get_lease", text, nat16, principal, certified=certified)
        return answer

    def get_log(self, text: str, nat64: int, /, *, certified: bool = False) -> Log:
        answer: Log = self.ask("get_log", text, nat64, certified=certified)
        return answer

    def get_run(self, text: str, /, *, certified: bool = False) -> Run:
        answer: Run = self.ask("get_run", text, certified=certified)
        return answer

    def grant_role(self, principal: str, text: str, /) -> None:
        self.ask("grant_role", principal, text)

    def has_work(self, lease_request: LeaseRequest, /, *, certified: bool = False) -> bool:
        answer: bool = self.call("has_work", lease_request, certified=certified)
        return answer

    def health(self, *, certified: bool = False) -> Health:
        answer: Health = self.call("health", certified=certified)
        return answer

    def heartbeat(self, heartbeat: Heartbeat, /) -> Lease:
        answer: Lease = self.ask("heartbeat", heartbeat)
        return answer

    def http_request(
        self, http_request: HttpRequest, /, *, certified: bool = False
    ) -> FileResponse:
        answer: FileResponse = self.call("http_request", http_request, certified=certified)
        return answer

    def instructions(self, *, certified: bool = False) -> list[tuple[str, int]]:
        answer: list[tuple[str, int]] = self.call("instructions", certified=certified)
        return answer

    def is_wanted(self, text: str, nat16: int, /, *, certified: bool = False) -> bool:
        answer: bool = self.call("is_wanted", text, nat16, certified=certified)
        return answer

    def lease_work(self, lease_request: LeaseRequest, /) -> Work | None:
        answer: Work | None = self.ask("lease_work", lease_request)
        return answer

    def list_executors(
        self, page_request: PageRequest, /, *, certified: bool = False
    ) -> ExecutorPage:
        answer: ExecutorPage = self.ask("list_executors", page_request, certified=certified)
        return answer

    def list_grants(self, page_request: PageRequest, /, *, certified: bool = False) -> GrantPage:
        answer: GrantPage = self.ask("list_grants", page_request, certified=certified)
        return answer

    def list_jobs(
        self, text: str, page_request: PageRequest, /, *, certified: bool = False
    ) -> JobPage:
        answer: JobPage = self.ask("list_jobs", text, page_request, certified=certified)
        return answer

    def list_runs(
        self, text: str | None, page_request: PageRequest, /, *, certified: bool = False
    ) -> RunPage:
        answer: RunPage = self.ask("list_runs", text, page_request, certified=certified)
        return answer

    def list_usage(
        self, usage_of: UsageOf, page_request: PageRequest, /, *, certified: bool = False
    ) -> UsagePage:
        answer: UsagePage = self.ask("list_usage", usage_of, page_request, certified=certified)
        return answer

    def queue_status(
        self, page_request: PageRequest | None = None, /, *, certified: bool = False
    ) -> QueueStatus:
        answer: QueueStatus = self.ask("queue_status", page_request, certified=certified)
        return answer

    def read_chunk(self, chunk_request: ChunkRequest, /, *, certified: bool = False) -> bytes:
        answer: bytes = self.ask("read_chunk", chunk_request, certified=certified)
        return answer

    def record_release(self, release_notice: ReleaseNotice, /) -> None:
        self.ask("record_release", release_notice)

    def record_verdict(self, verdict_notice: VerdictNotice, /) -> None:
        self.ask("record_verdict", verdict_notice)

    def register_executor(self, executor_input: ExecutorInput, /) -> Executor:
        answer: Executor = self.ask("register_executor", executor_input)
        return answer

    def release_work(self, give_back: GiveBack, /) -> None:
        self.ask("release_work", give_back)

    def report_ref(self, ref_reading: RefReading, /) -> None:
        self.ask("report_ref", ref_reading)

    def retry_run(self, text: str, /) -> None:
        self.ask("retry_run", text)

    def revoke_role(self, principal: str, text: str, /) -> None:
        self.ask("revoke_role", principal, text)

    def secrets_changed(self) -> None:
        self.ask("secrets_changed")

    def set_executor_enabled(self, principal: str, bool: bool, /) -> None:
        self.ask("set_executor_enabled", principal, bool)

    def siblings(self, *, certified: bool = False) -> Siblings | None:
        answer: Siblings | None = self.call("siblings", certified=certified)
        return answer

    def stream_file(
        self, stream_token: StreamToken, /, *, certified: bool = False
    ) -> StreamPiece | None:
        answer: StreamPiece | None = self.call("stream_file", stream_token, certified=certified)
        return answer

    def submit_commitment(self, commitment_input: CommitmentInput, /) -> None:
        self.ask("submit_commitment", commitment_input)

    def upload_chunk(self, chunk_input: ChunkInput, /) -> None:
        self.ask("upload_chunk", chunk_input)

    def wire(self, siblings: Siblings, /) -> None:
        self.ask("wire", siblings)
