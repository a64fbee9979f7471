"""An engine in memory whose canisters are Python functions, for tests of what surrounds engines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from dcanary.replica.api import (
    CanisterView,
    DataCertificate,
    HttpOutcall,
    Ingress,
    Reject,
    Reply,
    RequestState,
    RequestStatus,
)

Method = Callable[[bytes, bytes], "Reply | Reject"]
"""(sender, arg) -> outcome."""
START = 1_700_000_000_000_000_000


def canister_id(number: int) -> bytes:
    return (0xFFFFFFFFFFE00000 + number).to_bytes(8, "big") + b"\x01\x01"


@dataclass
class MemoryCanister:
    queries: dict[str, Method] = field(default_factory=dict)
    updates: dict[str, Method] = field(default_factory=dict)
    controllers: list[bytes] = field(default_factory=list)
    public: dict[str, bytes] = field(default_factory=dict)
    private: dict[str, bytes] = field(default_factory=dict)
    certified_data: bytes = b""
    module_hash: bytes | None = b"\x11" * 32
    stable: bytes = b""
    cycles: int = 10**12


class MemoryEngine:
    """Implements `Engine`. A method whose name starts with `slow` waits for `release`."""

    def __init__(self, start: int = START) -> None:
        self.time = start
        self.canisters: dict[bytes, MemoryCanister] = {}
        self.requests: dict[bytes, RequestStatus] = {}
        self.queue: list[Ingress] = []
        self.outcalls: dict[int, HttpOutcall] = {}
        self.answers: dict[int, Reply | Reject] = {}
        self.release = threading.Event()
        self.last_certificate: bytes | None = None
        self.broken = False
        self.closed = 0
        self.looks = 0
        self.shown: set[bytes] = set()
        self.clock: Callable[[], int] | None = None

    def now(self) -> int:
        return self.time

    def set_time(self, time_ns: int) -> None:
        if time_ns < self.time:
            raise ValueError("time would go back")
        self.time = time_ns

    def follow_clock(self, clock: Callable[[], int] | None) -> None:
        self.clock = clock

    def start_inspection(self, message: Ingress) -> Future[Reject | None] | None:
        if message.method != "slow_check":
            return None
        refused: Future[Reject | None] = Future()

        def inspect() -> None:
            self.release.wait(30)
            refused.set_result(Reject(4, "refused after a long check", "IC0406"))

        threading.Thread(target=inspect, daemon=True).start()
        return refused

    def submit(self, message: Ingress, *, inspected: bool = False) -> Reject | None:
        if message.request_id in self.requests:
            return None
        canister = self.canisters.get(message.canister_id)
        if canister is None:
            return Reject(3, "no such canister", "IC0301")
        if message.method == "refused":
            return Reject(4, "the canister refused the message", "IC0406")
        self.requests[message.request_id] = RequestStatus(
            RequestState.RECEIVED, None, message.sender, message.canister_id
        )
        self.queue.append(message)
        return None

    def execute_round(self, time_ns: int | None = None, *, wait: bool = True) -> bool:
        if self.broken:
            raise RuntimeError("the engine is broken")
        self.time = self.time + 1 if time_ns is None else time_ns
        for message in [m for m in self.queue if m.method != "never"]:
            self.queue.remove(message)
            canister = self.canisters[message.canister_id]
            method = canister.updates.get(message.method)
            outcome: Reply | Reject = Reject(5, f"no method {message.method}", "IC0536")
            if method is not None:
                outcome = method(message.sender, message.arg)
            state = RequestState.REPLIED if isinstance(outcome, Reply) else RequestState.REJECTED
            self.requests[message.request_id] = RequestStatus(
                state, outcome, message.sender, message.canister_id
            )
        return False

    def has_work(self, time_ns: int) -> bool:
        return bool(self.queue)

    def request_status(self, request_id: bytes) -> RequestStatus | None:
        return self.requests.get(request_id)

    def take_changed_requests(self) -> Collection[bytes]:
        # Tests change requests without telling.
        changed, self.shown = {*self.requests, *self.shown}, set(self.requests)
        return changed

    def canister_changes(self) -> int:
        self.looks += 1  # tests change canisters without telling
        return self.looks

    def mark_certified(self) -> None:
        pass  # its canisters certify nothing

    def start_query(
        self,
        sender: bytes,
        canister_id: bytes,
        method: str,
        arg: bytes,
        data_certificate: DataCertificate | None = None,
    ) -> Future[Reply | Reject]:
        future: Future[Reply | Reject] = Future()
        try:
            future.set_result(self.query(sender, canister_id, method, arg, data_certificate))
        except Exception as error:
            future.set_exception(error)
        return future

    def query(
        self,
        sender: bytes,
        canister_id: bytes,
        method: str,
        arg: bytes,
        data_certificate: DataCertificate | None = None,
    ) -> Reply | Reject:
        canister = self.canisters.get(canister_id)
        if canister is None:
            return Reject(3, "no such canister", "IC0301")
        found = canister.queries.get(method)
        if found is None:
            return Reject(5, f"Canister has no query method '{method}'", "IC0536")
        if data_certificate is not None:
            self.last_certificate = data_certificate(canister_id)
        return found(sender, arg)

    def canister_ids(self) -> Sequence[bytes]:
        return list(self.canisters)

    def canister(self, canister_id: bytes) -> CanisterView | None:
        found = self.canisters.get(canister_id)
        if found is None:
            return None
        return CanisterView(
            canister_id,
            found.module_hash,
            tuple(found.controllers),
            found.certified_data,
            dict(found.public),
            dict(found.private),
        )

    def canister_ranges(self) -> Sequence[tuple[bytes, bytes]]:
        return [(canister_id(0), canister_id((1 << 20) - 1))]

    def cycles(self, canister_id: bytes) -> int:
        return self.canisters[canister_id].cycles

    def add_cycles(self, canister_id: bytes, amount: int) -> int:
        self.canisters[canister_id].cycles += amount
        return self.canisters[canister_id].cycles

    def stable_memory(self, canister_id: bytes) -> bytes:
        return self.canisters[canister_id].stable

    def set_stable_memory(self, canister_id: bytes, content: bytes) -> None:
        self.canisters[canister_id].stable = content

    def http_outcalls(self) -> Sequence[HttpOutcall]:
        return list(self.outcalls.values())

    def answer_http_outcall(self, request_id: int, answer: Reply | Reject) -> None:
        del self.outcalls[request_id]
        self.answers[request_id] = answer

    def checkpoint(self) -> None:
        return None

    def close(self) -> None:
        self.closed += 1
