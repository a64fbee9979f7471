"""`ic`: what a canister can ask the Internet Computer (Kybra 0.7.1's class of that name)."""

from __future__ import annotations

from typing import Any, Callable, NoReturn

import _ic  # type: ignore[import-not-found]

from . import _timers
from ._calls import MAX_CYCLES_64, AsyncInfo, rejection_code
from ._principal import Principal
from ._runtime import state
from ._textual import decode_to_text, encode_from_text

_PAGE = 65_536
_MAX_PAGES_32 = 65_536


def _in_64_bits(cycles: int) -> int:
    if cycles > MAX_CYCLES_64:
        _ic.trap(f"{cycles} cycles do not fit in 64 bits: use the method that ends in 128")
    return cycles


class ic:
    """The functions of the system; all are static. Kybra's book describes each."""

    @staticmethod
    def accept_message() -> None:
        _ic.accept_message()

    @staticmethod
    def arg_data_raw() -> bytes:
        data: bytes = _ic.msg_arg_data()
        return data

    @staticmethod
    def arg_data_raw_size() -> int:
        return len(_ic.msg_arg_data())

    @staticmethod
    def call_raw(canister_id: Principal, method: str, args_raw: bytes, payment: int) -> AsyncInfo:
        return AsyncInfo(canister_id, method, args_raw, payment, None)

    @staticmethod
    def call_raw128(
        canister_id: Principal, method: str, args_raw: bytes, payment: int
    ) -> AsyncInfo:
        return AsyncInfo(canister_id, method, args_raw, payment, None)

    @staticmethod
    def caller() -> Principal:
        return Principal(_ic.msg_caller())

    @staticmethod
    def candid_encode(candid_string: str) -> bytes:
        return encode_from_text(candid_string)

    @staticmethod
    def candid_decode(candid_encoded: bytes) -> str:
        return decode_to_text(candid_encoded)

    @staticmethod
    def canister_balance() -> int:
        return _in_64_bits(_ic.canister_cycle_balance())

    @staticmethod
    def canister_balance128() -> int:
        return int(_ic.canister_cycle_balance())

    @staticmethod
    def clear_timer(id: int) -> None:
        _timers.clear_timer(id)

    @staticmethod
    def data_certificate() -> bytes | None:
        certificate: bytes | None = _ic.data_certificate()
        return certificate

    @staticmethod
    def id() -> Principal:
        return Principal(_ic.canister_self())

    @staticmethod
    def method_name() -> str:
        name: str = _ic.msg_method_name()
        return name

    @staticmethod
    def msg_cycles_accept(max_amount: int) -> int:
        return int(_ic.msg_cycles_accept(_in_64_bits(max_amount)))

    @staticmethod
    def msg_cycles_accept128(max_amount: int) -> int:
        return int(_ic.msg_cycles_accept(max_amount))

    @staticmethod
    def msg_cycles_available() -> int:
        return _in_64_bits(_ic.msg_cycles_available())

    @staticmethod
    def msg_cycles_available128() -> int:
        return int(_ic.msg_cycles_available())

    @staticmethod
    def msg_cycles_refunded() -> int:
        return _in_64_bits(_ic.msg_cycles_refunded())

    @staticmethod
    def msg_cycles_refunded128() -> int:
        return int(_ic.msg_cycles_refunded())

    @staticmethod
    def notify_raw(
        canister_id: Principal, method: str, args_raw: bytes, payment: int
    ) -> dict[str, Any]:
        return AsyncInfo(canister_id, method, args_raw, payment, None).notify()

    @staticmethod
    def performance_counter(counter_type: int) -> int:
        return int(_ic.performance_counter(counter_type))

    @staticmethod
    def print(*args: Any) -> None:
        _ic.debug_print(" ".join([str(arg) for arg in args]))

    @staticmethod
    def reject(x: str) -> None:
        _ic.msg_reject(x)

    @staticmethod
    def reject_code() -> dict[str, None]:
        return rejection_code(_ic.msg_reject_code())

    @staticmethod
    def reject_message() -> str:
        message: str = _ic.msg_reject_msg()
        return message

    @staticmethod
    def reply(value: Any) -> None:
        if state.current is None:
            raise RuntimeError("there is no call to reply to")
        state.current.reply(value)

    @staticmethod
    def reply_raw(x: bytes) -> None:
        _ic.msg_reply(bytes(x))

    @staticmethod
    def set_certified_data(data: bytes) -> None:
        if len(data) > 32:
            raise ValueError(f"certified data has at most 32 bytes, not {len(data)}")
        _ic.certified_data_set(bytes(data))

    @staticmethod
    def set_timer(delay: int, func: Callable[[], Any]) -> int:
        return _timers.set_timer(delay, func)

    @staticmethod
    def set_timer_interval(interval: int, func: Callable[[], Any]) -> int:
        if interval == 0:
            raise ValueError("the interval of a timer is at least one second")
        return _timers.set_timer(interval, func, interval)

    @staticmethod
    def stable_bytes() -> bytes:
        data: bytes = _ic.stable_read(0, _ic.stable_size() * _PAGE)
        return data

    @staticmethod
    def stable_grow(new_pages: int) -> dict[str, Any]:
        if _ic.stable_size() + new_pages > _MAX_PAGES_32:
            return {"Err": {"OutOfMemory": None}}
        return ic.stable64_grow(new_pages)

    @staticmethod
    def stable_read(offset: int, length: int) -> bytes:
        data: bytes = _ic.stable_read(offset, length)
        return data

    @staticmethod
    def stable_size() -> int:
        return int(_ic.stable_size())

    @staticmethod
    def stable_write(offset: int, buf: bytes) -> None:
        _ic.stable_write(offset, bytes(buf))

    @staticmethod
    def stable64_grow(new_pages: int) -> dict[str, Any]:
        old = _ic.stable_grow(new_pages)
        return {"Ok": old} if old >= 0 else {"Err": {"OutOfMemory": None}}

    @staticmethod
    def stable64_read(offset: int, length: int) -> bytes:
        data: bytes = _ic.stable_read(offset, length)
        return data

    @staticmethod
    def stable64_size() -> int:
        return int(_ic.stable_size())

    @staticmethod
    def stable64_write(offset: int, buf: bytes) -> None:
        _ic.stable_write(offset, bytes(buf))

    @staticmethod
    def time() -> int:
        return int(_ic.time())

    @staticmethod
    def trap(message: str) -> NoReturn:
        _ic.trap(message)
        raise RuntimeError(message)
