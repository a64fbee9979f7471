"""The ways in which a build can fail: each message is one sentence for the person who asked for it.

Every message says what happened, where (file and line when a Python source is wrong), and what
to do. None of them carries a traceback of the tool itself.
"""

from __future__ import annotations


class BuildError(Exception):
    """A canister or the runtime template could not be built."""


class SourceError(BuildError):
    """The canister's own Python sources are wrong.

    `path` and `line` (1-based) name the place when it is known.
    """

    def __init__(self, message: str, *, path: str | None = None, line: int | None = None) -> None:
        self.path = path
        self.line = line
        where = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(where + message)


class ToolError(BuildError):
    """A program or package that the build needs is missing, has the wrong version, or failed."""


class LimitError(BuildError):
    """The module would break a limit that the Internet Computer sets for modules."""
