"""When the bytes of a log arrived: marks of an offset and a time, a second apart at least.

They lie in blocks of fixed size beside the log, so that any of them is one look-up away.
"""

from typing import TYPE_CHECKING

from shared.rules.limits import MAX_LOG_MARKS, SECOND_NS

if TYPE_CHECKING:
    from canisters.build_executor.records import JobRow
    from shared.base.records import Lookup
    from shared.types.job import LogMark

MARKS_PER_BLOCK = 512
NUMBER_BYTES = 8
MARK_BYTES = 2 * NUMBER_BYTES


def _key(name: str, block: int) -> str:
    return f"{name}#t{block}"


class Marks:
    """The marks of one job's log, of which `count` are there."""

    def __init__(self, blocks: "Lookup[str, bytes]", name: str, count: int) -> None:
        self._blocks, self._name, self.count = blocks, name, count
        self._read: dict[int, bytes] = {}

    def _block(self, number: int) -> bytes:
        if number not in self._read:
            self._read[number] = self._blocks.get(_key(self._name, number)) or b""
        return self._read[number]

    def at(self, index: int) -> "LogMark":
        number, place = divmod(index, MARKS_PER_BLOCK)
        start = place * MARK_BYTES
        raw = self._block(number)[start : start + MARK_BYTES]
        return {
            "offset": int.from_bytes(raw[:NUMBER_BYTES], "big"),
            "at_ns": int.from_bytes(raw[NUMBER_BYTES:], "big"),
        }

    def add(self, offset: int, now: int) -> None:
        """Bytes arrive at `offset`, unless the last mark says so within a second."""
        if self.count >= MAX_LOG_MARKS:
            return
        if self.count and now - self.at(self.count - 1)["at_ns"] < SECOND_NS:
            return
        number, place = divmod(self.count, MARKS_PER_BLOCK)
        before = self._block(number) if place else b""
        mark = offset.to_bytes(NUMBER_BYTES, "big") + now.to_bytes(NUMBER_BYTES, "big")
        self._read[number] = before + mark
        self._blocks.insert(_key(self._name, number), before + mark)
        self.count += 1

    def between(self, start: int, end: int) -> "list[LogMark]":
        """Those that say when the bytes from `start` to `end` arrived."""
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if self.at(middle)["offset"] <= start:
                low = middle + 1
            else:
                high = middle
        found = []
        for index in range(max(0, low - 1), self.count):
            mark = self.at(index)
            if mark["offset"] >= end:
                break
            found.append(mark)
        return found


def note(blocks: "Lookup[str, bytes]", name: str, job: "JobRow", now: int) -> None:
    """Bytes are about to be added to a log; the caller saves the job's stage."""
    marks = Marks(blocks, name, job["log_marks"] or 0)
    marks.add(job["log_bytes"], now)
    job["log_marks"] = marks.count
