"""The file of an input log: read whole at the start, then appended to.

What was appended survives `kill -9` at any moment: it is with the operating system before `append`
returns. Against a power failure see `Flusher`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cbor2

from dcanary.replica.storage import frames
from dcanary.replica.storage.damage import Damaged, NotWritten
from dcanary.replica.storage.flusher import flush
from dcanary.replica.storage.frames import BadFrame, Mark


@dataclass(frozen=True, slots=True)
class Content:
    """What a log file holds. `damage` is what keeps the rest from being read."""

    entries: Sequence[Any]
    end: Mark
    """Behind the last good frame."""
    damage: Damaged | None


def read(path: Path, number: int, identity: bytes) -> Content:
    """All inputs of the log that follows a checkpoint, up to the first damage.

    A torn end that was never acknowledged is no damage: it is left out.
    """
    end = frames.start(identity)
    entries: list[Any] = []

    def ended(at: int | None, what: str) -> Content:
        after = f"goes on after input {end.frames}" if end.frames else "goes on without any input"
        loses = f"the network then {after} of checkpoint {number}"
        return Content(entries, end, Damaged(path, at, what, loses))

    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ended(None, "it is missing")
    except OSError as error:
        return ended(None, f"it cannot be read ({error.strerror or error})")
    # The frames are read even when the head is damaged: their chain begins with the id of the
    # checkpoint, which its manifest knows too.
    bad_head: BadFrame | None = None
    mark = end
    try:
        frames.check_head(data, number, identity)
        mark = frames.newest_mark(data)
    except BadFrame as error:
        bad_head = error
    while end.size < len(data):
        try:
            payload, behind = frames.read_frame(data, end)
            entries.append(cbor2.loads(payload))
        except BadFrame as error:
            if bad_head is None and end.size < mark.size:
                return ended(error.at, error.what)
            break
        except (cbor2.CBORDecodeError, ValueError) as error:
            return ended(end.size, f"input {end.frames + 1} is not CBOR ({error})")
        end = behind
        if end.frames == mark.frames and end != mark:
            return ended(end.size, f"the checksum after input {end.frames} is another one")
    if bad_head is not None:
        return ended(bad_head.at, bad_head.what)
    if end.frames < mark.frames:
        return ended(
            end.size, f"it ends after input {end.frames}, but {mark.frames} were acknowledged"
        )
    return Content(entries, end, None)


def create(path: Path, number: int, identity: bytes, end: Mark | None = None) -> None:
    """Write the head of a log. With `end`, the file's frames up to there are kept.

    Raises OSError.
    """
    head = frames.pack_head(number, identity)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if end is None:
            os.ftruncate(fd, 0)
        else:
            os.ftruncate(fd, end.size)
            mark = frames.pack_mark(end)
            head = head[: frames.MARKS_AT[0]] + mark + mark
        if os.pwrite(fd, head, 0) != len(head):
            raise OSError("the head was not written whole")
        os.fsync(fd)
    finally:
        os.close(fd)


class Log:
    """Appends to one log file that `create` made and `read` understood up to `end`."""

    def __init__(self, path: Path, end: Mark, fsync: bool) -> None:
        self._fsync = fsync
        self._path = path
        self._end = end
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.ftruncate(self._fd, end.size)  # a torn end
            self._mark(end)
        except BaseException:
            os.close(self._fd)
            raise

    @property
    def size(self) -> int:
        """Bytes of inputs."""
        return self._end.size - frames.HEAD_SIZE

    @property
    def fd(self) -> int:
        """The open file, for `flush`."""
        return self._fd

    def append(self, entry: Any) -> None:
        """Write an input through to the operating system. Raises `NotWritten`, in which case
        nothing was written."""
        before = self._end
        frame, behind = frames.pack_frame(cbor2.dumps(entry), before)
        try:
            self._write(frame, before.size)
            if self._fsync:
                flush(self._fd)
            self._mark(behind)
        except OSError as error:
            # The mark of before is whole: the two are written in turn.
            os.ftruncate(self._fd, before.size)
            raise NotWritten(f"writing the log {self._path} failed: {error}") from error

    def _mark(self, mark: Mark) -> None:
        """Note in the head that the log has come this far. Raises OSError."""
        # In turn, so that a kill in the middle leaves the other one.
        self._write(frames.pack_mark(mark), frames.MARKS_AT[mark.frames % 2])
        self._end = mark

    def _write(self, content: bytes, at: int) -> None:
        written = os.pwrite(self._fd, content, at)
        if written != len(content):
            raise OSError(f"{written} of {len(content)} bytes written")

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
