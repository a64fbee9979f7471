"""Keeps one job's lease, from the lease to the commitment, in a thread with its own connection.

No phase of a job may be in the way of its heartbeats: neither a slow transfer nor a slow answer to
another call, so they share nothing with the threads that work.
"""

import contextlib
import threading
import time
from collections.abc import Callable

from dcanary.client.errors import ClientError, RefusedError
from dcanary.client.types.build_executor import BuildWork, Heartbeat
from dcanary.executor.chain import Chain
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.logs import LogBuffer

MAX_LOG_CHUNK_BYTES = 64 * 1024
_TICK_SECONDS = 0.1
_FLUSH_SECONDS = 10.0
_END_SECONDS = 1.0


class Keeper:
    """Sends heartbeats with the log and the phase. Calls `lost` once when the lease is over."""

    def __init__(
        self,
        chain: Chain,
        work: BuildWork,
        log: LogBuffer,
        config: ExecutorConfig,
        phase: Callable[[], str],
        lost: Callable[[], None],
    ) -> None:
        self.why_over = ""
        self._chain, self._work, self._log, self._config = chain, work, log, config
        self._phase, self._lost = phase, lost
        self._offset = 0
        self._last = time.monotonic()
        self._told = ""
        self._failed = 0
        self._ending, self._hurry = threading.Event(), threading.Event()
        self._dropped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self._asking = threading.Thread(target=self._ask, name="wanted", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self._asking.start()

    def flush(self) -> None:
        """Send what is there of the log now, and wait for that, unless it cannot be sent."""
        failed, deadline = self._failed, time.monotonic() + _FLUSH_SECONDS
        self._hurry.set()
        while self._log.peek(1) and self._failed == failed and not self.why_over:
            if time.monotonic() > deadline or not self._thread.is_alive():
                return
            time.sleep(_TICK_SECONDS / 10)

    def end(self) -> None:
        """Stop. A call that is under way ends by itself."""
        self._ending.set()
        self._hurry.set()
        if self._thread.ident is not None:
            self._thread.join(_END_SECONDS)

    def _run(self) -> None:
        phase = ""
        try:
            while not self._ending.is_set() and not self.why_over:
                hurry = self._hurry.wait(_TICK_SECONDS)
                self._hurry.clear()
                since, now_in = time.monotonic() - self._last, self._phase()
                chunk = self._log.peek(MAX_LOG_CHUNK_BYTES)
                news = chunk or now_in != phase
                if self._ending.is_set():
                    break
                dropped = self._dropped.is_set()
                self._dropped.clear()
                if (
                    dropped
                    or since >= self._config.heartbeat_seconds
                    or (news and (hurry or since >= self._config.log_seconds))
                ):
                    phase = now_in
                    if self._beat(chunk) and hurry:
                        # All of it, a chunk after the other.
                        self._hurry.set()
        finally:
            self._chain.close()

    def _ask(self) -> None:
        """Ask by queries, which cost little, whether the run was cancelled or has ended.

        One machine of a network answers a query, which may be wrong: a heartbeat is to confirm it.
        In a thread of its own: a query that gets no answer must not be in the way of heartbeats.
        """
        chain = self._chain.another()
        try:
            while not self._ending.wait(self._config.wanted_seconds) and not self.why_over:
                # Heartbeats tell of a network that is away; older canisters have no such query.
                with contextlib.suppress(ClientError):
                    if not chain.is_wanted(self._work["job"], self._work["attempt"]):
                        self._dropped.set()
                        self._hurry.set()
        finally:
            chain.close()

    def _beat(self, chunk: bytes) -> bool:
        self._last = time.monotonic()
        beat: Heartbeat = {
            "job": self._work["job"],
            "attempt": self._work["attempt"],
            "offset": self._offset,
            "log": chunk,
            "phase": self._phase(),
        }
        try:
            answer = self._chain.heartbeat(beat)
        except RefusedError as error:
            if error.kind not in ("Unavailable", "Exhausted"):
                self._over(f"the lease is lost: {error}")
            self._failed += 1
            return False
        except ClientError as error:
            self._failed += 1
            # The lease may outlive a short silence of the network, so the work goes on.
            self._tell(str(error))
            return False
        self._told = ""
        self._log.sent(len(chunk))
        self._offset += len(chunk)
        if answer["cancelled"]:
            self._over("cancelled: the run does not want it any more")
        return True

    def _over(self, why: str) -> None:
        self.why_over = why
        self._lost()

    def _tell(self, line: str) -> None:
        # Once for each silence, not for each heartbeat.
        if line != self._told:
            self._told = line
            self._config.report(line)
