"""Which ref executors of one operator are to read next, found without looking at all that wait.

A repository whose server gives no answer is held: none of its refs is read while a read of it may
be under way, nor for a time that doubles with each failure. So one such repository delays neither
the builds nor the refs of others, however many of its runs wait. Kept in memory only: after an
upgrade the operator is asked once more, and holds are made anew.
"""

from bisect import bisect_left, insort
from typing import NamedTuple

from shared.rules.doubling import doubled
from shared.rules.limits import MAX_REREAD_NS, READ_NS, REREAD_NS


class Hold(NamedTuple):
    """A repository of which nothing is read before `until_ns`, after so many failures in a row.

    `under_way`: somebody was sent to read, and has not said what it found.
    """

    failures: int
    until_ns: int
    under_way: bool


def backoff_ns(failures: int) -> int:
    """How long to leave a server alone after so many failures in a row: doubled each time."""
    return doubled(REREAD_NS, failures, MAX_REREAD_NS) if failures > 0 else 0


class Agenda:
    """The refs that one operator is to read, those first that are due first.

    A change costs O(log n) in the runs of a repository and in the repositories.
    """

    def __init__(self) -> None:
        self._runs: dict[str, tuple[int, str]] = {}
        self._of: dict[str, list[tuple[int, str]]] = {}
        self._holds: dict[str, Hold] = {}
        self._due: dict[str, int] = {}
        self._order: list[tuple[int, str]] = []

    def put(self, run: str, repository: str, from_ns: int) -> None:
        """The ref of a run is to be read from `from_ns` on."""
        self._take(run)
        self._runs[run] = (from_ns, repository)
        insort(self._of.setdefault(repository, []), (from_ns, run))
        self._settle(repository)

    def drop(self, run: str) -> None:
        """The ref of a run is not asked for any more."""
        repository = self._take(run)
        if repository is not None:
            self._settle(repository)

    def next(self, now: int) -> "str | None":
        """The run whose ref is to be read at `now`; None when nothing is due."""
        if not self._order or self._order[0][0] > now:
            return None
        return self._of[self._order[0][1]][0][1]

    def begin(self, repository: str, now: int) -> None:
        """A read of the repository begins; one that was never heard of again has failed."""
        held = self._holds.get(repository)
        failures = 0 if held is None else held.failures + held.under_way
        self._hold(repository, Hold(failures, now + READ_NS + backoff_ns(failures), True))

    def fail(self, repository: str, now: int) -> None:
        """The repository could not be read."""
        held = self._holds.get(repository)
        failures = 1 if held is None else held.failures + 1
        self._hold(repository, Hold(failures, now + backoff_ns(failures), False))

    def answered(self, repository: str) -> None:
        """The repository was read: nothing holds it."""
        if self._holds.pop(repository, None) is not None:
            self._settle(repository)

    def forget_failures(self) -> None:
        """What was in the way may be gone: only reads under way hold their repository."""
        for repository, held in list(self._holds.items()):
            if not held.under_way:
                self.answered(repository)

    def _hold(self, repository: str, hold: Hold) -> None:
        self._holds[repository] = hold
        self._settle(repository)

    def _take(self, run: str) -> "str | None":
        known = self._runs.pop(run, None)
        if known is None:
            return None
        from_ns, repository = known
        waiting = self._of[repository]
        del waiting[bisect_left(waiting, (from_ns, run))]
        if not waiting:
            del self._of[repository]
        return repository

    def _settle(self, repository: str) -> None:
        """Give a repository its place."""
        before = self._due.pop(repository, None)
        if before is not None:
            del self._order[bisect_left(self._order, (before, repository))]
        waiting = self._of.get(repository)
        if waiting is not None:
            held = self._holds.get(repository)
            due = max(waiting[0][0], 0 if held is None else held.until_ns)
            self._due[repository] = due
            insort(self._order, (due, repository))
