"""JSON values of the PocketIC API."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from dcanary.not_yet import POCKETIC_OPERATIONS, NotYet

from ..api import Reject, Reply

_REJECT_CODES = {
    1: "SysFatal",
    2: "SysTransient",
    3: "DestinationInvalid",
    4: "CanisterReject",
    5: "CanisterError",
    6: "SysUnknown",
}
_ERROR_CODES = {
    101: "SubnetOversubscribed",
    102: "MaxNumberOfCanistersReached",
    201: "CanisterQueueFull",
    202: "IngressMessageTimeout",
    203: "CanisterQueueNotEmpty",
    204: "IngressHistoryFull",
    205: "CanisterIdAlreadyExists",
    206: "StopCanisterRequestTimeout",
    207: "CanisterOutOfCycles",
    208: "CertifiedStateUnavailable",
    209: "CanisterInstallCodeRateLimited",
    210: "CanisterHeapDeltaRateLimited",
    301: "CanisterNotFound",
    305: "CanisterSnapshotNotFound",
    402: "InsufficientMemoryAllocation",
    403: "InsufficientCyclesForCreateCanister",
    404: "SubnetNotFound",
    405: "CanisterNotHostedBySubnet",
    406: "CanisterRejectedMessage",
    407: "UnknownManagementMessage",
    408: "InvalidManagementPayload",
    409: "CanisterSnapshotImmutable",
    502: "CanisterTrapped",
    503: "CanisterCalledTrap",
    504: "CanisterContractViolation",
    505: "CanisterInvalidWasm",
    506: "CanisterDidNotReply",
    507: "CanisterOutOfMemory",
    508: "CanisterStopped",
    509: "CanisterStopping",
    510: "CanisterNotStopped",
    511: "CanisterStoppingCancelled",
    512: "CanisterInvalidController",
    513: "CanisterFunctionNotFound",
    514: "CanisterNonEmpty",
    517: "QueryCallGraphLoopDetected",
    520: "InsufficientCyclesInCall",
    521: "CanisterWasmEngineError",
    522: "CanisterInstructionLimitExceeded",
    524: "CanisterMemoryAccessLimitExceeded",
    525: "QueryCallGraphTooDeep",
    526: "QueryCallGraphTotalInstructionLimitExceeded",
    527: "CompositeQueryCalledInReplicatedMode",
    528: "QueryTimeLimitExceeded",
    529: "QueryCallGraphInternal",
    530: "InsufficientCyclesInComputeAllocation",
    531: "InsufficientCyclesInMemoryAllocation",
    532: "InsufficientCyclesInMemoryGrow",
    533: "ReservedCyclesLimitExceededInMemoryAllocation",
    534: "ReservedCyclesLimitExceededInMemoryGrow",
    535: "InsufficientCyclesInMessageMemoryGrow",
    536: "CanisterMethodNotFound",
    537: "CanisterWasmModuleNotFound",
    538: "CanisterAlreadyInstalled",
    539: "CanisterWasmMemoryLimitExceeded",
    540: "ReservedCyclesLimitIsTooLow",
    601: "DeadlineExpired",
    602: "ResponseDropped",
}


class ApiError(Exception):
    """An error answered as {"message": text} with an HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def bad(message: str) -> ApiError:
    """400: the request makes no sense."""
    return ApiError(400, message)


def unsupported(asked: str, missing: NotYet = POCKETIC_OPERATIONS) -> ApiError:
    """501: PocketIC has it, this server does not."""
    return ApiError(501, missing.sentence(asked))


def to_base64(data: bytes) -> str:
    """Bytes as JSON text."""
    return base64.b64encode(data).decode()


def from_base64(value: object, name: str) -> bytes:
    """Inverse of `to_base64`. Raises ApiError (400)."""
    if not isinstance(value, str):
        raise bad(f"field `{name}` must be base64 text")
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise bad(f"field `{name}` is not base64: {error}") from error


def blob(body: Mapping[str, object], name: str) -> bytes:
    """A bytes field of a request. Raises ApiError (400)."""
    return from_base64(body.get(name), name)


def natural(body: Mapping[str, object], name: str) -> int:
    """A natural number field of a request. Raises ApiError (400)."""
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise bad(f"field `{name}` must be a natural number")
    return value


def mapping(value: object, name: str) -> Mapping[str, object]:
    """An object field of a request. Raises ApiError (400)."""
    if not isinstance(value, dict):
        raise bad(f"`{name}` must be an object")
    return value


def reject_response(reject: Reject, *, certified: bool) -> dict[str, object]:
    """`RejectResponse`: codes by their names in the replica."""
    digits = reject.error_code.removeprefix("IC")
    number = int(digits) if digits.isdigit() else 0
    fallback = {1: 101, 2: 201, 3: 301, 4: 406, 5: 502, 6: 601}.get(reject.code, 502)
    return {
        "reject_code": _REJECT_CODES.get(reject.code, "SysUnknown"),
        "reject_message": reject.message,
        "error_code": _ERROR_CODES.get(number, _ERROR_CODES[fallback]),
        "certified": certified,
    }


def result(outcome: Reply | Reject, *, certified: bool) -> dict[str, object]:
    """`{"Ok": base64}` or `{"Err": RejectResponse}`."""
    if isinstance(outcome, Reply):
        return {"Ok": to_base64(outcome.data)}
    return {"Err": reject_response(outcome, certified=certified)}
