"""Messages between native canisters, and how a call can end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dcanary.testing._heap import HeapSnapshot
from dcanary.testing._principals import Principal

if TYPE_CHECKING:
    from dcanary.testing._native_canister import NativeCanister
    from dcanary.testing._native_network import NativeNetwork

MANAGEMENT = b""


class CanisterReject(Exception):
    """The call was rejected: `code` (1 to 5) and `message` as on the Internet Computer."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"reject code {code}: {message}")
        self.code = code
        self.message = message


class CanisterTrap(CanisterReject):
    """The called canister trapped; `message` is the trap's text."""

    def __init__(self, message: str) -> None:
        super().__init__(5, message)


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
    canister: NativeCanister
    """The calling canister; its `decode` and `encode` read and write by its own types."""


@dataclass
class Context:
    """A call that waits for its answer."""

    canister: NativeCanister
    kind: str
    method: str
    caller: bytes
    cycles: int
    origin: Origin | None
    answered: bool = False
    open_calls: int = 0
    outcome: bytes | CanisterReject | None = None


@dataclass
class Origin:
    """Where the answer goes: a continuation of a canister."""

    context: Context
    token: int


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

    saved: dict[int, tuple[NativeCanister, HeapSnapshot, Any]] = field(default_factory=dict)


class Pending:
    """An update that was submitted; `network.step()` or `network.run()` make it go on."""

    def __init__(self, network: NativeNetwork, context: Context) -> None:
        self._network = network
        self._context = context

    @property
    def done(self) -> bool:
        """Whether the answer is there."""
        return self._context.outcome is not None

    def result(self) -> Any:
        """Run the network until the answer is there; raises CanisterReject or CanisterTrap."""
        while not self.done and self._network.step():
            pass
        outcome = self._context.outcome
        if outcome is None:
            raise AssertionError(f"{self._context.method} waits for an answer that cannot come")
        if isinstance(outcome, CanisterReject):
            raise outcome
        return self._context.canister._decode(self._context.method, outcome)


def as_seen_by_caller(context: Context, outcome: bytes | CanisterReject) -> bytes | CanisterReject:
    if isinstance(outcome, CanisterTrap):
        return CanisterReject(
            5,
            f"IC0503: Error from Canister {context.canister.id}: Canister called `ic0.trap` with "
            f"message: '{outcome.message}'",
        )
    return outcome
