"""Messages between native canisters, and how a call can end."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

from dcanary.testing._heap import HeapSnapshot
from dcanary.testing._principals import Principal
from dcanary.testing._system import Execution, OutgoingCall

MANAGEMENT = b""


class CanisterReject(Exception):
    """The call was rejected: `code` (1 to 6) and `message` as on the Internet Computer."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"reject code {code}: {message}")
        self.code = code
        self.message = message


class CanisterTrap(CanisterReject):
    """The called canister trapped; `message` is the trap's text."""

    def __init__(self, message: str) -> None:
        super().__init__(5, message)


class NoAnswer(Exception):
    """Raised by a handler of the management canister: the caller never gets an answer.

    A call with a timeout ends at its deadline all the same.
    """


class Canister(Protocol):
    """A canister, as messages go to and from it."""

    id: Principal
    cycles: int
    exports: dict[str, int]

    def encode(self, annotation: Any, value: Any) -> bytes: ...

    def decode(self, annotation: Any, data: bytes) -> Any: ...

    def decode_result(self, method: str, data: bytes) -> Any: ...

    def _management_types(self, method: str, arg: bytes) -> tuple[tuple[Any, ...] | None, Any]: ...

    def _put_back(self, heap: HeapSnapshot, saved: Any) -> None: ...

    def _execute(
        self,
        execution: Execution,
        export: str,
        context: Context,
        queue: deque[Message],
        session: QuerySession | None,
    ) -> None: ...

    def _resume(
        self,
        execution: Execution,
        token: int,
        context: Context,
        queue: deque[Message],
        session: QuerySession | None,
    ) -> None: ...


class Network(Protocol):
    """What carries messages between canisters."""

    time_ns: int
    messages: deque[Message]

    def step(self) -> bool: ...

    def _process(
        self, message: Message, queue: deque[Message], session: QuerySession | None
    ) -> None: ...

    def _send(
        self,
        context: Context,
        call: OutgoingCall,
        queue: deque[Message],
        session: QuerySession | None,
    ) -> None: ...

    def _answer(
        self, context: Context, outcome: bytes | CanisterReject, queue: deque[Message]
    ) -> None: ...


@dataclass
class ManagementCall:
    """A call of a canister to the management canister, as a handler gets it."""

    caller: Principal
    method: str
    raw: bytes
    """The argument as Candid bytes."""
    args: tuple[Any, ...] | None
    """The argument decoded, for methods that `kybra.canisters.management` describes."""
    cycles: int
    canister: Canister
    """The calling canister; its `decode` and `encode` read and write by its own types."""


@dataclass
class Context:
    """A call that waits for its answer."""

    canister: Canister
    kind: str
    method: str
    caller: bytes
    cycles: int
    origin: Origin | None
    answered: bool = False
    open_calls: int = 0
    outcome: bytes | CanisterReject | None = None

    @property
    def deadline_ns(self) -> int:
        """When the caller stops waiting; 0 for never, as in queries."""
        if self.origin is None or self.kind != "update":
            return 0
        return self.origin.deadline_ns


@dataclass
class Origin:
    """Where the answer goes: a continuation of a canister. Only the first answer is taken."""

    context: Context
    token: int
    deadline_ns: int = 0
    """Of a bounded-wait call; 0 for none."""
    answered: bool = False


@dataclass
class Request:
    context: Context
    arg: bytes


@dataclass
class Response:
    origin: Origin
    outcome: bytes | CanisterReject
    refund: int


Message = Request | Response


@dataclass
class QuerySession:
    """Canisters that a query touched, with what to put back when it is over."""

    saved: dict[int, tuple[Canister, HeapSnapshot, Any]] = field(default_factory=dict)


class Pending:
    """An update that was submitted; `network.step()` or `network.run()` make it go on."""

    def __init__(self, network: Network, context: Context) -> None:
        self._network = network
        self._context = context

    @property
    def outcome(self) -> bytes | CanisterReject | None:
        """The answer: Candid bytes or a reject; None while it is not there."""
        return self._context.outcome

    @property
    def done(self) -> bool:
        """Whether the answer is there."""
        return self.outcome is not None

    def result(self) -> Any:
        """Run the network until the answer is there; raises CanisterReject or CanisterTrap."""
        while not self.done and self._network.step():
            pass
        outcome = self.outcome
        if outcome is None:
            raise AssertionError(f"{self._context.method} waits for an answer that cannot come")
        if isinstance(outcome, CanisterReject):
            raise outcome
        return self._context.canister.decode_result(self._context.method, outcome)


def as_seen_by_caller(context: Context, outcome: bytes | CanisterReject) -> bytes | CanisterReject:
    if isinstance(outcome, CanisterTrap):
        return CanisterReject(
            5,
            f"IC0503: Error from Canister {context.canister.id}: Canister called `ic0.trap` with "
            f"message: '{outcome.message}'",
        )
    return outcome
