"""Executors that break the rules, to show that verification holds against them."""

import hashlib
from dataclasses import replace
from pathlib import Path

from dcanary.client.types.verification import RevealInput
from dcanary.executor.executor import Executor
from dcanary.executor.manifest import ManifestFile
from dcanary.executor.state import HeldJob


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
    """Takes work and never commits."""

    def send_commitment(self, held: HeldJob) -> None:
        """Say nothing, ever."""


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
