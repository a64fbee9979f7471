"""Runs rounds on threads: who leads, when a long run is put beside, when a round is paused.

Rounds are a function of the state, the input that begins them and *notes*: which runs were put
beside and after how many messages the round was paused. Both depend on the clock, so they are
written to the log before anything else depends on them, and read back from there in a replay.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from dcanary.replica.engine.inputs import Input
from dcanary.replica.engine.options import Patience
from dcanary.replica.engine.runs import Abandoned, Run, Runs
from dcanary.replica.engine.scheduler import Scheduler
from dcanary.replica.engine.workers import Workers
from dcanary.replica.state.errors import EngineError

BESIDE, PAUSE = "beside", "pause"
NOTES = (BESIDE, PAUSE)


def with_notes(entries: Iterable[Input]) -> Iterator[tuple[Input, list[Input]]]:
    """Yield each input with the notes that follow it in the log."""
    held: Input | None = None
    notes: list[Input] = []
    for entry in entries:
        if entry[0] in NOTES:
            notes.append(entry)
            continue
        if held is not None:
            yield held, notes
        held, notes = entry, []
    if held is not None:
        yield held, notes


class Rounds:
    """Runs rounds, one at a time, each called from any thread and led by workers."""

    def __init__(
        self,
        scheduler: Scheduler,
        runs: Runs,
        workers: Workers,
        note: Callable[[Input], None],
    ) -> None:
        self._scheduler = scheduler
        self._runs = runs
        self._workers = workers
        self._note = note
        self._over = threading.Lock()
        self._over.acquire()
        self._more = False
        self._error: BaseException | None = None
        runs.lead = lambda: workers.start(self._lead)

    def run(
        self,
        time_ns: int,
        resumed: Sequence[bytes],
        held: Sequence[bytes] | None = (),
        notes: Sequence[Input] = (),
        patience: Patience | None = None,
    ) -> bool:
        """Run one round; returns whether messages are left over.

        `resumed` has the keys of finished runs whose effects are applied first; `held` those of
        canisters about which nothing is begun (None: nothing is begun at all); `notes` what the log
        says about the round. Raises what a round raises.
        """
        self._runs.begin_round(frozenset(n for kind, n in notes if kind == BESIDE))
        pause = next((n for kind, n in notes if kind == PAUSE), None)
        deadline = None
        if patience is not None:
            deadline = time.monotonic() + patience.round_seconds
        self._scheduler.begin(time_ns, resumed, held, deadline, pause)
        self._error = None
        self._workers.start(self._lead)
        if patience is None:
            self._over.acquire()
        else:
            while not self._over.acquire(timeout=patience.run_seconds):
                run = self._runs.overdue(patience.run_seconds)
                if run is not None:
                    self._put_beside(run)
            if self._error is None and self._scheduler.paused:
                self._note_pause()
        if self._error is not None:
            raise self._error
        return self._more

    def _lead(self) -> None:
        """Lead the round until it is over or another thread takes the lead."""
        with self._runs.lock:
            try:
                more = self._scheduler.proceed()
                if more is None:
                    return
                self._more = more
            except Abandoned:
                return
            except BaseException as error:
                self._error = error
        self._over.release()

    def _put_beside(self, run: Run) -> None:
        try:
            self._note([BESIDE, run.number])
        except EngineError:
            # Not in the log, so it must not have happened: the run keeps the lead.
            run.put_beside()
            run.resume.set()
            return
        self._runs.put_beside(run)
        self._workers.start(self._lead)

    def _note_pause(self) -> None:
        try:
            self._note([PAUSE, self._scheduler.delivered])
        except EngineError:
            # Not in the log, so it must not have happened: go on to the end of the round.
            self._scheduler.go_on()
            self._workers.start(self._lead)
            self._over.acquire()
