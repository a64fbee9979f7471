"""The replicated state: plain data, so that a checkpoint can hold it.

Memories live beside it (`Core.bodies`), as does what can be computed again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

MANAGEMENT = b""
"""Principal of the management canister."""
ANONYMOUS = b"\x04"


class Status(Enum):
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"


# Looked up with every message: a name of a module takes a tenth of the time of an enum's member.
RUNNING, STOPPING = Status.RUNNING, Status.STOPPING


@dataclass(slots=True)
class Closure:
    """A callback: table index and environment."""

    function: int
    environment: int


class Origin(Enum):
    INGRESS = "ingress"
    CALL = "call"
    TASK = "task"


INGRESS, CALL, TASK = Origin.INGRESS, Origin.CALL, Origin.TASK


@dataclass(slots=True)
class Caller:
    """Where the answer of a call goes."""

    origin: Origin
    principal: bytes
    request_id: bytes = b""
    """Of an ingress message."""
    callback: int = 0
    """Of a call; its canister is `principal`."""


@dataclass(slots=True)
class CallContext:
    id: int
    caller: Caller
    method: str
    cycles: int
    """Not yet accepted."""
    created: int
    pending: int = 0
    """Outstanding calls made on its behalf."""
    responded: bool = False
    deleted: bool = False
    instructions: int = 0
    deadline: int = 0
    """When the caller of a bounded-wait call stops waiting, in nanoseconds; 0 for never."""


@dataclass(slots=True)
class Callback:
    id: int
    context: int
    callee: bytes
    on_reply: Closure
    on_reject: Closure
    on_cleanup: Closure | None
    cycles: int
    reserved: int
    """Prepaid for the transmission and execution of the response."""
    deadline: int = 0
    """Of a bounded-wait call that has not expired yet, in nanoseconds; 0 for none."""


@dataclass(slots=True)
class Request:
    """A call on its way to `receiver`."""

    receiver: bytes
    method: str
    arg: bytes
    caller: Caller
    cycles: int
    deadline: int = 0
    """Nanoseconds; 0 for none."""


@dataclass(slots=True)
class Response:
    """An answer on its way to the canister that called."""

    receiver: bytes
    callback: int
    refund: int
    reply: bytes | None = None
    reject_code: int = 0
    message: str = ""
    error_code: str = ""


@dataclass(slots=True)
class Settings:
    controllers: list[bytes]
    compute_allocation: int = 0
    memory_allocation: int = 0
    freezing_threshold: int = 0
    reserved_cycles_limit: int = 0
    wasm_memory_limit: int = 0
    wasm_memory_threshold: int = 0
    log_memory_limit: int = 0
    minimum_incoming_canister_call_cycles: int = 0
    log_visibility: list[bytes] | None = None
    """Allowed viewers; None for controllers only."""
    log_public: bool = False
    snapshot_visibility: list[bytes] | None = None
    snapshot_public: bool = False
    status_visibility: list[bytes] | None = None
    status_public: bool = False
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Change:
    """One entry of a canister's history."""

    time: int
    version: int
    by: bytes
    """The user or canister that asked."""
    by_canister: bool
    by_version: int | None
    kind: str
    """creation, code_uninstall, code_deployment, load_snapshot or controllers_change."""
    mode: str = ""
    module_hash: bytes = b""
    controllers: list[bytes] = field(default_factory=list)
    snapshot: bytes = b""
    snapshot_time: int = 0
    snapshot_version: int = 0


@dataclass(slots=True)
class LogRecord:
    index: int
    time: int
    content: bytes


@dataclass(slots=True)
class StopRequest:
    caller: Caller
    cycles: int
    since: int


@dataclass(slots=True)
class Slice:
    """Uploaded bytes of a memory, named by their sha256."""

    offset: int
    content: bytes


@dataclass(slots=True)
class Uploaded:
    """A memory of a snapshot while it is uploaded. What no slice covers is zero."""

    size: int
    slices: list[Slice] = field(default_factory=list)


@dataclass(slots=True)
class Snapshot:
    """A copy of a canister. The three blobs are named by their sha256."""

    id: bytes
    time: int
    version: int
    module: bytes
    """sha256 of the installed bytes; empty when none was installed."""
    heap: bytes
    heap_size: int
    stable: bytes
    stable_pages: int
    globals: bytes
    certified_data: bytes
    timer: int
    chunks: dict[bytes, int]
    size: int
    taken_by: str = "taken_from_canister"
    parts: dict[str, Uploaded] = field(default_factory=dict)
    """The memories of an upload that was not used yet; empty when the snapshot is whole."""
    global_types: list[str] = field(default_factory=list)
    """Of an upload, to be compared with its module."""


@dataclass(slots=True)
class Canister:
    id: bytes
    settings: Settings
    created: int
    balance: int = 0
    status: Status = Status.RUNNING
    version: int = 0
    module: bytes = b""
    """sha256 of the installed bytes; empty without a module."""
    installed: int = 0
    certified_data: bytes = b""
    timer: int = 0
    history: list[Change] = field(default_factory=list)
    history_total: int = 0
    chunks: dict[bytes, int] = field(default_factory=dict)
    """sha256 -> size, in order of upload."""
    snapshots: dict[bytes, Snapshot] = field(default_factory=dict)
    snapshot_counter: int = 0
    logs: list[LogRecord] = field(default_factory=list)
    log_counter: int = 0
    contexts: dict[int, CallContext] = field(default_factory=dict)
    callbacks: dict[int, Callback] = field(default_factory=dict)
    outstanding: dict[bytes, int] = field(default_factory=dict)
    """Open calls per callee."""
    stops: list[StopRequest] = field(default_factory=list)
    consumed: int = 0
    """Cycles used up so far."""
    reserved: int = 0


@dataclass(slots=True)
class Result:
    """State of an ingress message."""

    sender: bytes
    effective: bytes
    expiry: int
    state: str
    reply: bytes | None = None
    reject_code: int = 0
    message: str = ""
    error_code: str = ""


@dataclass(slots=True)
class Outcall:
    """A pending http_request."""

    id: int
    canister: bytes
    caller: Caller
    refund: int
    method: str
    url: str
    headers: list[list[str]]
    body: bytes
    max_response_bytes: int | None
    transform_method: str
    transform_context: bytes
    since: int


@dataclass(slots=True)
class Answer:
    """The answer of an HTTPS outcall, on its way through the transform function."""

    outcall: Outcall
    reply: bytes | None
    reject_code: int = 0
    message: str = ""
    error_code: str = ""
    receiver: bytes = MANAGEMENT


@dataclass(slots=True)
class Subnet:
    """Everything the log and the checkpoint make up for."""

    seed: bytes
    now: int
    canisters: dict[bytes, Canister] = field(default_factory=dict)
    queue: deque[Request | Response | Answer] = field(default_factory=deque)
    results: dict[bytes, Result] = field(default_factory=dict)
    outcalls: dict[int, Outcall] = field(default_factory=dict)
    natives: dict[bytes, dict[Any, Any]] = field(default_factory=dict)
    """State of each native canister: dicts, lists, numbers, text and bytes."""
    next_canister: int = 0
    next_context: int = 1
    next_outcall: int = 0
    random_counter: int = 0
    rounds: int = 0
    charged: int = 0
    """Until when resource use was charged."""
    pruned: int = 0
    """When old results were last forgotten."""
