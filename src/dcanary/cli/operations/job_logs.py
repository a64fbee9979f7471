"""Reading logs: of one job, or of all jobs of a run or of a stage."""

from __future__ import annotations

import codecs
import io
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dcanary.cli.operations.patience import Patience
from dcanary.cli.operations.watch import ENDED_RUN, state_of
from dcanary.cli.paging import page
from dcanary.client.errors import ConfigError

if TYPE_CHECKING:
    from dcanary.client.system import System
    from dcanary.client.types.build_executor import Job

QUIET_RUN = (*ENDED_RUN, "Approving", "Releasing")
"""States of a run in which none of its jobs prints any more."""


@dataclass(frozen=True)
class Line:
    """A line of a log without its end. `at_ns`: when it arrived, to the second; None: not known."""

    text: str
    at_ns: int | None


class JobLog:
    """A log that is read on from where the last reading ended."""

    def __init__(self, system: System, job: str, patience: Patience) -> None:
        self.job = job
        self._system, self._patience = system, patience
        self._offset = 0
        # A character may lie across the border of two pieces, and so may the two of a line end.
        self._decoder = io.IncrementalNewlineDecoder(
            codecs.getincrementaldecoder("utf-8")("replace"), True
        )
        self._rest = ""
        self._raw, self._begin = b"", 0
        self._marks: list[tuple[int, int]] = []

    @property
    def is_empty(self) -> bool:
        """Whether no byte of it was there so far."""
        return self._offset == 0

    def pieces(self) -> Iterator[bytes]:
        """The bytes that are there by now and were not read before."""
        while True:
            piece = self._patience(
                lambda: self._system.build_executor.get_log(self.job, self._offset)
            )
            self._offset += len(piece["content"])
            for mark in piece.get("marks") or ():
                if not self._marks or mark["offset"] > self._marks[-1][0]:
                    self._marks.append((mark["offset"], mark["at_ns"]))
            yield piece["content"]
            if not piece["content"] or self._offset >= piece["total"]:
                return

    def text(self, final: bool = False) -> Iterator[str]:
        """Like `pieces`, as text; `final` when nothing will be read any more."""
        for piece in self.pieces():
            yield self._decoder.decode(piece)
        if final:
            yield self._decoder.decode(b"", final=True)

    def lines(self, final: bool = False) -> Iterator[str]:
        """Like `text`, in whole lines without their ends; the last one need not have one."""
        for text in self.text(final):
            *whole, self._rest = (self._rest + text).split("\n")
            yield from whole
        if final and self._rest:
            yield self._rest
            self._rest = ""

    def stamped(self, final: bool = False) -> Iterator[Line]:
        """Like `lines`, each with the time at which its beginning arrived."""
        for piece in self.pieces():
            yield from self._cut(piece)
        if final:
            yield from self._cut(b"\n" if self._raw.strip(b"\r") else b"")

    def _cut(self, piece: bytes) -> Iterator[Line]:
        """The lines that are whole with this piece."""
        self._raw += piece
        # What follows a carriage return is not known yet: it may be the other half of a line end.
        held = b"\r" if self._raw.endswith(b"\r") else b""
        whole = self._raw.removesuffix(held)
        *lines, rest = whole.replace(b"\r\n", b" \n").replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            found = whole[: len(line)]
            whole = whole[len(line) + 1 :]
            text = found.removesuffix(b"\r").decode(errors="replace")
            yield Line(text, self._time_of(self._begin))
            self._begin += len(line) + 1
        self._raw = rest + held

    def _time_of(self, offset: int) -> int | None:
        place = bisect_right(self._marks, (offset, 1 << 64))
        return self._marks[place - 1][1] if place else None


def jobs_of(system: System, what: str, patience: Patience) -> list[Job]:
    """The jobs of a run, of a stage (`run-1/build`), or the one of that name; oldest stage first.

    Empty while the run, or the stage, has none. Raises ConfigError when there will be none.
    """
    run, _, inside = what.partition("/")
    stage = inside.partition("/")[0]
    found: list[Job] = []
    begun = False
    cursor = None
    while True:
        got = patience(partial(system.build_executor.list_jobs, run, page(100, cursor)))
        found += [job for job in got["items"] if _is_in(job, inside)]
        begun = begun or any(job["stage"] == stage for job in got["items"])
        cursor = got["next"]
        if cursor is None:
            break
    if not found and inside:
        known = [
            each["name"] for each in patience(lambda: system.build_executor.get_run(run))["stages"]
        ]
        if begun or stage not in known:
            raise ConfigError(f"there is no job or stage {what}", f"see: dcanary run jobs {run}")
    order = {name: -number for number, name in enumerate(each["stage"] for each in found)}
    return sorted(found, key=lambda job: (order[job["stage"]], job["replica"]))


def _is_in(job: Job, inside: str) -> bool:
    return not inside or job["stage"] == inside or job["job"].partition("/")[2] == inside


def is_over(system: System, run: str, patience: Patience) -> bool:
    """Whether no job of the run prints any more."""
    return state_of(patience(lambda: system.build_executor.get_run(run))) in QUIET_RUN


def is_done(job: Mapping[str, object]) -> bool:
    """Whether a job's executor has voted: nothing more will be printed."""
    return state_of(job) == "Committed"
