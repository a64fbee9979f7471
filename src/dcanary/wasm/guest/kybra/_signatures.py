"""The Candid signature of a Python function."""

from __future__ import annotations

from typing import Any

from ._annotations import Wrapped, annotations_of, results_of, to_type, unwrap_names
from ._errors import LoadError
from ._types import Type

_CO_GENERATOR = 0x20
_CO_VARARGS = 0x0C


def signature_of(
    func: Any, skip_self: bool = False
) -> tuple[list[Type], list[Type], frozenset[str]]:
    """Argument types, result types, and which of Async and Manual wrap the result.

    Raises LoadError that names the function and the parameter.
    """
    inner = func
    while hasattr(inner, "__wrapped__"):
        inner = inner.__wrapped__
    where = f"{inner.__module__}.{inner.__qualname__}"
    code = inner.__code__
    if code.co_flags & _CO_VARARGS or code.co_kwonlyargcount:
        raise LoadError(f"{where}: *args, **kwargs and keyword-only parameters have no Candid type")
    names = code.co_varnames[: code.co_argcount]
    if skip_self:
        if not names or names[0] != "self":
            raise LoadError(f"{where}: the first parameter of a service method is self")
        names = names[1:]
    elif names[:1] == ("self",):
        raise LoadError(f"{where}: canister methods are functions of a module, without self")
    try:
        annotations = annotations_of(inner)
    except LoadError as error:
        raise LoadError(f"{where}: {error}") from None
    namespace = inner.__globals__
    args = []
    for name in names:
        if name not in annotations:
            raise LoadError(f"{where}: the parameter {name!r} has no type annotation")
        try:
            args.append(to_type(annotations[name], namespace))
        except LoadError as error:
            raise LoadError(f"{where}: parameter {name!r}: {error}") from None
    if "return" not in annotations:
        raise LoadError(f"{where}: the return type is missing (void when there is none)")
    words = set()
    try:
        result, space = unwrap_names(annotations["return"], namespace)
        while isinstance(result, Wrapped) and result.word in ("Async", "Manual"):
            words.add(result.word)
            result, space = unwrap_names(result.inner, result.namespace)
        results = results_of(result, space)
    except LoadError as error:
        raise LoadError(f"{where}: return type: {error}") from None
    if code.co_flags & _CO_GENERATOR and "Async" not in words:
        raise LoadError(f"{where}: a method that yields returns Async[…]")
    return args, results, frozenset(words)
