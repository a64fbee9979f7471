"""One run of one entry point: its inputs, the effects it asks for, and its limits."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Protocol

from dcanary.replica.api import DataCertificate
from dcanary.replica.state.costs import CostTable
from dcanary.replica.state.errors import CallError
from dcanary.replica.state.records import CallContext, Canister, Closure
from dcanary.replica.vm.memory.linear import LinearMemory
from dcanary.replica.vm.memory.stable import Stable
from dcanary.replica.vm.watch import Watch

# Contexts of the interface specification ("Overview of imports"), as bits.
INIT = 1  # I: canister_init, canister_post_upgrade
PRE_UPGRADE = 2  # G
UPDATE = 4  # U
REPLICATED_QUERY = 8  # RQ
QUERY = 16  # NRQ
TRANSFORM = 32  # TQ
COMPOSITE = 64  # CQ
REPLY = 128  # Ry
REJECT = 256  # Rt
COMPOSITE_REPLY = 512  # CRy
COMPOSITE_REJECT = 1024  # CRt
CLEANUP = 2048  # C
COMPOSITE_CLEANUP = 4096  # CC
START = 8192  # s
INSPECT = 16384  # F
TASK = 32768  # T: heartbeat, global timer, low memory
EVERYWHERE = 65535
ANY = EVERYWHERE & ~START
"""`*` of the specification."""

NAMES = {
    INIT: "init or post_upgrade",
    PRE_UPGRADE: "pre_upgrade",
    UPDATE: "update",
    REPLICATED_QUERY: "replicated query",
    QUERY: "non replicated query",
    TRANSFORM: "transform",
    COMPOSITE: "composite query",
    REPLY: "reply callback",
    REJECT: "reject callback",
    COMPOSITE_REPLY: "composite reply callback",
    COMPOSITE_REJECT: "composite reject callback",
    CLEANUP: "cleanup callback",
    COMPOSITE_CLEANUP: "composite cleanup callback",
    START: "start",
    INSPECT: "inspect message",
    TASK: "system task",
}
NON_REPLICATED = (
    QUERY | TRANSFORM | COMPOSITE | COMPOSITE_REPLY | COMPOSITE_REJECT | COMPOSITE_CLEANUP | INSPECT
)


class CounterReader(Protocol):
    """The running instance, as far as host functions need it."""

    def counter(self) -> int:
        """Instructions left."""
        ...


@dataclass(slots=True)
class OutgoingCall:
    """A call as built by call_new and the functions after it."""

    callee: bytes
    method: str
    on_reply: Closure
    on_reject: Closure
    on_cleanup: Closure | None = None
    payload: bytearray = field(default_factory=bytearray)
    cycles: int = 0
    timeout: int | None = None
    """Seconds, of a best-effort call."""
    reserved: int = 0
    """Cycles set aside for the response."""


@dataclass(slots=True)
class Surroundings:
    """What an execution may ask of the subnet."""

    subnet_id: bytes
    root_key: bytes
    costs: CostTable


class Execution:
    """State of the run. Effects are applied by the caller when the run succeeds.

    One is made for each message: what has its default is not set but read from the class, which
    takes a third of the time that a dataclass of that many fields takes.
    """

    context: int
    canister: Canister
    memory: LinearMemory
    stable: Stable
    now: int
    limit: int
    """Instructions."""
    surroundings: Surroundings
    balance: int
    """Cycles the canister sees; what is prepaid for this run is not in it."""
    begun_with: int = 0
    """`balance` at the start of the run."""
    threshold: int
    """Freezing threshold in cycles."""
    arg: bytes = b""
    caller: bytes = b""
    method: str = ""
    call_context: CallContext | None = None
    available: int = 0
    """Cycles of the call not yet accepted."""
    refunded: int = 0
    reject_code: int = 0
    reject_message: str = ""
    data_certificate: DataCertificate | None = None
    responded: bool = False
    """Whether the call was answered before this run."""

    # Effects
    reply_data: bytearray
    reply: bytes | None = None
    reject: str | None = None
    accepted: bool = False
    """accept_message was called."""
    calls: list[OutgoingCall]
    building: OutgoingCall | None = None
    certified_data: bytes | None = None
    timer: int | None = None
    logs: list[bytes]

    # Accounting
    extra_instructions: int = 0
    """Charged by the host: bytes copied, dirty stable pages."""
    burned: int = 0
    counter_base: int = 0
    """Instructions used in earlier runs of the same message (performance_counter(1))."""
    error: CallError | None = None
    """Why a host function trapped."""
    certificate: bytes | None = None
    instance: CounterReader | None = None
    watch: Watch | None = None
    """Of a query."""

    def __init__(
        self,
        context: int,
        canister: Canister,
        memory: LinearMemory,
        stable: Stable,
        now: int,
        limit: int,
        surroundings: Surroundings,
        balance: int,
        threshold: int,
        call: CallContext | None = None,
    ) -> None:
        self.context = context
        self.canister = canister
        self.memory = memory
        self.stable = stable
        self.now = now
        self.limit = limit
        self.surroundings = surroundings
        self.balance = balance
        self.threshold = threshold
        if call is not None:
            self.call_context = call
            self.responded = call.responded
            self.counter_base = call.instructions
        self.reply_data = bytearray()
        self.calls = []
        self.logs = []

    @property
    def answered(self) -> bool:
        return self.reply is not None or self.reject is not None


class Host(threading.local):
    """What host functions see: the execution that is running now, in their thread."""

    execution: Execution | None = None
