"""The reports that are not at an end: which is next, and which is overtaken. Plain rules."""

from __future__ import annotations

from dataclasses import dataclass

from dcanary.client.types.webhook import PostedReport, PostingState, Report
from dcanary.reporter.statuses import Status, status_of


@dataclass
class Waiting:
    """A report that was not posted yet. `due` is in seconds since 1970."""

    report: Report
    status: Status
    attempts: int
    due: float

    @property
    def number(self) -> int:
        return self.report["number"]

    @property
    def subject(self) -> tuple[str, str, str]:
        """What a later report may overtake: one context of one commit."""
        return self.report["repository"], self.status.sha, self.status.context


class WaitingReports:
    """Reports by number. Of one context of a commit only the last is posted."""

    def __init__(self, link: str = "") -> None:
        self._link = link
        self._by_number: dict[int, Waiting] = {}
        self._last: dict[tuple[str, str, str], int] = {}
        self.next = 0

    def begin(self, number: int) -> None:
        """Nothing waits; reports are read from this number on."""
        self._by_number.clear()
        self._last.clear()
        self.next = number

    def add(self, report: Report) -> Waiting | None:
        """Take a report that was read. Returns the one that it overtakes, if that still waits."""
        if "Waiting" not in report["posting"]["state"]:
            return None
        posting = report["posting"]
        waiting = Waiting(
            report,
            status_of(report, self._link),
            posting["attempts"],
            (posting["next_try_ns"] or 0) / 1e9,
        )
        self._by_number[waiting.number] = waiting
        before = self._last.get(waiting.subject)
        self._last[waiting.subject] = waiting.number
        if before is None:
            return None
        return self._by_number.pop(before, None)

    def due(self, now: float, most: int) -> list[Waiting]:
        """Those to be tried now, the oldest first; those that failed after the others."""
        found = [one for one in self._by_number.values() if one.due <= now]
        return sorted(found, key=lambda one: (one.attempts, one.number))[:most]

    def end(self, waiting: Waiting) -> None:
        """Nothing more happens to this report."""
        self._by_number.pop(waiting.number, None)
        if self._last.get(waiting.subject) == waiting.number:
            del self._last[waiting.subject]

    def done(self) -> int:
        """All reports before this number need nothing more."""
        return min(self._by_number, default=self.next)

    def __len__(self) -> int:
        return len(self._by_number)


def told(
    number: int, state: PostingState, attempts: int, error: str = "", next_try: float | None = None
) -> PostedReport:
    """What the chain is told of a report."""
    return {
        "number": number,
        "posting": {
            "state": state,
            "attempts": attempts,
            "last_error": error,
            "next_try_ns": None if next_try is None else int(next_try * 1e9),
        },
    }
