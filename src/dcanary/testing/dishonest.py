"""Executors that break the rules, to show that verification holds against them."""

import contextlib
import hashlib
from dataclasses import replace
from pathlib import Path

from dcanary.client.errors import RefusedError
from dcanary.client.types.build_executor import BuildWork, ExecutorOffer, Runtime, UploadWork
from dcanary.client.types.verification import RevealInput
from dcanary.executor.causes import Cause
from dcanary.executor.executor import Executor
from dcanary.executor.manifest import ManifestFile
from dcanary.executor.performing import UploadSlot
from dcanary.executor.state import HeldJob
from dcanary.executor.voting import commitment_of


class TamperingExecutor(Executor):
    """Changes the first artifact's bytes before it attests to them, and keeps the changed ones."""

    EXTRA = b"\0tampered"

    def files_to_attest(
        self, files: tuple[ManifestFile, ...], folder: Path
    ) -> tuple[ManifestFile, ...]:
        """The built files, the first one with EXTRA at its end."""
        if not files:
            return files
        first = files[0]
        content = (folder / first.sha256).read_bytes() + self.EXTRA
        sha256 = hashlib.sha256(content).hexdigest()
        (folder / sha256).write_bytes(content)
        return (replace(first, size=len(content), sha256=sha256), *files[1:])


class UncommittingExecutor(Executor):
    """Takes work, builds it and is never heard of again."""

    def send_commitment(self, held: HeldJob) -> None:
        """Forget what was built, and with it the lease."""
        self._state.forget(held.job)


class HoldingExecutor(Executor):
    """Takes work, builds it, and keeps the lease by heartbeats for as long as it is let."""

    def send_commitment(self, held: HeldJob) -> None:
        """Say nothing, ever: the lease is kept until the commitment is sent."""


class LeaseBurningExecutor(Executor):
    """Takes work and gives it back at once, again and again."""

    def refusal(self, work: BuildWork) -> tuple[Cause, str] | None:
        """A reason that costs the run nothing when an honest executor gives it."""
        return "Weather", "burnt"

    def weather_pause(self) -> float:
        """None, unlike an honest executor."""
        return 0.0


class OfferLyingExecutor(Executor):
    """Offers what it has not, and so is handed what it cannot do."""

    def offer(self) -> ExecutorOffer:
        """All runtimes, the network, and more memory than there is."""
        honest = super().offer()
        runtimes: list[Runtime] = [{"Shell": None}, {"Python": None}, {"Motoko": None}]
        return {**honest, "runtimes": runtimes, "memory_bytes": 1 << 50, "network": True}


class FailingExecutor(Executor):
    """Attests that a stage failed, whatever came of it."""

    def send_commitment(self, held: HeldJob) -> None:
        """Commit to a failure instead of what was built."""
        failed = replace(held, attestation=replace(held.attestation, reason="command 1", files=()))
        self._state.forget(held.job)
        self._state.keep(failed, self._state.work / "no files")
        super().send_commitment(failed)


class SlowExecutor(Executor):
    """Waits before it commits, with its lease kept by heartbeats."""

    DELAY_SECONDS = 30.0

    def files_to_attest(
        self, files: tuple[ManifestFile, ...], folder: Path
    ) -> tuple[ManifestFile, ...]:
        """The built files, after the delay, or when this executor is stopped."""
        self._stopping.wait(self.DELAY_SECONDS)
        return files


class EquivocatingExecutor(Executor):
    """Commits to two answers about one job."""

    def send_commitment(self, held: HeldJob) -> None:
        """Commit to a failure first, then to what was built."""
        failed = replace(held.attestation, reason="command", files=())
        with contextlib.suppress(RefusedError):
            self._chain.submit_commitment(commitment_of(held, failed))
        super().send_commitment(held)


class UnrevealingExecutor(Executor):
    """Commits and never reveals."""

    def send_reveal(self, held: HeldJob) -> None:
        """Say nothing, ever."""


class LyingExecutor(Executor):
    """Reveals something else than it committed to."""

    def revelation(self, held: HeldJob) -> RevealInput:
        """The honest RevealInput with another hash for each file, and another environment."""
        honest = super().revelation(held)
        for file in honest["files"]:
            file["sha256"] = "0" * 64
        honest["environment"] = "0" * 64
        return honest


class HoardingExecutor(Executor):
    """Agrees with the others, takes the upload of what was agreed on, and sends nothing."""

    class _Slot(UploadSlot):
        def perform(self) -> None:
            """Send nothing, ever."""

    def upload_slot(self, work: UploadWork) -> UploadSlot:
        """A slot that keeps the lease of the upload until it runs out."""
        return self._Slot(self._chain, work, self._state, self._config, self._news.set)


class CorruptingExecutor(Executor):
    """Agrees with the others, then uploads other bytes than what was agreed on."""

    def upload_slot(self, work: UploadWork) -> UploadSlot:
        """The honest slot, with other bytes of the same size behind each file."""
        for file in work["files"]:
            self._state.file(work["job"], file["sha256"]).write_bytes(b"\0" * file["size"])
        return super().upload_slot(work)


KINDS: dict[str, type[Executor]] = {
    "tampering": TamperingExecutor,
    "uncommitting": UncommittingExecutor,
    "holding": HoldingExecutor,
    "lease-burning": LeaseBurningExecutor,
    "offer-lying": OfferLyingExecutor,
    "failing": FailingExecutor,
    "slow": SlowExecutor,
    "equivocating": EquivocatingExecutor,
    "unrevealing": UnrevealingExecutor,
    "lying": LyingExecutor,
    "hoarding": HoardingExecutor,
    "corrupting": CorruptingExecutor,
}
"""Every kind by the name that tests call it by."""
