"""A native canister as a table of methods over a Candid interface."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dcanary.candid import Codec, parse_interface
from dcanary.replica.engine.native import NativeCall

Handler = Callable[..., Any]
"""Takes the call and the decoded arguments, principals as bytes; returns the result."""


class Service:
    """A native canister: its id, its interface, and a handler for each method of the interface."""

    def __init__(self, canister_id: bytes, candid: str, handlers: Mapping[str, Handler]) -> None:
        self.id = canister_id
        self.candid = candid.strip() + "\n"
        self._methods = parse_interface(candid).methods
        self._arguments = {
            name: Codec(method.arguments.types, principals_as_bytes=True)
            for name, method in self._methods.items()
        }
        self._handlers = handlers
        if set(handlers) != set(self._methods):
            raise ValueError(f"handlers and interface differ: {set(handlers) ^ set(self._methods)}")

    def has(self, method: str, *, query: bool) -> bool:
        """Whether it has a method (`query`: one that may be called as a query)."""
        found = self._methods.get(method)
        return found is not None and (found.is_query or not query)

    def run(self, call: NativeCall, method: str, arg: bytes) -> bytes:
        """Decode, execute, encode. Raises CallError or CandidError."""
        result = self._handlers[method](call, *self._arguments[method].decode(arg))
        return self._methods[method].results.encode((result,))
