"""What an executor asks of the chain: `build_executor` and `verification`, as seen by one key.

Values are plain Candid values: records and variants are mappings (a variant has one case), an
absent opt is None, a principal its text, a blob bytes. Their types are made from the interfaces.
"""

from typing import Protocol

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


class Chain(Protocol):
    """Calls of one executor. Not for use by several threads at once.

    Every method raises `dcanary.client.errors.RefusedError` when the canister answers `Err`,
    `RejectedError` when the call is rejected, and `NetworkError` when nothing answers.
    """

    @property
    def executor(self) -> str:
        """Principal that the calls are signed by."""
        ...

    @property
    def installation(self) -> str:
        """Principal of `pipeline_config`, for which secrets are sealed."""
        ...

    def another(self) -> "Chain":
        """The same calls by the same key over a connection of its own, for another thread."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...

    def has_work(self, request: LeaseRequest) -> bool:
        """Query with a LeaseRequest: whether `lease_work` would give something now."""
        ...

    def lease_work(self, request: LeaseRequest) -> Work | None:
        """Work for a LeaseRequest: `{"Build": …}`, `{"Upload": …}`, `{"Resolve": …}` or None."""
        ...

    def report_ref(self, reading: RefReading) -> None:
        """Say with a RefReading what was found at the ref of a run that has no commit yet."""
        ...

    def heartbeat(self, beat: Heartbeat) -> Lease:
        """Keep a lease with a Heartbeat; answers a Lease."""
        ...

    def is_wanted(self, job: str, attempt: int) -> bool:
        """Query: whether an attempt at a job may go on; False when its work was dropped."""
        ...

    def announce_offer(self, offer: ExecutorOffer) -> None:
        """Say with an ExecutorOffer what this executor can do."""
        ...

    def release_work(self, given: GiveBack) -> None:
        """Give a leased job back with a GiveBack, which says why."""
        ...

    def submit_commitment(self, commitment: CommitmentInput) -> None:
        """Send a CommitmentInput; the same one again is accepted."""
        ...

    def get_round(self, run: str, stage: str) -> Round:
        """Query: the Round of a stage."""
        ...

    def reveal(self, attestation: RevealInput) -> None:
        """Send a RevealInput."""
        ...

    def upload_chunk(self, chunk: ChunkInput) -> None:
        """Send a ChunkInput; the same one again is accepted."""
        ...

    def finish_upload(self, run: str, stage: str, path: str) -> None:
        """All chunks of a file are sent: the canister recomputes its hash."""
        ...

    def get_credential(self, repository: str) -> Credential | None:
        """Query: what a repository is cloned with; None for nothing."""
        ...

    def take_secrets(self, job: str, attempt: int) -> SecretGrant:
        """The secrets of a job whose lease this executor holds, sealed to it."""
        ...

    def read_chunk(self, request: ChunkRequest) -> bytes:
        """Query with a ChunkRequest: bytes of a stored artifact."""
        ...
