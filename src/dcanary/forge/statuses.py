"""The statuses of commits: a file of JSON lines per repository, only ever appended to.

And the token that whoever posts them must have.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from dcanary.forge.layout import Layout, write_whole

TOKEN_BYTES = 32


@dataclass(frozen=True)
class Status:
    """One status as it was posted. `state` is the forge's own word, `posted` seconds since 1970."""

    number: int
    sha: str
    context: str
    state: str
    description: str
    target_url: str
    ref: str
    posted: float


class Statuses:
    """Reads and appends. Only the running forge appends, others may read at any time."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def read(self, repository: str, sha: str | None = None) -> list[Status]:
        """All statuses of a repository, or those of one commit, oldest first."""
        try:
            lines = self._layout.statuses_of(repository).read_bytes().splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            try:
                status = Status(**json.loads(line))
            except (ValueError, TypeError):
                continue  # a line that a kill has cut short
            if sha is None or status.sha == sha:
                found.append(status)
        return found

    def latest(self, repository: str, sha: str) -> list[Status]:
        """The last status of each context of a commit, newest first."""
        found: dict[str, Status] = {}
        for status in self.read(repository, sha):
            found[status.context] = status
        return sorted(found.values(), key=lambda status: -status.number)

    def add(
        self,
        repository: str,
        sha: str,
        context: str,
        state: str,
        description: str,
        target_url: str,
        ref: str = "",
    ) -> Status:
        """Write down a status that was posted. Raises OSError."""
        number = len(self.read(repository)) + 1
        status = Status(
            number, sha, context, state, description, target_url, ref, round(time.time(), 3)
        )
        path = self._layout.statuses_of(repository)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, b"\n" + json.dumps(asdict(status)).encode())
        finally:
            os.close(handle)
        return status


class Token:
    """The token of a forge's API, in a file that only its owner can read."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def file(self) -> Path:
        """Where the token is; made the first time."""
        path = self._layout.api_token
        if not path.exists():
            self._layout.create()
            write_whole(path, f"{secrets.token_urlsafe(TOKEN_BYTES)}\n".encode())
        return path

    def is_right(self, given: str) -> bool:
        """Whether this is the token, in constant time."""
        return hmac.compare_digest(self.file().read_text().strip().encode(), given.encode())
