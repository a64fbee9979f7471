"""Calls between canisters: what a `yield` does.

A canister method that is a generator yields an `AsyncInfo`; the call is sent, the generator is
kept under a token, and the message ends. The reply (or the rejection) arrives with the token and
resumes it. State written before the `yield` stays, whatever happens after it: the Internet Computer
commits at that point.
"""

from __future__ import annotations

import hashlib
import sys
from types import GeneratorType
from typing import Any, Generic, TypeVar

import _ic  # type: ignore[import-not-found]

from ._decode import ArgsDecoder
from ._encode import ArgsEncoder
from ._errors import CandidError
from ._principal import Principal
from ._runtime import declared, state
from ._signatures import signature_of

T = TypeVar("T")

REJECTION_CODES = {
    0: "NoError",
    1: "SysFatal",
    2: "SysTransient",
    3: "DestinationInvalid",
    4: "CanisterReject",
    5: "CanisterError",
}
"""Kybra 0.7.1 has no name for SYS_UNKNOWN (6), how a call `with_timeout` ends: it is Unknown."""
MAX_CYCLES = (1 << 128) - 1
MAX_CYCLES_64 = (1 << 64) - 1
MAX_TIMEOUT = (1 << 32) - 1
_FAR = 1 << 20
"""More tokens than one message and those just before it take."""
_COULD_NOT_SEND = "the call could not be sent: too many calls in flight, or not enough cycles"


class CallResult(Generic[T]):
    """The outcome of a call: `.Ok` the value, or `.Err` the text "Rejection code N, message"."""

    def __init__(self, Ok: Any, Err: Any) -> None:
        self.Ok = Ok
        self.Err = Err

    def __repr__(self) -> str:
        return f"CallResult(Ok={self.Ok!r}, Err={self.Err!r})"


class AsyncInfo:
    """A call that was described but not sent yet: `yield` it, or `.notify()` it."""

    __slots__ = ("cycles", "data", "decode", "method", "principal", "timeout")

    def __init__(
        self,
        principal: Principal,
        method: str,
        data: bytes,
        cycles: int,
        decode: Any,
        timeout: Any = None,
    ) -> None:
        if not getattr(principal, "isPrincipal", False):
            raise TypeError(f"a call needs a Principal, not {principal!r}")
        if not isinstance(cycles, int) or not 0 <= cycles <= MAX_CYCLES:
            raise ValueError(f"the cycles of a call are 0 to 2^128 - 1, not {cycles!r}")
        self.principal = principal
        self.method = method
        self.data = bytes(data)
        self.cycles = cycles
        self.decode = decode
        self.timeout = timeout

    def with_cycles(self, cycles: int) -> AsyncInfo:
        """The same call with cycles attached (at most 2^64 - 1)."""
        if cycles > MAX_CYCLES_64:
            raise ValueError("with_cycles takes at most 2^64 - 1 cycles; use with_cycles128")
        return self.with_cycles128(cycles)

    def with_cycles128(self, cycles: int) -> AsyncInfo:
        """The same call with cycles attached."""
        return AsyncInfo(self.principal, self.method, self.data, cycles, self.decode, self.timeout)

    def with_timeout(self, seconds: int) -> AsyncInfo:
        """The same call as a bounded-wait one: after `seconds` (at most 300 count) its result is
        an Err that begins with "Rejection code 6", and whether it was executed is not known.

        Cycles of the call may be lost then. Not part of Kybra 0.7.1.
        """
        if not isinstance(seconds, int) or not 0 <= seconds <= MAX_TIMEOUT:
            raise ValueError(f"the timeout of a call is 0 to 2^32 - 1 seconds, not {seconds!r}")
        return AsyncInfo(self.principal, self.method, self.data, self.cycles, self.decode, seconds)

    def notify(self) -> dict[str, Any]:
        """Send the call without waiting for an answer; a NotifyResult."""
        return notify_result(self.perform(0))

    def perform(self, token: int) -> int:
        code: int = _ic.call_perform(
            self.principal.bytes, self.method, self.data, self.cycles, token, self.timeout
        )
        return code

    def result(self, data: bytes) -> Any:
        """The CallResult of a reply."""
        if self.method == "raw_rand" and not self.principal.bytes:
            seed_random(data)
        if self.decode is None:
            return CallResult(data, None)
        try:
            return CallResult(self.decode(data), None)
        except CandidError as error:
            text = f"Rejection code 5, the answer of {self.method} has another type: {error}"
            return CallResult(None, text)


def seed_random(answer: bytes) -> None:
    """Let `os.urandom`, `secrets` and `random` start from what raw_rand gave.

    What they give cannot be told from the bytes that the canister itself got, nor the other way.
    """
    seed = hashlib.sha256(b"seed of os.urandom" + answer).digest()
    _ic.seed_random(seed)
    random = sys.modules.get("random")
    if random is not None and not getattr(_ic, "shares_interpreter", False):
        random.seed(hashlib.sha256(b"seed of random" + answer).digest())


def notify_result(code: int) -> dict[str, Any]:
    if code == 0:
        return {"Ok": None}
    return {"Err": rejection_code(code)}


def rejection_code(code: int) -> dict[str, None]:
    return {REJECTION_CODES.get(code, "Unknown"): None}


class Task:
    """A running generator, the generators it waits for, and the method that answers at its end."""

    __slots__ = ("method", "stack", "waiting_for")

    def __init__(self, generator: Any, method: Any) -> None:
        self.stack = [generator]
        self.method = method
        self.waiting_for: Any = None

    def run(self, value: Any) -> None:
        """Resume with the value of the `yield`, until the next call is sent or the end."""
        state.current = self.method
        stack = self.stack
        while True:
            try:
                yielded = stack[-1].send(value)
            except StopIteration as stop:
                stack.pop()
                value = stop.value
                if stack:
                    continue
                self.method.finish(value)
                return
            if isinstance(yielded, AsyncInfo):
                token = new_token()
                code = yielded.perform(token)
                if code == 0:
                    self.waiting_for = yielded
                    state.continuations[token] = self
                    return
                value = CallResult(None, f"Rejection code {code}, {_COULD_NOT_SEND}")
            elif isinstance(yielded, GeneratorType):
                stack.append(yielded)
                value = None
            else:
                raise TypeError(
                    f"a canister method can yield calls and generators, not {yielded!r}"
                )

    def replied(self) -> None:
        self.run(self.waiting_for.result(_ic.msg_arg_data()))

    def rejected(self) -> None:
        text = f"Rejection code {_ic.msg_reject_code()}, {_ic.msg_reject_msg()}"
        self.run(CallResult(None, text))


def new_token() -> int:
    """A token of 31 bits that no callback in flight has, not even one sent before an upgrade:
    the canister version grows with every upgrade and with every message.

    The tokens of one message follow one another; starting at the version each time would search
    past all that the message has taken, O(calls^2).
    """
    token = (_ic.canister_version() & 0x7FFFFF) << 8 or 1
    if 0 < state.next_token - token < _FAR:
        token = state.next_token
    while token in state.continuations:
        token = token % 0x7FFFFFFF + 1
    state.next_token = int(token) % 0x7FFFFFFF + 1
    return int(token)


def on_reply(token: int) -> None:
    task = state.continuations.pop(token, None)
    if task is not None:
        task.replied()


def on_reject(token: int) -> None:
    task = state.continuations.pop(token, None)
    if task is not None:
        task.rejected()


def on_cleanup(token: int) -> None:
    state.continuations.pop(token, None)


class ServiceSignature:
    """Argument and result types of a service method, resolved when they are first needed."""

    __slots__ = ("_decode", "_encode", "func", "mode")

    def __init__(self, func: Any, mode: str) -> None:
        self.func = func
        self.mode = mode
        self._encode: Any = None
        self._decode: Any = None

    def __call__(self) -> Any:
        args, results, _ = signature_of(self.func, skip_self=True)
        return args, results, self.mode

    def prepare(self) -> None:
        args, results, _ = self()
        self._encode = ArgsEncoder(args)
        decode = ArgsDecoder(results)
        self._decode = (lambda data: decode(data)[0]) if results else decode_nothing(decode)

    def call(self, principal: Principal, args: tuple[Any, ...]) -> AsyncInfo:
        if self._encode is None:
            self.prepare()
        try:
            data = self._encode(args)
        except CandidError as error:
            raise CandidError(f"call of {self.func.__qualname__}: {error}") from None
        return AsyncInfo(principal, self.func.__name__, data, 0, self._decode)


def decode_nothing(decode: ArgsDecoder) -> Any:
    def run(data: bytes) -> None:
        decode(data)

    return run


def service_method(func: Any, mode: str) -> Any:
    """Makes a method of a Service class describe a call to that canister."""
    signature = ServiceSignature(func, mode)

    def described(*args: Any) -> AsyncInfo:
        return signature.call(args[0].canister_id, args[1:])

    described.__name__ = func.__name__
    described.__qualname__ = func.__qualname__
    described.__doc__ = func.__doc__
    described._candid_signature = signature  # type: ignore[attr-defined]
    declared.service_methods.append(signature)
    return described
