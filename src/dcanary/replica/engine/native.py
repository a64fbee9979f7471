"""Native canisters: implemented by the host in place of Wasm, at the ids of the network's own
canisters (ledgers, cycles minting, registry).

Their state is plain data of the subnet, changed only by replicated calls within rounds: it is in
checkpoints, and replaying the log makes it again. The engine knows none of them; they are given as
an option.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dcanary.candid import CandidError
from dcanary.candid.principal import to_text
from dcanary.replica.api import CanisterView, Reject, Reply
from dcanary.replica.engine.core import Core
from dcanary.replica.engine.management import Management
from dcanary.replica.engine.management.types import CANISTER_ID, SETTINGS_TEXT
from dcanary.replica.state.errors import CallError, ErrorCode
from dcanary.replica.state.records import Request

__all__ = ["SETTINGS_TEXT", "CallError", "NativeCall", "NativeCanister", "Natives", "refusal"]


def refusal(message: str) -> CallError:
    """The error by which a native canister rejects a call."""
    return CallError(ErrorCode.CANISTER_REJECTED, message)


@dataclass(slots=True)
class NativeCall:
    """One call to a native canister, and what the canister may do about it.

    A method checks everything before it changes anything: a call that raises keeps its changes.
    """

    core: Core
    management: Management
    canister_id: bytes
    caller: bytes
    available: int
    """Cycles that came with the call and are not yet accepted."""

    @property
    def now(self) -> int:
        """Nanoseconds since the Unix epoch."""
        return self.core.subnet.now

    @property
    def subnet_id(self) -> bytes:
        """Principal of the subnet."""
        return self.core.surroundings.subnet_id

    @property
    def state(self) -> dict[Any, Any]:
        """This canister's state."""
        return self.state_of(self.canister_id)

    def state_of(self, canister_id: bytes) -> dict[Any, Any]:
        """State of any native canister."""
        return self.core.subnet.natives[canister_id]

    def accept_all(self) -> int:
        """Take all cycles that came with the call."""
        taken, self.available = self.available, 0
        return taken

    def has_canister(self, canister_id: bytes) -> bool:
        """Whether a canister exists, native ones aside."""
        return canister_id in self.core.subnet.canisters

    def is_native(self, canister_id: bytes) -> bool:
        """Whether a principal is one of the native canisters."""
        return canister_id in self.core.subnet.natives

    def deposit(self, canister_id: bytes, cycles: int) -> None:
        """Add cycles to a canister. Raises CallError when there is none."""
        arg = {"canister_id": canister_id}
        self.management.call_by(self.canister_id, "deposit_cycles", arg, cycles)

    def create_canister(
        self, settings: dict[str, Any] | None, cycles: int, controller: bytes
    ) -> bytes:
        """Create a canister; its creation fee is taken from `cycles`, and `controller` controls it
        unless the settings say otherwise. Returns its id. Raises CallError."""
        wanted = dict(settings or {})
        if wanted.get("controllers") is None:
            wanted["controllers"] = [controller]
        arg = {"settings": wanted, "sender_canister_version": None}
        answer = self.management.call_by(self.canister_id, "create_canister", arg, cycles)
        created: bytes = CANISTER_ID.decode(answer.data)[0]["canister_id"]
        return created


class NativeCanister(Protocol):
    """A canister implemented by the host."""

    @property
    def id(self) -> bytes:
        """Its principal."""
        ...

    @property
    def candid(self) -> str:
        """Its interface, shown as the metadata `candid:service`."""
        ...

    def has(self, method: str, *, query: bool) -> bool:
        """Whether it has a method (`query`: one that may be called as a query)."""
        ...

    def run(self, call: NativeCall, method: str, arg: bytes) -> bytes:
        """Execute a method it has; returns the reply. Raises CallError, or CandidError when the
        argument does not fit."""
        ...


class Natives:
    """The native canisters of one subnet."""

    def __init__(
        self, core: Core, management: Management, canisters: Sequence[NativeCanister]
    ) -> None:
        self._core = core
        self._management = management
        self._canisters = {canister.id: canister for canister in canisters}
        for canister_id in self._canisters:
            core.subnet.natives.setdefault(canister_id, {})

    def __contains__(self, canister_id: object) -> bool:
        return canister_id in self._canisters

    @property
    def ids(self) -> Sequence[bytes]:
        return list(self._canisters)

    def view(self, canister_id: bytes) -> CanisterView | None:
        """What the state tree shows: an interface, but no module and no controllers."""
        found = self._canisters.get(canister_id)
        if found is None:
            return None
        metadata = {"candid:service": found.candid.encode()}
        return CanisterView(canister_id, None, [], b"", metadata)

    def check(self, canister_id: bytes, method: str, *, query: bool = False) -> None:
        """Raises CallError when a canister has no such method."""
        if not self._canisters[canister_id].has(method, query=query):
            kind = "query method" if query else "method"
            raise CallError(
                ErrorCode.METHOD_NOT_FOUND,
                f"{kind} '{method}' of canister {to_text(canister_id)} is not supported by this "
                "replica",
            )

    def call(self, request: Request) -> None:
        """Execute a replicated call; every outcome is answered."""
        answer, refund = self._run(
            request.caller.principal, request.receiver, request.method, request.arg, request.cycles
        )
        self._core.respond(request.caller, answer, refund)

    def query(self, sender: bytes, canister_id: bytes, method: str, arg: bytes) -> Reply | Reject:
        """Answer a query."""
        try:
            self.check(canister_id, method, query=True)
        except CallError as error:
            return error.reject()
        return self._run(sender, canister_id, method, arg, 0)[0]

    def _run(
        self, sender: bytes, canister_id: bytes, method: str, arg: bytes, cycles: int
    ) -> tuple[Reply | Reject, int]:
        call = NativeCall(self._core, self._management, canister_id, sender, cycles)
        try:
            self.check(canister_id, method)
            return Reply(self._canisters[canister_id].run(call, method, arg)), call.available
        except CallError as error:
            return error.reject(), cycles
        except CandidError as error:
            refused = CallError(
                ErrorCode.CALLED_TRAP,
                f"Error decoding the argument of '{method}' of canister {to_text(canister_id)}: "
                f"{error}",
            )
            return refused.reject(), cycles
