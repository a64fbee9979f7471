"""The Kybra API (0.7.1) for canisters built by DCanary.

The names, their meaning and their typing are those of the PyPI package `kybra`; canister sources
are checked against that package and run on this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Callable, Generator, Optional, TypeVar

from ._annotations import MARKERS, VOID, CandidClass, FuncSpec, NumberMeta
from ._calls import AsyncInfo, CallResult, service_method
from ._encode import NullMarker
from ._errors import CandidError, Error, LoadError
from ._ic_api import ic
from ._maps import StableBTreeMap
from ._methods import decorator
from ._principal import Principal
from ._types import (
    EMPTY,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    NAT,
    NAT8,
    NAT16,
    NAT32,
    NAT64,
    NULL,
    PRIMITIVES,
    RESERVED,
)

__version__ = "0.7.1"

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")


class nat(int, metaclass=NumberMeta):
    """A whole number from 0, of any size."""


class nat8(int, metaclass=NumberMeta):
    """0 to 2^8 - 1."""


class nat16(int, metaclass=NumberMeta):
    """0 to 2^16 - 1."""


class nat32(int, metaclass=NumberMeta):
    """0 to 2^32 - 1."""


class nat64(int, metaclass=NumberMeta):
    """0 to 2^64 - 1."""


class int8(int, metaclass=NumberMeta):
    """-2^7 to 2^7 - 1."""


class int16(int, metaclass=NumberMeta):
    """-2^15 to 2^15 - 1."""


class int32(int, metaclass=NumberMeta):
    """-2^31 to 2^31 - 1."""


class int64(int, metaclass=NumberMeta):
    """-2^63 to 2^63 - 1."""


class float32(float, metaclass=NumberMeta):
    """IEEE 754 single precision."""


class float64(float, metaclass=NumberMeta):
    """IEEE 754 double precision."""


class null(NullMarker):
    """The type of None."""


class void(NullMarker):
    """No result."""


class reserved:
    """Any value; what it is gets lost."""


class empty:
    """A type without values."""


text = str
blob = bytes

for _marker, _kind in (
    (nat, NAT),
    (nat8, NAT8),
    (nat16, NAT16),
    (nat32, NAT32),
    (nat64, NAT64),
    (int8, INT8),
    (int16, INT16),
    (int32, INT32),
    (int64, INT64),
    (float32, FLOAT32),
    (float64, FLOAT64),
    (null, NULL),
    (reserved, RESERVED),
    (empty, EMPTY),
):
    MARKERS[_marker] = PRIMITIVES[_kind]
VOID.append(void)

if TYPE_CHECKING:
    # What the type checker sees: as in Kybra, plain typing constructs.
    Vec = list
    Tuple = tuple  # type: ignore[type-arg]
    Opt = Optional[T]
    Alias = Annotated[T, None]
    Manual = Optional[T]
    Async = Generator[Any, Any, T]
    Query = Callable  # type: ignore[type-arg]
    Update = Callable  # type: ignore[type-arg]
    Oneway = Callable  # type: ignore[type-arg]
else:
    from ._words import Alias, Async, Manual, Oneway, Opt, Query, Update

    Vec = list
    Tuple = tuple


FuncTuple = tuple[Principal, str]


def Func(callable: Any) -> Any:
    """The type of references to methods; a value is (Principal, method name)."""
    if not isinstance(callable, FuncSpec):
        raise LoadError("Func(…) takes Query[[…], …], Update[[…], …] or Oneway[[…], …]")
    return callable


class _DictClass(CandidClass):
    """Calling a Record or Variant class makes a dict, as with a TypedDict."""

    def __init_subclass__(cls, total: bool = True) -> None:
        return

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if "_candid_base" in cls.__dict__:
            raise LoadError(
                f"{cls.__name__}(…) is not supported as a function; derive a class from it"
            )
        return dict(*args, **kwargs)


class Record(_DictClass):
    """Base of records: the annotations of the class are the fields. Values are dicts."""

    _candid_kind = "record"
    _candid_base = True


class Variant(_DictClass):
    """Base of variants: the annotations are the cases. Values are dicts with one key."""

    _candid_kind = "variant"
    _candid_base = True


class Service(CandidClass):
    """Base of the descriptions of other canisters, with @service_query and @service_update."""

    _candid_kind = "service"

    def __init__(self, canister_id: Principal) -> None:
        self.canister_id = canister_id

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.canister_id == other.canister_id

    def __hash__(self) -> int:
        return hash(self.canister_id)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.canister_id!r})"


query = decorator("query")
update = decorator("update")
init = decorator("init", takes_guard=False)
post_upgrade = decorator("post_upgrade", takes_guard=False)
pre_upgrade = decorator("pre_upgrade")
inspect_message = decorator("inspect_message")
heartbeat = decorator("heartbeat")


def canister(cls: T) -> T:
    """Marks a class as the description of a canister; leaves it as it is (as in Kybra 0.7.1)."""
    return cls


def service_query(func: Any) -> Any:
    """A query method of another canister."""
    return service_method(func, "query")


def service_update(func: Any) -> Any:
    """An update method of another canister."""
    return service_method(func, "update")


TimerId = Alias[nat64]
Duration = Alias[nat64]
"""Whole seconds."""


class GuardResult(Variant, total=False):
    """What a guard returns: Ok lets the call through, Err rejects it with the text."""

    Ok: null
    Err: str


GuardType = Callable[..., Any]


class RejectionCode(Variant, total=False):
    NoError: null
    SysFatal: null
    SysTransient: null
    DestinationInvalid: null
    CanisterReject: null
    CanisterError: null
    Unknown: null


class NotifyResult(Variant, total=False):
    Ok: null
    Err: RejectionCode


class StableMemoryError(Variant, total=False):
    OutOfMemory: null
    OutOfBounds: null


class StableGrowResult(Variant, total=False):
    Ok: nat32
    Err: StableMemoryError


class Stable64GrowResult(Variant, total=False):
    Ok: nat64
    Err: StableMemoryError


class KeyTooLarge(Record):
    given: nat32
    max: nat32


class ValueTooLarge(Record):
    given: nat32
    max: nat32


def match(variant: Any, matcher: dict[str, Callable[[Any], T]]) -> T:
    """Call the function of the case that `variant` (or CallResult) is; `"_"` takes the rest."""
    if isinstance(variant, dict):
        for case, handle in matcher.items():
            if case in variant:
                return handle(variant[case])
            if case == "_":
                return handle(None)
    else:
        error = getattr(variant, "Err", None)
        if error is not None:
            return matcher["Err"](error)
        return matcher["Ok"](variant.Ok)
    raise Exception("No matching case found")


__all__ = [
    "Alias",
    "Async",
    "AsyncInfo",
    "CallResult",
    "CandidError",
    "Duration",
    "Error",
    "Func",
    "FuncTuple",
    "GuardResult",
    "GuardType",
    "K",
    "KeyTooLarge",
    "Manual",
    "NotifyResult",
    "Oneway",
    "Opt",
    "Principal",
    "Query",
    "Record",
    "RejectionCode",
    "Service",
    "Stable64GrowResult",
    "StableBTreeMap",
    "StableGrowResult",
    "StableMemoryError",
    "T",
    "TimerId",
    "Tuple",
    "Update",
    "V",
    "ValueTooLarge",
    "Variant",
    "Vec",
    "blob",
    "canister",
    "empty",
    "float32",
    "float64",
    "heartbeat",
    "ic",
    "init",
    "inspect_message",
    "int8",
    "int16",
    "int32",
    "int64",
    "match",
    "nat",
    "nat8",
    "nat16",
    "nat32",
    "nat64",
    "null",
    "post_upgrade",
    "pre_upgrade",
    "query",
    "reserved",
    "service_query",
    "service_update",
    "text",
    "update",
    "void",
]
