"""Runs of canister code within rounds, and how a long one is put beside the rounds.

The thread that leads a round holds the lock of the state, except while canister code (or a
compiler) runs: a *run* touches nothing but what belongs to one canister. When a run takes long, it
is put beside: another thread takes the lead of the round, and the run's own thread waits at its
end until a later round resumes it. It then leads that round, applies the effects of the run and
goes on with what comes next.

Rejected: a stack that is switched (fibers), which the interpreter does not allow to move between
threads; a thread per canister, because handing over each small message costs more than running it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from dcanary.replica.state.records import Answer, Request, Response

_now = time.monotonic
Message = Request | Response | Answer


class Abandoned(BaseException):
    """The engine is closed while a run waits to be resumed."""


class Run:
    """One run. `key` is the canister, or names another thing of which one can run at a time."""

    __slots__ = ("begun", "claim", "done", "finished", "key", "number", "resume", "seconds")

    def __init__(self) -> None:
        self.key = b""
        self.number = 0
        self.begun = 0.0
        self.claim: list[None] = []
        """Who takes the only item decides: the run that ends, or who puts it beside."""
        self.finished = False
        self.seconds = 0.0
        """How long it took, of a run that was put beside and has finished."""

    def take_claim(self) -> bool:
        try:
            self.claim.pop()  # one step for the interpreter: only one thread succeeds
        except IndexError:
            return False
        return True

    def put_beside(self) -> None:
        """Prepare to be waited for and resumed."""
        self.done = threading.Event()
        self.resume = threading.Event()


class Runs:
    """The runs of one subnet. `lock` guards the state; `begin` and `end` are called with it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.current: Run | None = None
        """The run of the thread that leads the round, if it is in one."""
        self.beside: dict[bytes, Run] = {}
        """Key -> run, in the order in which they were put beside."""
        self.waiting: dict[bytes, list[Message]] = {}
        """Messages about canisters whose run is beside."""
        self.lead: Callable[[], None] | None = None
        """Starts a thread that takes the lead of the round."""
        self.slow: set[bytes] = set()
        """Keys of all runs that were put beside since the last checkpoint."""
        self.longest: dict[bytes, float] = {}
        """How long the longest of these took, in seconds, of those that were resumed."""
        self.seconds_beside = 0.0
        """What runs that were beside took, of those resumed so far."""
        self.number = 0
        """Runs begun in this round."""
        self.put_beside_now: frozenset[int] = frozenset()
        """Numbers of runs to be put beside at once, as the log says."""
        self._abandoned = False
        self._spare: Run | None = None
        """A run that has ended without being put beside, to be used again."""

    def begin_round(self, put_beside_now: frozenset[int]) -> None:
        """Begin to count runs."""
        self.number = 0
        self.put_beside_now = put_beside_now

    def begin(self, key: bytes) -> Run:
        """Begin a run: the lock is released."""
        self.number += 1
        run, self._spare = self._spare or Run(), None
        run.key = key
        run.number = self.number
        run.begun = _now()
        run.claim.append(None)
        if run.number in self.put_beside_now and run.take_claim():
            self.put_beside(run)
            assert self.lead is not None
            self.lead()
        else:
            self.current = run
        self.lock.release()
        return run

    def end(self, run: Run) -> None:
        """End a run: returns with the lock, and, if the run was put beside, in a later round.

        Raises Abandoned when there will be none.
        """
        try:
            run.claim.pop()  # as `take_claim`
        except IndexError:
            self._wait_to_be_resumed(run)
        else:
            self.current = None
            self.lock.acquire()
            self._spare = run

    def _wait_to_be_resumed(self, run: Run) -> None:
        while not hasattr(run, "resume"):
            time.sleep(0)  # the one who took the claim is about to set it
        run.seconds = _now() - run.begun
        run.finished = True
        run.done.set()
        run.resume.wait()
        self.lock.acquire()
        if self._abandoned:
            raise Abandoned

    def put_beside(self, run: Run) -> None:
        """Let a run, whose claim was taken, go on beside the rounds."""
        run.put_beside()
        self.current = None
        self.beside[run.key] = run
        self.slow.add(run.key)

    def overdue(self, seconds: float) -> Run | None:
        """Take the claim of the current run if it has been going on for so long."""
        run = self.current
        if run is None or _now() - run.begun < seconds or not run.take_claim():
            return None
        return run

    def finished(self) -> list[bytes]:
        """Keys of the runs that are beside and can be resumed."""
        return [run.key for run in list(self.beside.values()) if run.finished]

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until all runs beside have finished (for so long at most); returns whether they
        have. Called without the lock."""
        deadline = None if seconds is None else _now() + seconds
        for run in list(self.beside.values()):
            if not run.done.wait(None if deadline is None else max(0.0, deadline - _now())):
                return False
        return True

    def take(self, key: bytes) -> tuple[Run, list[Message]]:
        """Take a run out to be resumed, with the messages that waited for it."""
        run = self.beside.pop(key)
        run.done.wait()
        self.seconds_beside += run.seconds
        self.longest[key] = max(run.seconds, self.longest.get(key, 0.0))
        return run, self.waiting.pop(key, [])

    def defer(self, key: bytes, message: Message) -> None:
        """Keep a message until the run with that key is over."""
        self.waiting.setdefault(key, []).append(message)

    def abandon(self) -> None:
        """End all threads that wait to be resumed. Called without the lock."""
        self._abandoned = True
        for run in list(self.beside.values()):
            run.done.wait()
            run.resume.set()
