"""Whole logs of jobs: written beside the build, kept by the executor, removed by age and size.

The chain has the beginning and the end of a log, and the sha256 of the whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

MAX_LOG_BYTES = 256 * 1024 * 1024
"""Of one attempt at a job. What is printed after that is in no log."""
MAX_AGE_SECONDS = 30 * 24 * 3_600.0
MAX_ALL_BYTES = 2 << 30
_SUFFIX = ".log"


@dataclass(frozen=True)
class LogDigest:
    """What names a whole log: its sha256 in hexadecimal, and bytes."""

    sha256: str
    size: int


class WholeLog:
    """The file of a log that is being written. A disk that is full ends it, and not the build."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._hasher, self._size = hashlib.sha256(), 0
        self._is_whole = True

    def write(self, text: bytes) -> None:
        """Add bytes; ignored when there are too many, or when the disk does not take them."""
        if not self._is_whole or not text:
            return
        if self._size + len(text) > MAX_LOG_BYTES:
            text = text[: MAX_LOG_BYTES - self._size]
        try:
            with self.path.open("ab") as stream:
                stream.write(text)
        except OSError:
            self._is_whole = False
            return
        self._hasher.update(text)
        self._size += len(text)

    def digest(self) -> LogDigest | None:
        """What names it; None when it could not be written."""
        return LogDigest(self._hasher.hexdigest(), self._size) if self._is_whole else None


class KeptLogs:
    """The whole logs in `folder`, each as `RUN~STAGE~REPLICA~ATTEMPT.log`."""

    def __init__(
        self,
        folder: Path,
        max_bytes: int = MAX_ALL_BYTES,
        max_age_seconds: float = MAX_AGE_SECONDS,
    ) -> None:
        self._folder, self._max_bytes, self._max_age = folder, max_bytes, max_age_seconds

    def take(self, job: str, attempt: int, log: Path) -> None:
        """Move a log here; one that is not there was empty. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = self._folder / f"{job.replace('/', '~')}~{attempt}{_SUFFIX}"
        log.touch()
        log.replace(place)
        self.collect()

    def collect(self) -> None:
        """Remove logs that are too old, and the oldest while there are too many bytes."""
        found = []
        for path in self._folder.glob(f"*{_SUFFIX}"):
            with contextlib.suppress(OSError):
                info = path.stat()
                found.append((info.st_mtime, info.st_size, path))
        total, now = sum(size for _, size, _ in found), time.time()
        for changed, size, path in sorted(found):
            if total <= self._max_bytes and now - changed <= self._max_age:
                break
            path.unlink(missing_ok=True)
            total -= size

    def find(self, job: str) -> dict[int, Path]:
        """The logs of a job that are here, by attempt."""
        start = f"{job.replace('/', '~')}~"
        found: dict[int, Path] = {}
        for path in self._folder.glob(f"*{_SUFFIX}"):
            attempt = path.name.removesuffix(_SUFFIX).removeprefix(start)
            if path.name.startswith(start) and attempt.isdecimal():
                found[int(attempt)] = path
        return dict(sorted(found.items()))
