"""pnpm-lock.yaml, which is refused.

pnpm keeps unpacked files in a store whose form is another one in each of its major versions, and
writes into it while it installs: no folder that is made beforehand serves all of them.
"""

from __future__ import annotations

from dcanary import not_yet
from dcanary.fetch.pinned import ReadFile, Reading, Target


class Pnpm:
    """See `Reader`."""

    kind, tool, names = "pnpm", "pnpm", "pnpm-lock.yaml"

    def read(self, file: str, text: str, read: ReadFile, target: Target, into: Reading) -> None:
        """See `Reader.read`."""
        remedy = not_yet.OTHER_LOCKS.sentence("pnpm")
        into.problem(file, 0, "pnpm installs from a store of its own form only", remedy)
