"""Canister methods: the decorators, and how a message becomes a call of the Python function."""

from __future__ import annotations

from types import GeneratorType
from typing import Any, Callable

import _ic  # type: ignore[import-not-found]

from ._calls import Task
from ._decode import ArgsDecoder
from ._encode import ArgsEncoder
from ._errors import CandidError, LoadError
from ._runtime import declared, state
from ._signatures import signature_of


def decorator(kind: str, takes_guard: bool = True) -> Callable[..., Any]:
    """`@kind` and `@kind(guard=…)`: record the function, leave it as it is."""

    def decorate(_func: Any = None, *, guard: Any = None) -> Any:
        if guard is not None and not takes_guard:
            raise LoadError(f"@{kind} takes no guard")

        def register(func: Any) -> Any:
            declared.methods.append((kind, func, guard))
            return func

        return register if _func is None else register(_func)

    return decorate


class Method:
    """A query, update or lifecycle method, ready to run."""

    __slots__ = (
        "_args",
        "_decode",
        "_encode",
        "_replies",
        "answers",
        "args",
        "func",
        "guard",
        "kind",
        "manual",
        "mode",
        "name",
        "results",
    )

    def __init__(self, kind: str, func: Any, guard: Any) -> None:
        self.kind = kind
        self.func = func
        self.guard = guard
        self.name: str = func.__name__
        self.args, self.results, words = signature_of(func)
        self.manual = "Manual" in words
        self.answers = kind in ("query", "update")
        self._replies = self.answers and not self.manual
        self.mode = "composite_query" if kind == "query" and "Async" in words else kind
        if kind not in ("query", "update"):
            if self.results:
                raise LoadError(f"{func.__module__}.{self.name}: @{kind} returns void")
            if self.args and kind not in ("init", "post_upgrade"):
                raise LoadError(f"{func.__module__}.{self.name}: @{kind} takes no parameters")
            if "Async" in words and kind != "heartbeat":
                raise LoadError(f"{func.__module__}.{self.name}: @{kind} cannot make calls")
        self._decode = ArgsDecoder(self.args)
        self._encode = ArgsEncoder(self.results)
        self._args = ArgsEncoder(self.args)

    def run(self) -> None:
        """Serve the current message."""
        state.current = self
        if self.guard is not None and not self._passes_guard():
            return
        if self.args:
            try:
                args = self._decode(_ic.msg_arg_data())
            except CandidError as error:
                _ic.trap(f"{self.name}: the argument cannot be read: {error}")
                raise
            value = self.func(*args)
        else:
            value = self.func()
        if value.__class__ is GeneratorType:
            Task(value, self).run(None)
        elif self._replies:
            self.reply(value)

    def finish(self, value: Any) -> None:
        """Answer the call with the value the function returned."""
        if self._replies:
            self.reply(value)

    def reply(self, value: Any) -> None:
        """Encode the value by the declared result type and reply."""
        try:
            data = self._encode.single(value) if self.results else self._encode.header
        except CandidError as error:
            raise CandidError(f"the result of {self.name}: {error}") from None
        _ic.msg_reply(data)

    def _passes_guard(self) -> bool:
        result = self.guard()
        if isinstance(result, dict) and "Err" in result:
            text = str(result["Err"])
            if self.answers:
                _ic.msg_reject(text)
            else:
                _ic.trap(text)
            return False
        if not isinstance(result, dict) or "Ok" not in result:
            raise TypeError(f"the guard of {self.name} returned {result!r}, not a GuardResult")
        return True

    def encode_args(self, values: Any) -> bytes:
        """The message that calls this method with these values (used by tests)."""
        return self._args(values)

    def decode_result(self, data: bytes) -> Any:
        """The value in a reply of this method (used by tests)."""
        values = ArgsDecoder(self.results)(data)
        return values[0] if values else None
