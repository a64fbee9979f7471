"""The System API of the native network: the module `_ic` that the guest package imports."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from types import ModuleType
from typing import NoReturn, Protocol

from dcanary.testing._principals import Principal

PAGE = 65_536
MAX_PAGES = 1_024
"""64 MiB of stable memory: a test that needs more has a leak."""


class TrapSignal(BaseException):
    """A trap on its way out of the canister; no `except Exception` of the canister stops it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class StableMemory:
    """Bytes with an undo log."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._undo: list[tuple[int, bytes]] = []
        self._size = 0

    def begin(self) -> None:
        """Start of a message: what is written from here on can be undone."""
        self._undo.clear()
        self._size = len(self.data)

    def rollback(self) -> None:
        for offset, old in reversed(self._undo):
            self.data[offset : offset + len(old)] = old
        del self.data[self._size :]
        self._undo.clear()

    def write(self, offset: int, data: bytes) -> None:
        self._check(offset, len(data))
        self._undo.append((offset, bytes(self.data[offset : offset + len(data)])))
        self.data[offset : offset + len(data)] = data

    def read(self, offset: int, length: int) -> bytes:
        self._check(offset, length)
        return bytes(self.data[offset : offset + length])

    def grow(self, pages: int) -> int:
        old = len(self.data) // PAGE
        if old + pages > MAX_PAGES:
            return -1
        self.data.extend(bytes(pages * PAGE))
        return old

    def _check(self, offset: int, length: int) -> None:
        if offset < 0 or length < 0 or offset + length > len(self.data):
            raise TrapSignal("stable memory out of bounds")


@dataclass
class OutgoingCall:
    """A call that a message wants to send."""

    callee: bytes
    method: str
    arg: bytes
    cycles: int
    token: int
    timeout: int | None = None
    """Seconds, of a bounded-wait call."""


@dataclass
class Execution:
    """The message that runs: what the System API answers about it, and what it wants done."""

    kind: str
    """init, pre_upgrade, post_upgrade, inspect, update, query, composite_query, reply, reject,
    cleanup, timer or heartbeat."""
    caller: bytes = b"\x04"
    arg: bytes = b""
    method: str = ""
    reject_code: int = 0
    reject_message: str = ""
    cycles_available: int = 0
    cycles_refunded: int = 0
    can_reply: bool = False
    can_call: bool = False
    deadline_ns: int = 0
    replied: bool = False
    accepted: bool = False
    cycles_accepted: int = 0
    reply: bytes | None = None
    reject: str | None = None
    calls: list[OutgoingCall] = field(default_factory=list)


class Clock(Protocol):
    """A network, as far as its time goes."""

    time_ns: int


class Host(Protocol):
    """What the System API knows of the canister and changes in it."""

    id: Principal
    controllers: list[Principal]
    cycles: int
    stable: StableMemory
    certified_data: bytes
    certificate: bytes | None
    timer_ns: int
    version: int
    printed: list[str]
    seeds: list[bytes]

    @property
    def network(self) -> Clock: ...


class System(ModuleType):
    """One canister's `_ic`."""

    def __init__(self, canister: Host) -> None:
        super().__init__("_ic")
        self._canister = canister
        self._current: Execution | None = None

    @property
    def _now(self) -> Execution:
        if self._current is None:
            raise RuntimeError(
                "the Internet Computer cannot be asked while the canister's modules load; call ic "
                "functions from canister methods"
            )
        return self._current

    def msg_arg_data(self) -> bytes:
        return self._now.arg

    def msg_caller(self) -> bytes:
        return self._now.caller

    def msg_reject_code(self) -> int:
        self._only("reply", "reject", what="msg_reject_code")
        return self._now.reject_code

    def msg_reject_msg(self) -> str:
        self._only("reject", what="msg_reject_msg")
        return self._now.reject_message

    def msg_deadline(self) -> int:
        return self._now.deadline_ns

    def msg_reply(self, data: bytes) -> None:
        self._answer("msg_reply")
        self._now.reply = bytes(data)

    def msg_reject(self, message: str) -> None:
        self._answer("msg_reject")
        self._now.reject = message

    def _answer(self, what: str) -> None:
        now = self._now
        if not now.can_reply:
            self.trap(f"{what} cannot be used in {now.kind}")
        if now.replied:
            self.trap(f"{what}: the call is already answered")
        now.replied = True

    def _only(self, *kinds: str, what: str) -> None:
        if self._now.kind not in kinds:
            self.trap(f"{what} cannot be used in {self._now.kind}")

    def msg_cycles_available(self) -> int:
        return self._now.cycles_available

    def msg_cycles_accept(self, maximum: int) -> int:
        now = self._now
        taken = min(maximum, now.cycles_available)
        now.cycles_available -= taken
        now.cycles_accepted += taken
        self._canister.cycles += taken
        return taken

    def msg_cycles_refunded(self) -> int:
        return self._now.cycles_refunded

    def canister_self(self) -> bytes:
        _ = self._now
        return self._canister.id.bytes

    def canister_cycle_balance(self) -> int:
        _ = self._now
        return self._canister.cycles

    def canister_status(self) -> int:
        _ = self._now
        return 1

    def canister_version(self) -> int:
        _ = self._now
        return self._canister.version

    def msg_method_name(self) -> str:
        self._only("inspect", what="msg_method_name")
        return self._now.method

    def accept_message(self) -> None:
        self._only("inspect", what="accept_message")
        if self._now.accepted:
            self.trap("accept_message: the message is already accepted")
        self._now.accepted = True

    def call_perform(
        self,
        callee: bytes,
        method: str,
        arg: bytes,
        cycles: int,
        token: int,
        timeout: int | None,
    ) -> int:
        now = self._now
        if not now.can_call:
            self.trap(f"a call cannot be sent in {now.kind}")
        if cycles > self._canister.cycles:
            return 2
        self._canister.cycles -= cycles
        now.calls.append(OutgoingCall(callee, method, arg, cycles, token, timeout))
        return 0

    def stable_size(self) -> int:
        _ = self._now
        return len(self._canister.stable.data) // PAGE

    def stable_grow(self, pages: int) -> int:
        _ = self._now
        return self._canister.stable.grow(pages)

    def stable_read(self, offset: int, length: int) -> bytes:
        _ = self._now
        return self._canister.stable.read(offset, length)

    def stable_write(self, offset: int, data: bytes) -> None:
        _ = self._now
        self._canister.stable.write(offset, data)

    def certified_data_set(self, data: bytes) -> None:
        self._canister.certified_data = data

    def data_certificate(self) -> bytes | None:
        return self._canister.certificate if self._now.kind == "query" else None

    def time(self) -> int:
        _ = self._now
        return self._canister.network.time_ns

    def global_timer_set(self, time_ns: int) -> int:
        _ = self._now
        old = self._canister.timer_ns
        self._canister.timer_ns = time_ns
        return old

    shares_interpreter = True
    """`random` belongs to the tests as well: the guest package does not seed it."""

    def seed_random(self, seed: bytes) -> None:
        _ = self._now
        self._canister.seeds.append(seed)

    def performance_counter(self, kind: int) -> int:
        _ = self._now
        return time.perf_counter_ns()

    def is_controller(self, principal: bytes) -> bool:
        _ = self._now
        return any(controller.bytes == principal for controller in self._canister.controllers)

    def in_replicated_execution(self) -> bool:
        return "query" not in self._now.kind

    def debug_print(self, text: str) -> None:
        _ = self._now
        self._canister.printed.append(text)

    def trap(self, text: str) -> NoReturn:
        _ = self._now
        raise TrapSignal(text)
