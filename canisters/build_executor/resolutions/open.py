"""The runs whose commit is still to be read, kept ready in memory: executors ask every second."""

from heapq import heappop, heappush

from canisters.build_executor.records import ResolutionRecord
from canisters.build_executor.resolutions import rules
from canisters.build_executor.resolutions.agenda import Agenda
from shared.base.records import Lookup


class OpenResolutions:
    """Written to the stable map on every change, and read from it again after an upgrade.

    What is only in memory: how long a server that fails is left alone, and whose turn it is.
    """

    def __init__(self, stored: "Lookup[str, ResolutionRecord]") -> None:
        self._stored = stored
        self._open: dict[str, ResolutionRecord] = {}
        self._ends: list[tuple[int, str]] = []
        self._agendas: dict[str, Agenda] = {}
        self._read_last: set[str] = set()

    def forget(self) -> None:
        """Memory is empty (after an upgrade)."""
        self._open = {}
        self._ends = []
        self._agendas = {}
        self._read_last = set()

    def load(self, run: str) -> None:
        """Read an open run that has no commit yet from the stable map."""
        found = self._stored.get(run)
        if found is not None:
            self._open[run] = found
            heappush(self._ends, (found["until_ns"], run))

    def next_for(self, operator: str, now: int) -> "tuple[str, ResolutionRecord] | None":
        """The run whose ref executors of this operator are to read at `now`, or None."""
        if not self._open:
            return None
        run = self._agenda_of(operator).next(now)
        return None if run is None else (run, self._open[run])

    def begin(self, operator: str, repository: str, now: int) -> None:
        """An executor of the operator is sent to read a ref of the repository."""
        self._agenda_of(operator).begin(repository, now)

    def heard(self, operator: str, repository: str, failed: bool, now: int) -> None:
        """An executor of the operator says what it found, or that it could not be read."""
        agenda = self._agenda_of(operator)
        if failed:
            agenda.fail(repository, now)
        else:
            agenda.answered(repository)

    def forget_failures(self) -> None:
        """Whoever could not read may be able to now."""
        for agenda in self._agendas.values():
            agenda.forget_failures()

    def is_turn_of_builds(self, executor: str) -> bool:
        """Whether what the executor was given last was a ref to read: builds have their turn."""
        return executor in self._read_last

    def took_turn(self, executor: str, reads: bool) -> None:
        """The executor was given a ref to read, or other work."""
        if reads:
            self._read_last.add(executor)
        else:
            self._read_last.discard(executor)

    def _agenda_of(self, operator: str) -> Agenda:
        """What the operator is to read; the first time costs a look at all that is open."""
        agenda = self._agendas.get(operator)
        if agenda is None:
            agenda = Agenda()
            self._agendas[operator] = agenda
            for run, record in self._open.items():
                agenda.put(run, record["repository"], rules.asked_from_ns(record, operator))
        return agenda

    def _close(self, run: str) -> None:
        if self._open.pop(run, None) is not None:
            for agenda in self._agendas.values():
                agenda.drop(run)

    def asked(self, run: str) -> "ResolutionRecord | None":
        """The record of a run whose commit is being asked for; None of all others."""
        return self._open.get(run)

    def any(self) -> bool:
        """Whether the commit of any run is being asked for."""
        return bool(self._open)

    def get(self, run: str) -> "ResolutionRecord | None":
        """How a run came, or is to come, to its commit; None where it was started for one."""
        known = self._open.get(run)
        return self._stored.get(run) if known is None else known

    def save(self, run: str, record: ResolutionRecord) -> None:
        """Write it down; it is asked for until it has a commit or the run ends."""
        self._stored.insert(run, record)
        if record["commit"] is not None:
            self._close(run)
            return
        if run not in self._open:
            heappush(self._ends, (record["until_ns"], run))
        self._open[run] = record
        for operator, agenda in self._agendas.items():
            agenda.put(run, record["repository"], rules.asked_from_ns(record, operator))

    def drop(self, run: str) -> None:
        """The run has ended: its commit is not asked for any more."""
        self._close(run)

    def next_end_ns(self) -> int:
        """When the time of the first of them is over; 0 when none is open."""
        while self._ends and self._ends[0][1] not in self._open:
            heappop(self._ends)
        return self._ends[0][0] if self._ends else 0

    def take_overdue(self, now: int) -> "str | None":
        """A run whose time is over; the caller ends it."""
        while self._ends and self._ends[0][0] <= now:
            _, run = heappop(self._ends)
            if run in self._open:
                return run
        return None
