"""A node: the thread that owns the engine, the certified state, and what the interfaces ask of it.

Everything that touches the engine runs as a job in one thread, in order of arrival, so nobody
waits on a lock and every certificate belongs to a state between two rounds. A *live* node follows
the wall clock and runs rounds whenever there is work; otherwise time stands still until told.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from typing import TypeVar

from .api import (
    CanisterView,
    Engine,
    HttpOutcall,
    Ingress,
    Reject,
    Reply,
    RequestState,
    RequestStatus,
    StateNotWritten,
)
from .certification.certificate import Certifier
from .certification.keys import SubnetKeys
from .certification.state_tree import CertifiedState, StateTree

T = TypeVar("T")
log = logging.getLogger(__name__)

POLL_SECONDS = 0.02
"""How often a live node without messages looks for due timers and heartbeats."""
HEARTBEAT_SECONDS = 0.05
"""Least time between rounds that no message asked for."""
UNWRITTEN_SECONDS = 1.0
"""Pause after a round that could not be recorded, because the disk is full."""
MAX_JOBS_BEFORE_ROUND = 16
FINAL = frozenset({RequestState.REPLIED, RequestState.REJECTED, RequestState.DONE})


def _nothing() -> None:
    return None


class NodeStopped(RuntimeError):
    """The node no longer takes work."""


class Node:
    """One node with its engine. Methods may be called from any thread."""

    def __init__(self, engine: Engine, keys: SubnetKeys, *, live: bool, subnet_type: str) -> None:
        self.engine = engine
        self.keys = keys
        self.certifier = Certifier(keys)
        self.on_outcalls: Callable[[Sequence[HttpOutcall]], None] | None = None
        """Called from the engine thread after each round of a live node."""
        self._tree = StateTree(keys, subnet_type)
        self._live = live
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self.waiters: dict[bytes, list[Future[None]]] = {}
        self._messages = False
        self._next_round = 0.0
        self._time = engine.now()
        self._stopping = False
        self._failure: BaseException | None = None
        self._executing: Future[None] | None = None
        """Done when what the engine executes is over and certified."""
        self._guard = threading.Lock()
        self._follow_clock()
        self._refresh()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    # -- jobs -------------------------------------------------------------------------------

    def job(self, work: Callable[[], T]) -> Future[T]:
        """Run `work` in the engine thread. Its future raises NodeStopped after `stop`."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)

        with self._guard:
            if self._stopping or self._failure is not None:
                future.set_exception(self._stopped())
                return future
            self._jobs.put(run)
        return future

    def _stopped(self) -> NodeStopped:
        why = f"the engine failed: {self._failure}" if self._failure else "it is stopping"
        return NodeStopped(f"the replica takes no more work: {why}")

    async def ajob(self, work: Callable[[], T]) -> T:
        """`job` for coroutines."""
        return await asyncio.wrap_future(self.job(work))

    def _run(self) -> None:
        more = False
        while True:
            try:
                job = self._jobs.get(
                    timeout=None if not self._live else 0 if more else POLL_SECONDS
                )
            except queue.Empty:
                job = _nothing
            for _ in range(MAX_JOBS_BEFORE_ROUND):
                if job is None:
                    return
                job()
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    job = _nothing
                    break
            if job is None:
                return
            job()
            if self._live:
                try:
                    more = self._live_round(more)
                except Exception as error:
                    # The engine's state is no longer to be trusted: stop taking work, say why.
                    log.exception("the engine failed in a round; the replica takes no more work")
                    self._failure = error
                    self._live = more = False

    def _live_round(self, more: bool) -> bool:
        wall = time.monotonic()
        if not (more or self._messages) and wall < self._next_round:
            return False
        self._messages = False
        # Held before the round has its time: a certificate that another thread makes in between
        # must not have a later one.
        before = self._time = self.now()
        self._tree.hold(before)
        now = self._advance()
        if not self.engine.has_work(now):
            self._tree.hold(None)
            return False
        self._next_round = wall + HEARTBEAT_SECONDS
        try:
            with self._execution():
                more = self.engine.execute_round(now, wait=False)
        except StateNotWritten as error:
            log.error("the network stands still until there is room on its disk: %s", error)
            self._next_round = wall + UNWRITTEN_SECONDS
            return False
        self._messages = more
        if self.on_outcalls is not None:
            outcalls = self.engine.http_outcalls()
            if outcalls:
                self.on_outcalls(outcalls)
        return more

    def _advance(self) -> int:
        """A time for the next round: the wall clock, but always later than the last."""
        self._time = max(time.time_ns(), self._time, self.engine.now()) + 1
        return self._time

    @contextlib.contextmanager
    def _execution(self) -> Iterator[None]:
        """While the engine executes something. Certificates are of the state before until it is
        over; those who must not miss it wait for it."""
        over: Future[None] = Future()
        over.set_running_or_notify_cancel()  # one who no longer waits must not cancel it
        self._executing = over
        try:
            yield
        except StateNotWritten:
            self._refresh()  # nothing has changed
            raise
        else:
            self._refresh()
        finally:
            self._executing = None
            over.set_result(None)

    def _refresh(self) -> None:
        """Certify the engine's present state. Called in the engine thread, between rounds."""
        self._time = max(self._time, self.engine.now())
        finished = self._tree.refresh(self.engine)
        for request_id in finished:
            for waiter in self.waiters.pop(request_id, ()):
                _wake(waiter)
        self.engine.mark_certified()

    # -- time and state ----------------------------------------------------------------------

    @property
    def live(self) -> bool:
        """Whether the node follows the wall clock."""
        return self._live

    @property
    def failure(self) -> BaseException | None:
        """Why the engine failed, if it did."""
        return self._failure

    def set_live(self, live: bool) -> None:
        """Start or stop following the wall clock."""

        def switch() -> None:
            self._live = live
            self._messages = live
            self._follow_clock()

        self.job(switch).result()

    def _follow_clock(self) -> None:
        self.engine.follow_clock(self.now if self._live else None)

    def now(self) -> int:
        """Time that the subnet certifies, nanoseconds since the Unix epoch."""
        return max(time.time_ns(), self._time) if self._live else self._time

    def state(self) -> CertifiedState:
        """The certified state after the last round, at the present time."""
        return self._tree.at(self.now())

    async def state_after_round(self) -> CertifiedState:
        """The certified state after the round in progress, if there is one.

        It shows all that any answer until now showed: a query may see what a message of the round
        in progress has committed, which `state` does not show yet.
        """
        executing = self._executing
        if executing is not None:
            await asyncio.wrap_future(executing)
        return self.state()

    def certificate(
        self, paths: Sequence[Sequence[bytes]], state: CertifiedState | None = None
    ) -> bytes:
        """Certificate that reveals `paths` and the time; of `state` (None: the last)."""
        root = (state or self.state()).root
        return self.certifier.certificate(root, [*paths, (b"time",)])

    def data_certificate(self, canister_id: bytes) -> bytes:
        """Certificate over a canister's certified data, for use in its queries."""
        return self.certificate([(b"canister", canister_id, b"certified_data")])

    def hosts(self, canister_id: bytes) -> bool:
        """Whether a canister id belongs to this subnet."""
        return (
            any(
                low <= canister_id <= high and len(low) == len(canister_id)
                for low, high in self._tree.ranges
            )
            or self._tree.view(canister_id) is not None
        )

    # -- messages ----------------------------------------------------------------------------

    def submit_now(self, message: Ingress, *, inspected: bool = False) -> Reject | None:
        """Check and queue a message; returns why not, or None. Runs in the engine thread."""
        with self._execution():
            refusal = self.engine.submit(message, inspected=inspected)
        if refusal is None:
            self._messages = True
        return refusal

    async def submit(self, message: Ingress, answered: Callable[[], bool] = bool) -> Reject | None:
        """Check and queue a message; returns why not, or None.

        The canister's own check may take long, and others do not wait for it. When `answered` says
        that the sender has been told "accepted" by then, a refusal is kept where the sender will
        look: as the status.
        """
        with self._taking_work():
            inspection = self.engine.start_inspection(message)
        refusal = None if inspection is None else await asyncio.wrap_future(inspection)

        def queue_up() -> Reject | None:
            found = refusal or self.submit_now(message, inspected=True)
            if found is not None and answered():
                self._tree.reject(message, found)
                self._refresh()
            return found

        if refusal is not None and not answered():
            return refusal
        return await self.ajob(queue_up)

    @contextlib.contextmanager
    def _taking_work(self) -> Iterator[None]:
        """Around the start of what runs outside of the engine thread. Raises NodeStopped."""
        if self._stopping or self._failure is not None:
            raise self._stopped()
        try:
            yield
        except RuntimeError as error:
            raise NodeStopped(f"the replica takes no more work: {error}") from error

    def query_now(
        self, sender: bytes, canister_id: bytes, method: str, arg: bytes
    ) -> Reply | Reject:
        """A query against the state after the last round. Runs in the engine thread."""
        return self.engine.query(sender, canister_id, method, arg, self.data_certificate)

    async def query(
        self, sender: bytes, canister_id: bytes, method: str, arg: bytes
    ) -> Reply | Reject:
        """Run a query beside rounds and other queries. Raises NodeStopped."""
        with self._taking_work():
            started = self.engine.start_query(
                sender, canister_id, method, arg, self.data_certificate
            )
        return await asyncio.wrap_future(started)

    def request_status(self, request_id: bytes) -> RequestStatus | None:
        """Status of a message after the last round."""
        return self._tree.status(request_id)

    def _forget(self, request_id: bytes, waiter: Future[None]) -> None:
        waiting = self.waiters.get(request_id, [])
        if waiter in waiting:
            waiting.remove(waiter)
        if not waiting:
            self.waiters.pop(request_id, None)

    async def wait(self, request_id: bytes, seconds: float) -> RequestStatus | None:
        """Wait until a message is replied or rejected; None when that takes longer."""
        waiter: Future[None] = Future()

        def register() -> None:
            status = self._tree.status(request_id)
            if status is not None and status.state in FINAL:
                _wake(waiter)
            else:
                self.waiters.setdefault(request_id, []).append(waiter)

        await self.ajob(register)
        try:
            # Not asyncio.wait_for: in Python 3.11 it drops a cancellation that comes together with
            # the answer.
            async with asyncio.timeout(seconds):
                await asyncio.wrap_future(waiter)
        except TimeoutError:
            self.job(lambda: self._forget(request_id, waiter))
            return None
        return self._tree.status(request_id)

    def round(self, time_ns: int | None = None) -> None:
        """Run one round at a time (None: the next nanosecond). Runs in the engine thread."""
        try:
            with self._execution():
                self.engine.execute_round(time_ns)
        except StateNotWritten:
            raise  # nothing has changed
        except Exception as error:
            self._failure = error
            raise

    def answer_outcall(self, request_id: int, answer: Reply | Reject) -> None:
        """Answer an HTTP outcall. Raises KeyError when it is not pending (any more)."""

        def give() -> None:
            with self._execution():
                self.engine.answer_http_outcall(request_id, answer)
            self._messages = True

        self.job(give).result()

    def changed(self) -> None:
        """Take over a change made to the engine by a job."""
        self._refresh()

    def canister(self, canister_id: bytes) -> CanisterView | None:
        """A canister after the last round."""
        return self._tree.view(canister_id)

    @property
    def ranges(self) -> Sequence[Sequence[bytes]]:
        """Inclusive ranges of canister ids of this subnet."""
        return self._tree.ranges

    def checkpoint(self) -> None:
        """Write the engine's state to disk."""

        def write() -> None:
            with self._execution():
                self.engine.checkpoint()

        self.job(write).result()

    def stop(self) -> None:
        """Finish the jobs taken so far, then close the engine (unless it failed). Idempotent."""
        with self._guard:
            if self._stopping:
                return
            self._stopping = True
            self._jobs.put(None)
        self._thread.join()
        if self._failure is None:
            self.engine.close()
        # Else the log on disk is right and the state in memory may not be: do not write it.


def _wake(waiter: Future[None]) -> None:
    # The one who waits may give up at this very moment.
    with contextlib.suppress(InvalidStateError):
        waiter.set_result(None)
