"""Error codes of the replica and the exceptions that carry them.

Source: interface specification, "Error codes" and "Reject codes". The first digit of an error
code is its reject code.
"""

from __future__ import annotations

from enum import IntEnum

from dcanary.replica.api import Reject


class ErrorCode(IntEnum):
    """Replica error codes, written "IC0" + three digits."""

    QUEUE_FULL = 201
    CANISTER_ID_EXISTS = 205
    STOP_TIMEOUT = 206
    OUT_OF_CYCLES = 207
    CANISTER_NOT_FOUND = 301
    SNAPSHOT_NOT_FOUND = 305
    INSUFFICIENT_CYCLES_FOR_CREATE = 403
    CANISTER_REJECTED = 406
    UNKNOWN_MANAGEMENT_METHOD = 407
    INVALID_MANAGEMENT_PAYLOAD = 408
    TRAPPED = 502
    CALLED_TRAP = 503
    CONTRACT_VIOLATION = 504
    INVALID_WASM = 505
    DID_NOT_REPLY = 506
    STOPPED = 508
    STOPPING = 509
    NOT_STOPPED = 510
    STOP_CANCELLED = 511
    INVALID_CONTROLLER = 512
    QUERY_LOOP = 517
    INSUFFICIENT_CYCLES_IN_CALL = 520
    ENGINE = 521
    INSTRUCTION_LIMIT = 522
    MEMORY_ACCESS = 524
    QUERY_DEPTH = 525
    QUERY_INSTRUCTIONS = 526
    COMPOSITE_IN_REPLICATED = 527
    QUERY_TIME = 528
    METHOD_NOT_FOUND = 536
    NO_WASM_MODULE = 537
    ALREADY_INSTALLED = 538
    WASM_MEMORY_LIMIT = 539
    DEADLINE_EXPIRED = 601

    @property
    def text(self) -> str:
        return f"IC0{self.value}"

    @property
    def reject_code(self) -> int:
        return self.value // 100


class CallError(Exception):
    """A message failed; becomes the reject its caller sees."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def reject(self) -> Reject:
        return Reject(self.code.reject_code, self.message, self.code.text)


class HostTrap(Exception):
    """Raised by a System API function to trap the running canister."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class InvalidWasm(CallError):
    """The module breaks a rule of the Internet Computer or of WebAssembly."""

    def __init__(self, reason: str) -> None:
        super().__init__(ErrorCode.INVALID_WASM, f"Canister's Wasm module is not valid: {reason}")


class CompileLimit(InvalidWasm):
    """Compiling the module needs more time or memory than it may."""


class EngineError(RuntimeError):
    """The engine itself cannot go on (unusable state folder, unsupported platform)."""
