"""The border between the replica's execution engine and everything that speaks to it.

`engine` implements `Engine`; the HTTP interface, the PocketIC server and the gateway use
nothing else of it. One engine is one subnet with one block maker: rounds run when
`execute_round` is called. All methods may be called from any thread.

Source of the meanings: Internet Computer interface specification, sections "Canister
interactions", "HTTPS interface" and "The IC management canister".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, Protocol


class StateNotWritten(RuntimeError):
    """An input could not be recorded (disk full), so it had no effect. It may be tried again."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The callee replied with `data` (Candid by convention, any bytes in truth)."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Reject:
    """The call was rejected. `code` is 1..6; `error_code` is the replica's "IC0xxx"."""

    code: int
    message: str
    error_code: str


class Ingress(NamedTuple):
    """An authenticated message from outside. `canister_id` is empty for the management canister."""

    request_id: bytes
    sender: bytes
    canister_id: bytes
    method: str
    arg: bytes
    ingress_expiry: int
    """Nanoseconds since the Unix epoch."""


class RequestState(Enum):
    """Life of an ingress message, as read under /request_status/<id>/status."""

    RECEIVED = "received"
    PROCESSING = "processing"
    REPLIED = "replied"
    REJECTED = "rejected"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """State of one ingress message; `result` is set when REPLIED or REJECTED."""

    state: RequestState
    result: Reply | Reject | None
    sender: bytes
    effective_canister_id: bytes


@dataclass(frozen=True, slots=True)
class CanisterView:
    """What the state tree shows of one canister."""

    canister_id: bytes
    module_hash: bytes | None
    controllers: Sequence[bytes]
    certified_data: bytes
    public_metadata: Mapping[str, bytes] = field(default_factory=dict)
    private_metadata: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpOutcall:
    """A pending `http_request` of a canister, to be answered by `answer_http_outcall`."""

    request_id: int
    method: str
    url: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    max_response_bytes: int | None


DataCertificate = Callable[[bytes], bytes]
"""Canister id -> certificate over its certified data; made by the HTTP side."""


class Engine(Protocol):
    """One subnet. Inputs (marked *) are written to the log before they take effect, so that a
    replica killed at any moment restarts into the same state."""

    def now(self) -> int:
        """Subnet time, nanoseconds since the Unix epoch."""
        ...

    def set_time(self, time_ns: int) -> None:
        """* Move time forward. Raises ValueError when it would go back."""
        ...

    def follow_clock(self, clock: Callable[[], int] | None) -> None:
        """Let queries and inspections see the time of this clock, where it is later than that of
        the last round; None: that of the last round.

        There are no rounds while there is nothing to do, but a query must not see time stand still.
        """
        ...

    def start_inspection(self, message: Ingress) -> Future[Reject | None] | None:
        """Let the canister look at a message (`canister_inspect_message`), beside rounds and
        queries; the result is why it refuses, or None. None at once when there is nothing to ask.
        """
        ...

    def submit(self, message: Ingress, *, inspected: bool = False) -> Reject | None:
        """* Check (exists, running, not frozen, inspect_message) and queue an ingress message.

        A request id already known is accepted again without effect. Returns why not, or None.
        With `inspected`, the canister has been asked already (`start_inspection`).
        """
        ...

    def execute_round(self, time_ns: int | None = None, *, wait: bool = True) -> bool:
        """* Run one round at `time_ns` (None: now + 1 ns): heartbeats and due timers, then queued
        messages until the queues are empty or the round's instruction budget is spent.

        With `wait`, everything that the round begins is over when it returns. Without, the round
        ends after some 30 ms of messages, and a message that takes longer goes on beside the
        rounds: its effects are those of a later round, and other canisters do not wait for it.
        Returns True when messages are left over.
        """
        ...

    def has_work(self, time_ns: int) -> bool:
        """Whether a round at `time_ns` would do anything (messages, due timers, heartbeats)."""
        ...

    def request_status(self, request_id: bytes) -> RequestStatus | None: ...

    def take_changed_requests(self) -> Collection[bytes]:
        """Ingress messages whose status may have changed since the last call, also those that are
        gone; at first all. For the state tree, whose cost must not grow with ended requests."""
        ...

    def query(
        self,
        sender: bytes,
        canister_id: bytes,
        method: str,
        arg: bytes,
        data_certificate: DataCertificate | None = None,
    ) -> Reply | Reject:
        """Non-replicated execution of a query (also the management canister's queries).

        Queries wait neither for rounds nor for each other, apart from those of the same canister.
        """
        ...

    def start_query(
        self,
        sender: bytes,
        canister_id: bytes,
        method: str,
        arg: bytes,
        data_certificate: DataCertificate | None = None,
    ) -> Future[Reply | Reject]:
        """Begin a query; `data_certificate` is called on another thread."""
        ...

    def mark_certified(self) -> None:
        """Tell that data certificates are of the state after the last round.

        Queries with a data certificate of canisters that changed their certified data since wait
        for it, so that certificate and memory belong together.
        """
        ...

    def canister_changes(self) -> int:
        """Number of inputs so far that may have changed what the state tree shows of canisters."""
        ...

    def canister_ids(self) -> Sequence[bytes]: ...

    def canister(self, canister_id: bytes) -> CanisterView | None: ...

    def canister_ranges(self) -> Sequence[tuple[bytes, bytes]]:
        """Inclusive ranges of canister ids of this subnet, in order; new canisters come from the
        last one."""
        ...

    def cycles(self, canister_id: bytes) -> int:
        """Raises KeyError when there is no such canister. So do the three below."""
        ...

    def add_cycles(self, canister_id: bytes, amount: int) -> int:
        """* Returns the new balance."""
        ...

    def stable_memory(self, canister_id: bytes) -> bytes: ...

    def set_stable_memory(self, canister_id: bytes, content: bytes) -> None:
        """* Replaces the content, rounded up to 64 KiB pages."""
        ...

    def http_outcalls(self) -> Sequence[HttpOutcall]: ...

    def answer_http_outcall(self, request_id: int, answer: Reply | Reject) -> None:
        """* `Reply.data` is a Candid `http_request_result`. Raises KeyError when unknown."""
        ...

    def checkpoint(self) -> None:
        """Write the state to disk and drop the log before it. No effect without a state folder."""
        ...

    def close(self) -> None:
        """Checkpoint and release memory. Idempotent."""
        ...
