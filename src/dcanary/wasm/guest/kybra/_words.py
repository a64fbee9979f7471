"""The words that are written with brackets: `Opt[T]`, `Async[T]`, `Query[[A], R]` …

Each remembers the module that wrote it, where names in quotes are looked up.
"""

from __future__ import annotations

import sys
from typing import Any

from ._annotations import FuncSpec, Wrapped
from ._errors import LoadError
from ._types import ONEWAY_MODE, QUERY_MODE


def _caller_globals() -> dict[str, Any]:
    return sys._getframe(2).f_globals


class Opt:
    """`Opt[T]`: a T or None."""

    def __class_getitem__(cls, inner: Any) -> Any:
        return Wrapped("Opt", inner, _caller_globals())


class Alias:
    """`Alias[T]`: another name for T."""

    def __class_getitem__(cls, inner: Any) -> Any:
        return Wrapped("Alias", inner, _caller_globals())


class Manual:
    """`Manual[T]`: the method replies with a T by `ic.reply`, or rejects."""

    def __class_getitem__(cls, inner: Any) -> Any:
        return Wrapped("Manual", inner, _caller_globals())


class Async:
    """`Async[T]`: the method is a generator that yields calls and returns a T."""

    def __class_getitem__(cls, inner: Any) -> Any:
        return Wrapped("Async", inner, _caller_globals())


class _FuncMode:
    """`Query[[A, B], R]`, for `Func`."""

    _mode: int | None = None

    def __class_getitem__(cls, signature: Any) -> Any:
        if (
            not isinstance(signature, tuple)
            or len(signature) != 2
            or not isinstance(signature[0], list)
        ):
            raise LoadError(f"{cls.__name__}[…] takes a list of types and a result type")
        return FuncSpec(cls._mode, signature[0], signature[1], _caller_globals())


class Query(_FuncMode):
    """A query method, for `Func`."""

    _mode = QUERY_MODE


class Update(_FuncMode):
    """An update method, for `Func`."""


class Oneway(_FuncMode):
    """A method without an answer, for `Func`."""

    _mode = ONEWAY_MODE
