"""What an executor asks of the chain, over a system's canisters. One object per thread."""

from __future__ import annotations

from dcanary.client.system import System
from dcanary.client.types.build_executor import (
    ChunkInput,
    ChunkRequest,
    CommitmentInput,
    ExecutorOffer,
    GiveBack,
    Heartbeat,
    Lease,
    LeaseRequest,
    RefReading,
    Work,
)
from dcanary.client.types.pipeline_config import Credential, SecretGrant
from dcanary.client.types.verification import RevealInput, Round


class SystemChain:
    """`dcanary.executor.chain.Chain` over the real canisters. Values are plain Candid values.

    Every method raises RefusedError when the canister says no, NetworkError when it cannot be
    reached.
    """

    def __init__(self, system: System) -> None:
        self._system = system

    @property
    def executor(self) -> str:
        """Principal that this chain's calls are signed by."""
        return self._system.connection.sender

    @property
    def installation(self) -> str:
        """Principal of `pipeline_config`, for which secrets are sealed."""
        return self._system.config.canisters["pipeline_config"]

    def another(self) -> SystemChain:
        """The same calls over a connection of its own, for another thread."""
        return SystemChain(System(self._system.config, self._system.connection.identity))

    def close(self) -> None:
        """Give the connection back."""
        self._system.close()

    def has_work(self, request: LeaseRequest) -> bool:
        return self._system.build_executor.has_work(request)

    def lease_work(self, request: LeaseRequest) -> Work | None:
        return self._system.build_executor.lease_work(request)

    def report_ref(self, reading: RefReading) -> None:
        self._system.build_executor.report_ref(reading)

    def heartbeat(self, beat: Heartbeat) -> Lease:
        return self._system.build_executor.heartbeat(beat)

    def is_wanted(self, job: str, attempt: int) -> bool:
        return self._system.build_executor.is_wanted(job, attempt)

    def announce_offer(self, offer: ExecutorOffer) -> None:
        self._system.build_executor.announce_offer(offer)

    def release_work(self, given: GiveBack) -> None:
        self._system.build_executor.release_work(given)

    def submit_commitment(self, commitment: CommitmentInput) -> None:
        self._system.build_executor.submit_commitment(commitment)

    def get_round(self, run: str, stage: str) -> Round:
        return self._system.verification.get_round(run, stage)

    def reveal(self, attestation: RevealInput) -> None:
        self._system.verification.reveal(attestation)

    def upload_chunk(self, chunk: ChunkInput) -> None:
        self._system.build_executor.upload_chunk(chunk)

    def finish_upload(self, run: str, stage: str, path: str) -> None:
        self._system.build_executor.finish_upload(run, stage, path)

    def get_credential(self, repository: str) -> Credential | None:
        return self._system.pipeline_config.get_credential(repository)

    def take_secrets(self, job: str, attempt: int) -> SecretGrant:
        return self._system.pipeline_config.take_secrets(job, attempt)

    def read_chunk(self, request: ChunkRequest) -> bytes:
        return self._system.build_executor.read_chunk(request)
