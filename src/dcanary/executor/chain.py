"""What an executor asks of the chain: `build_executor` and `verification`, as seen by one key.

Values are plain Candid values: records and variants are mappings (a variant has one case), an
absent opt is None, a principal its text, a blob bytes. Records are those of
`canisters/shared/run_types.py` and `attestation_types.py`.
"""

from typing import Any, Protocol


class Chain(Protocol):
    """Calls of one executor. Not for use by several threads at once.

    Every method raises `dcanary.client.errors.RefusedError` when the canister answers `Err`,
    `RejectedError` when the call is rejected, and `NetworkError` when nothing answers.
    """

    def has_work(self, request: dict[str, Any]) -> bool:
        """Query with a LeaseRequest: whether `lease_work` would give something now."""
        ...

    def lease_work(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Work for a LeaseRequest: `{"Build": …}`, `{"Upload": …}` or None."""
        ...

    def heartbeat(self, beat: dict[str, Any]) -> dict[str, Any]:
        """Keep a lease with a Heartbeat; answers a Lease."""
        ...

    def release_work(self, job: str, attempt: int, reason: str) -> None:
        """Give a leased job up."""
        ...

    def submit_commitment(self, commitment: dict[str, Any]) -> None:
        """Send a CommitmentInput; the same one again is accepted."""
        ...

    def get_round(self, run: str, stage: str) -> dict[str, Any]:
        """Query: the Round of a stage."""
        ...

    def reveal(self, attestation: dict[str, Any]) -> None:
        """Send a RevealInput."""
        ...

    def upload_chunk(self, chunk: dict[str, Any]) -> None:
        """Send a ChunkInput; the same one again is accepted."""
        ...

    def finish_upload(self, run: str, stage: str, path: str) -> None:
        """All chunks of a file are sent: the canister recomputes its hash."""
        ...

    def read_chunk(self, request: dict[str, Any]) -> bytes:
        """Query with a ChunkRequest: bytes of a stored artifact."""
        ...
