"""What the engine asks of the storage above it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from dcanary.replica.engine.core import Core
from dcanary.replica.engine.inputs import Input
from dcanary.replica.state.records import Subnet


class Journal(Protocol):
    """A checkpoint of the state and the inputs since. All methods raise `EngineError`."""

    @property
    def blobs_folder(self) -> Path:
        """Where modules, chunks and snapshot images lie."""
        ...

    @property
    def log_size(self) -> int:
        """Bytes of log since the last checkpoint."""
        ...

    def load(self, core: Core) -> Subnet | None:
        """Return the newest checkpoint's state and put its bodies into `core`; None if new."""
        ...

    def replay(self) -> Sequence[Any]:
        """The inputs after the newest checkpoint."""
        ...

    def begin_appending(self, core: Core) -> None:
        """Be ready for `append`."""
        ...

    def append(self, entry: Input) -> None:
        """Write an input to the log."""
        ...

    def checkpoint(self, core: Core, rest: Sequence[Input] = ()) -> None:
        """Write a checkpoint and begin a new log; with `rest`, inputs that are still to be
        executed again. Also before `begin_appending`."""
        ...

    def close(self) -> None:
        """Release the folder. Idempotent."""
        ...
