"""The state folder: which checkpoint and log count, and how a new checkpoint replaces them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dcanary.replica.engine.core import Core
from dcanary.replica.state.errors import EngineError
from dcanary.replica.state.records import Subnet
from dcanary.replica.storage import checkpoint, frames, log, manifest, old_log
from dcanary.replica.storage.damage import Damaged, Loss, NotWritten, WrongSubnet
from dcanary.replica.storage.flusher import Flusher, flush
from dcanary.replica.storage.folder import Folder, flush_folder, lock
from dcanary.replica.storage.frames import Mark
from dcanary.replica.storage.log import Log
from dcanary.replica.storage.manifest import Manifest


class Storage:
    """One state folder, locked against other engines.

    `subnet` is the principal that the state must belong to. With `accept_loss`, what is damaged is
    moved to `damaged/`, the rest goes on, and `lost` is told of each loss; without, damage raises
    `Damaged`.
    """

    def __init__(
        self,
        folder: Path,
        fsync: bool,
        subnet: bytes = b"",
        accept_loss: bool = False,
        lost: Callable[[Loss], None] = lambda _: None,
    ) -> None:
        self._fsync = fsync
        self._subnet = subnet
        self._accept_loss = accept_loss
        self._lost = lost
        self._lock = -1
        self._log: Log | None = None
        self._flusher: Flusher | None = None
        self._folder = Folder(folder)
        self.blobs_folder = self._folder.blobs
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = lock(self._folder.lock)
            self._create()
        except OSError as error:
            misplaced = folder.exists() and not folder.is_dir()
            why = "it is not a folder" if misplaced else error.strerror or error
            raise EngineError(
                f"the state folder {folder} cannot be used ({why}): make it a folder that you may "
                "write, or move it away and restore a copy"
            ) from error
        self._number = 0
        self._manifest: Manifest | None = None
        self._end: Mark | None = None
        """Of the log that `replay` read; None for one of format 1."""
        self._other_subnet = False
        """Whether the state is taken over from another subnet, which no checkpoint says yet."""

    def _create(self) -> None:
        """Make the folders. What stands in their place is damage. Raises `Damaged`, OSError."""
        for path in self._folder.misplaced():
            damage = Damaged(path, None, "it is not a folder")
            if not self._accept_loss:
                self.close()
                raise damage
            self._lost(Loss(damage.finding, "what it held is lost", self._folder.move(path)))
        self._folder.create()

    @property
    def log_size(self) -> int:
        """Bytes of log since the last checkpoint."""
        return self._log.size if self._log else 0

    def load(self, core: Core) -> Subnet | None:
        """State of the newest checkpoint; None in a new folder. Raises `Damaged`."""
        try:
            return self._load(core)
        except Damaged as damage:
            if not self._accept_loss:
                raise
            self._lost(Loss(damage.finding, damage.loses, self._folder.set_aside()))
            self._number, self._manifest = 0, None
            return None

    def _load(self, core: Core) -> Subnet | None:
        folder = self._folder
        self._number = folder.newest()
        if self._number == 0:
            folder.check_empty()
            return None
        self._manifest = folder.manifest(self._number)
        if self._manifest is not None:
            self._check_subnet(self._manifest)
        path = folder.checkpoint(self._number)
        return checkpoint.read(
            path, self._manifest, core, lambda blob: folder.check_blob(blob, core.blobs)
        )

    def _check_subnet(self, found: Manifest) -> None:
        if not self._subnet or found.subnet in (b"", self._subnet):
            return
        what = (
            f"the state in {self._folder.root} is that of another subnet than the keys beside it: "
            "the file of keys was changed or replaced"
        )
        if not self._accept_loss:
            raise WrongSubnet(what)
        self._other_subnet = True

    def replay(self) -> Sequence[Any]:
        """The inputs after the newest checkpoint. Raises `Damaged`."""
        if self._number == 0:
            return []
        path = self._folder.log(self._number)
        if self._manifest is None:
            entries, damage = old_log.read(path)
        else:
            content = log.read(path, self._number, self._manifest.id)
            entries, damage, self._end = content.entries, content.damage, content.end
        if damage is not None:
            if not self._accept_loss:
                raise damage
            self._lost(Loss(damage.finding, damage.loses, self._folder.keep_copy(path)))
            if self._manifest is not None:
                log.create(path, self._number, self._manifest.id, self._end)
        return entries

    def begin_appending(self, core: Core) -> None:
        """Be ready for `append`; a new folder, one of format 1, or one of another subnet gets a
        checkpoint."""
        self._flusher = Flusher()
        if self._log is not None:  # since a checkpoint during the replay
            self._flusher.use(self._log.fd)
            return
        # Of another subnet: else the next start would refuse what was accepted at this one.
        if self._number == 0 or self._end is None or self._other_subnet:
            self._write_checkpoint(core)
            return
        self._use(Log(self._folder.log(self._number), self._end, self._fsync))
        self._clean(core)

    def _use(self, following: Log) -> None:
        if self._flusher is not None:
            self._flusher.use(following.fd)
        if self._log is not None:
            self._log.close()
        self._log = following

    def append(self, entry: Any) -> None:
        """Write an input to the log. Raises `NotWritten`, in which case nothing was written."""
        assert self._log is not None
        self._log.append(entry)
        if self._flusher is not None:
            self._flusher.changed()

    def checkpoint(self, core: Core, rest: Sequence[Any] = ()) -> None:
        """Write a checkpoint and begin a new log with the inputs `rest`, unless there is nothing
        new. Raises `NotWritten`; the old ones then count on."""
        if self._log is None or self.log_size:
            self._write_checkpoint(core, rest)

    def _write_checkpoint(self, core: Core, rest: Sequence[Any] = ()) -> None:
        folder = self._folder
        fresh = Manifest(self._number + 1, os.urandom(16), self._subnet)
        partial = folder.partial(fresh.number)
        previous = None
        if self._manifest is not None:
            previous = folder.checkpoint(self._number), self._manifest
        following: Log | None = None
        try:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            checkpoint.write(partial, previous, core, fresh)
            path = folder.log(fresh.number)
            path.unlink(missing_ok=True)
            log.create(path, fresh.number, fresh.id)
            following = Log(path, frames.start(fresh.id), self._fsync)
            for entry in rest:
                following.append(entry)
            if rest:
                flush(following.fd)
            flush_folder(path.parent)
            partial.rename(folder.checkpoint(fresh.number))
            flush_folder(partial.parent)
        except (OSError, NotWritten) as error:
            if following is not None:
                following.close()
            shutil.rmtree(partial, ignore_errors=True)
            raise NotWritten(f"writing a checkpoint failed: {error}") from error
        self._use(following)
        self._number = fresh.number
        self._manifest = manifest.read(
            folder.checkpoint(fresh.number) / manifest.NAME, fresh.number
        )
        checkpoint.mark_saved(core)
        self._clean(core)

    def _clean(self, core: Core) -> None:
        """Remove older checkpoints and logs, and blobs nothing refers to."""
        self._folder.clean(self._number)
        core.blobs.retain(checkpoint.used_blobs(core.subnet))

    def close(self) -> None:
        """Release the folder. Idempotent."""
        if self._flusher is not None:
            self._flusher.close()
            self._flusher = None
        if self._log is not None:
            self._log.close()
            self._log = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
