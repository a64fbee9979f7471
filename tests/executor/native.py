"""The connection of one key to canisters that run natively in this process."""

import threading
import time
from collections.abc import Callable

from dcanary.client import principal
from dcanary.client.errors import NetworkError, RejectedError
from dcanary.client.transport import Connection
from dcanary.testing.native import CanisterReject, NativeCanister, NativeNetwork, Principal


class RunningNetwork:
    """A native network for several threads, whose clock goes on by itself.

    `speed` is how many seconds pass on it in one second of this machine.
    """

    def __init__(self) -> None:
        self.native = NativeNetwork()
        self.lock = threading.RLock()
        self._speed = 1.0
        self._seen = time.monotonic()

    @property
    def speed(self) -> float:
        return self._speed

    @speed.setter
    def speed(self, value: float) -> None:
        with self.lock:
            self.catch_up()
            self._speed = value

    def catch_up(self) -> None:
        """Move the clock by what has passed since the last time, and serve timers on the way."""
        with self.lock:
            now = time.monotonic()
            passed, self._seen = now - self._seen, now
            self.native.advance(passed * self._speed)

    def advance(self, seconds: float) -> None:
        """Move the clock on at once, and serve timers on the way."""
        with self.lock:
            self.catch_up()
            self.native.advance(seconds)


class NativeConnection(Connection):
    """Calls of one key to native canisters. Each holds the network's lock: threads may share it.

    `before` is called with the name of each method, outside of the lock, and may raise.
    """

    def __init__(
        self,
        network: RunningNetwork,
        sender: Principal,
        before: Callable[[str], None] = lambda method: None,
    ) -> None:
        self._running, self._principal, self._before = network, sender, before

    @property
    def sender(self) -> str:
        return self._principal.to_str()

    def close(self) -> None:
        """Nothing is held."""

    def query(self, canister: bytes, method: str, arg: bytes) -> bytes:
        self._before(method)
        with self._running.lock:
            self._running.catch_up()
            try:
                return self._canister(canister).query_raw(method, arg, self._principal)
            except CanisterReject as reject:
                raise _rejected(reject, canister, method) from None

    def update(
        self, canister: bytes, method: str, arg: bytes, effective: bytes | None = None
    ) -> bytes:
        self._before(method)
        with self._running.lock:
            self._running.catch_up()
            try:
                pending = self._canister(canister).submit_raw(method, arg, caller=self._principal)
            except CanisterReject as reject:
                raise _rejected(reject, canister, method) from None
            # Also what the canisters tell each other because of it.
            self._running.native.advance(0)
        outcome = pending.outcome
        if isinstance(outcome, CanisterReject):
            raise _rejected(outcome, canister, method)
        if outcome is None:
            raise NetworkError(f"{method}: no answer came")
        return outcome

    def _canister(self, canister: bytes) -> NativeCanister:
        return self._running.native.canisters[canister]


def _rejected(reject: CanisterReject, canister: bytes, method: str) -> RejectedError:
    where = f"{principal.to_text(canister)}.{method}"
    return RejectedError(reject.code, reject.message, "", where)
