"""What an operation of the management canister is given, and checks they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dcanary.candid import Codec
from dcanary.candid.principal import to_text
from dcanary.replica.api import Reply
from dcanary.replica.engine.core import Core
from dcanary.replica.engine.installer import Installer
from dcanary.replica.engine.queries import Queries
from dcanary.replica.state.errors import CallError, ErrorCode
from dcanary.replica.state.records import Caller, Canister, Change, Origin


@dataclass(slots=True)
class Call:
    """One call to the management canister."""

    core: Core
    installer: Installer
    queries: Queries
    caller: Caller
    available: int
    """Cycles not yet accepted; what is left is refunded."""
    reserved: frozenset[bytes] = frozenset()
    """Ids of native canisters, which no other canister may take."""

    @property
    def sender(self) -> bytes:
        return self.caller.principal

    @property
    def from_canister(self) -> bool:
        return self.caller.origin is Origin.CALL

    def accept(self, cycles: int) -> int:
        taken = min(cycles, self.available)
        self.available -= taken
        return taken

    def change(self, canister: Canister, kind: str, version: int | None) -> Change:
        """A history entry by this caller; `version` is the sender's, when it told it."""
        return Change(
            time=self.core.subnet.now,
            version=canister.version,
            by=self.sender,
            by_canister=self.from_canister,
            by_version=version,
            kind=kind,
        )

    def controlled(self, canister_id: bytes) -> Canister:
        """A canister the caller controls. Raises `CallError` otherwise."""
        canister = self.core.canister(canister_id)
        check_controller(canister, self.sender)
        return canister


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of the management canister."""

    argument: Codec | None
    """None when whatever is given is ignored."""
    run: Callable[[Call, Any], Reply | None]
    """Returns the answer, or None when it comes later."""
    ingress: bool = True
    """Whether users may call it."""
    canisters: bool = True
    query: bool = False
    """Whether it can be called as a query."""
    open: bool = False
    """Whether users need not control the canister in the argument."""


NOTHING = Reply(b"DIDL\0\0")


def reply(kind: Codec, value: Any) -> Reply:
    return Reply(kind.encode((value,)))


def check_controller(canister: Canister, sender: bytes) -> None:
    """Raises `CallError` unless `sender` controls the canister."""
    if sender not in canister.settings.controllers:
        controllers = " ".join(to_text(item) for item in canister.settings.controllers)
        raise CallError(
            ErrorCode.INVALID_CONTROLLER,
            f"Only controllers of canister {to_text(canister.id)} can call ic00 method; "
            f"{to_text(sender)} is not one of them: {controllers}",
        )


def invalid(message: str) -> CallError:
    """A bad argument."""
    return CallError(ErrorCode.INVALID_MANAGEMENT_PAYLOAD, message)


def refused(message: str) -> CallError:
    return CallError(ErrorCode.CANISTER_REJECTED, message)
