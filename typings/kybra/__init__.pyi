"""Types of the Kybra 0.7.1 API as mypy can read them.

The published wheel binds `Record = TypedDict`, a form that mypy cannot follow; importing TypedDict
under that name says the same and can be checked. Everything else repeats the wheel's signatures.
"""

from collections.abc import Callable, Generator
from typing import Any, Generic, NoReturn, Optional, ParamSpec, TypeAlias, TypeVar
from typing import Tuple as Tuple
from typing import TypedDict as Record
from typing import TypedDict as Variant

from kybra._principal import Principal as Principal

__all__ = [
    "Async",
    "CallResult",
    "CandidError",
    "Duration",
    "Error",
    "Func",
    "GuardResult",
    "GuardType",
    "Manual",
    "NotifyResult",
    "Oneway",
    "Opt",
    "Principal",
    "Query",
    "Record",
    "RejectionCode",
    "Service",
    "StableBTreeMap",
    "TimerId",
    "Tuple",
    "Update",
    "Variant",
    "Vec",
    "blob",
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

int64 = int
int32 = int
int16 = int
int8 = int
nat = int
nat64 = int
nat32 = int
nat16 = int
nat8 = int
float64 = float
float32 = float
text = str
blob = bytes

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., Any])

Opt: TypeAlias = Optional[T]
Manual: TypeAlias = Optional[T]
Vec = list
null: TypeAlias = None
void: TypeAlias = None
reserved: TypeAlias = Any
empty: TypeAlias = NoReturn
Async: TypeAlias = Generator[Any, Any, T]
TimerId = int
Duration = int

class GuardResult(Variant, total=False):
    Ok: null
    Err: str

GuardType: TypeAlias = Callable[..., GuardResult]

def query(_func: F) -> F: ...
def update(_func: F) -> F: ...
def init(_func: F) -> F: ...
def heartbeat(_func: F) -> F: ...
def pre_upgrade(_func: F) -> F: ...
def post_upgrade(_func: F) -> F: ...
def inspect_message(_func: F) -> F: ...

Query: TypeAlias = Callable[P, T]
Update = Callable  # type: ignore[type-arg]
Oneway = Callable  # type: ignore[type-arg]

def Func(callable: Any) -> Any: ...

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

class CallResult(Generic[T]):
    Ok: T
    Err: str | None
    def notify(self) -> NotifyResult: ...
    def with_cycles(self, cycles: nat64) -> CallResult[T]: ...
    def with_cycles128(self, cycles: nat) -> CallResult[T]: ...

class ic:
    @staticmethod
    def accept_message() -> None: ...
    @staticmethod
    def arg_data_raw() -> blob: ...
    @staticmethod
    def arg_data_raw_size() -> nat32: ...
    @staticmethod
    def call_raw(
        canister_id: Principal, method: str, args_raw: blob, payment: nat64
    ) -> CallResult[blob]: ...
    @staticmethod
    def call_raw128(
        canister_id: Principal, method: str, args_raw: blob, payment: nat
    ) -> CallResult[blob]: ...
    @staticmethod
    def caller() -> Principal: ...
    @staticmethod
    def candid_encode(candid_string: str) -> blob: ...
    @staticmethod
    def candid_decode(candid_encoded: blob) -> str: ...
    @staticmethod
    def canister_balance() -> nat64: ...
    @staticmethod
    def canister_balance128() -> nat: ...
    @staticmethod
    def clear_timer(id: TimerId) -> None: ...
    @staticmethod
    def data_certificate() -> blob | None: ...
    @staticmethod
    def id() -> Principal: ...
    @staticmethod
    def method_name() -> str: ...
    @staticmethod
    def msg_cycles_accept128(max_amount: nat) -> nat: ...
    @staticmethod
    def msg_cycles_available128() -> nat: ...
    @staticmethod
    def msg_cycles_refunded128() -> nat: ...
    @staticmethod
    def notify_raw(
        canister_id: Principal, method: str, args_raw: blob, payment: nat
    ) -> NotifyResult: ...
    @staticmethod
    def performance_counter(counter_type: nat32) -> nat64: ...
    @staticmethod
    def print(*args: Any) -> None: ...
    @staticmethod
    def reject(x: str) -> None: ...
    @staticmethod
    def reply(value: Any) -> None: ...
    @staticmethod
    def reply_raw(x: Any) -> None: ...
    @staticmethod
    def set_certified_data(data: blob) -> None: ...
    @staticmethod
    def set_timer(delay: Duration, func: Callable[[], Any]) -> TimerId: ...
    @staticmethod
    def set_timer_interval(interval: Duration, func: Callable[[], Any]) -> TimerId: ...
    @staticmethod
    def stable64_size() -> nat64: ...
    @staticmethod
    def time() -> nat64: ...
    @staticmethod
    def trap(message: str) -> NoReturn: ...

class Service:
    canister_id: Principal
    def __init__(self, canister_id: Principal) -> None: ...

def service_query(func: Callable[P, T]) -> Callable[P, CallResult[T]]: ...
def service_update(func: Callable[P, T]) -> Callable[P, CallResult[T]]: ...

class StableBTreeMap(Generic[K, V]):
    def __init__(self, memory_id: nat8, max_key_size: int, max_value_size: int) -> None: ...
    def contains_key(self, key: K) -> bool: ...
    def get(self, key: K) -> V | None: ...
    def insert(self, key: K, value: V) -> V | None: ...
    def is_empty(self) -> bool: ...
    def items(self) -> list[tuple[K, V]]: ...
    def keys(self) -> list[K]: ...
    def len(self) -> nat64: ...
    def remove(self, key: K) -> V | None: ...
    def values(self) -> list[V]: ...

def match(variant: object, matcher: dict[str, Callable[[Any], T]]) -> T: ...

class Error(Exception): ...
class CandidError(Error): ...
