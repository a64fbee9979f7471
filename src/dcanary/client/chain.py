"""What an executor asks of the chain, over a system's canisters. One object per thread."""

from __future__ import annotations

from typing import Any

from dcanary.client.system import System


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

    def has_work(self, request: dict[str, Any]) -> bool:
        return bool(self._system.build_executor.call("has_work", request))

    def lease_work(self, request: dict[str, Any]) -> dict[str, Any] | None:
        work: dict[str, Any] | None = self._system.build_executor.ask("lease_work", request)
        return work

    def heartbeat(self, beat: dict[str, Any]) -> dict[str, Any]:
        return dict(self._system.build_executor.ask("heartbeat", beat))

    def release_work(self, job: str, attempt: int, reason: str) -> None:
        self._system.build_executor.ask("release_work", job, attempt, reason)

    def submit_commitment(self, commitment: dict[str, Any]) -> None:
        self._system.build_executor.ask("submit_commitment", commitment)

    def get_round(self, run: str, stage: str) -> dict[str, Any]:
        return dict(self._system.verification.ask("get_round", run, stage))

    def reveal(self, attestation: dict[str, Any]) -> None:
        self._system.verification.ask("reveal", attestation)

    def upload_chunk(self, chunk: dict[str, Any]) -> None:
        self._system.build_executor.ask("upload_chunk", chunk)

    def finish_upload(self, run: str, stage: str, path: str) -> None:
        self._system.build_executor.ask("finish_upload", run, stage, path)

    def read_chunk(self, request: dict[str, Any]) -> bytes:
        return bytes(self._system.build_executor.ask("read_chunk", request))
