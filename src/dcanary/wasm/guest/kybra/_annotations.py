"""From Python annotations to Candid types.

Works on values of annotations, under both evaluation models: at definition (Python 3.11) and
deferred (3.14, PEP 649). Names in quotes are looked up in the module that wrote them: the markers
below remember it, so that an alias defined in one module means the same in another.
"""

from __future__ import annotations

import sys
import typing
from typing import Any

from ._errors import LoadError
from ._not_yet import GENERIC
from ._principal import Principal
from ._types import (
    BOOL,
    EMPTY,
    FLOAT64,
    INT,
    NAT8,
    ONEWAY_MODE,
    PRIMITIVES,
    PRINCIPAL,
    QUERY_MODE,
    RESERVED,
    TEXT,
    Field,
    Func,
    Opt,
    Record,
    Service,
    Type,
    Variant,
    Vec,
    tuple_of,
)

KEYWORDS = frozenset(
    [
        "False",
        "None",
        "True",
        "and",
        "as",
        "assert",
        "async",
        "await",
        "break",
        "class",
        "continue",
        "def",
        "del",
        "elif",
        "else",
        "except",
        "finally",
        "for",
        "from",
        "global",
        "if",
        "import",
        "in",
        "is",
        "lambda",
        "nonlocal",
        "not",
        "or",
        "pass",
        "raise",
        "return",
        "try",
        "while",
        "with",
        "yield",
    ]
)

BLOB = Vec(PRIMITIVES[NAT8])


class Wrapped:
    """`Opt[T]`, `Alias[T]`, `Async[T]`, `Manual[T]`: a word, its argument, its module."""

    __slots__ = ("inner", "namespace", "word")

    def __init__(self, word: str, inner: Any, namespace: dict[str, Any]) -> None:
        self.word = word
        self.inner = inner
        self.namespace = namespace

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.word == "Alias" and callable(self.inner):
            return self.inner(*args, **kwargs)
        raise TypeError(f"{self.word}[…] is a type, it cannot be called")

    def __or__(self, other: Any) -> Any:
        # `Opt[X] | None` may stand in the annotations of helper functions; nothing reads it.
        return typing.Any

    __ror__ = __or__

    def __repr__(self) -> str:
        return f"{self.word}[{self.inner!r}]"


class FuncSpec:
    """`Query[[A, B], R]` and its kin, as given to `Func(…)`."""

    __slots__ = ("args", "mode", "namespace", "result")

    def __init__(
        self, mode: int | None, args: list[Any], result: Any, namespace: dict[str, Any]
    ) -> None:
        self.mode = mode
        self.args = args
        self.result = result
        self.namespace = namespace


class NumberMeta(type):
    """Lets `isinstance(5, nat64)` and `nat64(5)` mean what they mean where nat64 is int."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, float if issubclass(cls, float) else int)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return (float if issubclass(cls, float) else int)(*args, **kwargs)


# The parts of the public surface that stand for Candid types; registered by kybra/__init__.py.
MARKERS: dict[Any, Type] = {
    bool: PRIMITIVES[BOOL],
    int: PRIMITIVES[INT],
    float: PRIMITIVES[FLOAT64],
    str: PRIMITIVES[TEXT],
    bytes: BLOB,
    Principal: PRIMITIVES[PRINCIPAL],
    typing.Any: PRIMITIVES[RESERVED],
    typing.NoReturn: PRIMITIVES[EMPTY],
}
VOID: list[Any] = []
_classes: dict[type, Type] = {}
_resolving: list[Any] = []


class CandidClass:
    """Base of Record, Variant and Service: classes that are Candid types by themselves."""

    _candid_kind = ""


def namespace_of(cls: type) -> dict[str, Any]:
    """The module globals in which a class was written."""
    module = sys.modules.get(cls.__module__)
    return getattr(module, "__dict__", {})


def to_type(annotation: Any, namespace: dict[str, Any]) -> Type:
    """The Candid type of an annotation; raises LoadError that says what is wrong with it."""
    annotation, namespace = unwrap_names(annotation, namespace)
    try:
        known = MARKERS.get(annotation)
    except TypeError:
        known = None
    if known is not None:
        return known
    if isinstance(annotation, Wrapped):
        return _wrapped(annotation)
    if isinstance(annotation, FuncSpec):
        return _func(annotation)
    if isinstance(annotation, type) and issubclass(annotation, CandidClass):
        return _class_type(annotation)
    origin = getattr(annotation, "__origin__", None)
    args: tuple[Any, ...] = getattr(annotation, "__args__", ())
    if origin is list:
        if len(args) != 1:
            raise LoadError(f"{annotation!r}: a Vec has one type of elements")
        return _once(annotation, lambda: Vec(to_type(args[0], namespace)))
    if origin is tuple:
        if Ellipsis in args:
            raise LoadError(f"{annotation!r}: a Tuple has a fixed number of elements; use Vec")
        return _once(annotation, lambda: tuple_of([to_type(arg, namespace) for arg in args]))
    raise LoadError(_why_not(annotation))


def _once(annotation: Any, make: Any) -> Type:
    """Refuse types that contain themselves without a Record or Variant in between."""
    if any(open_ is annotation for open_ in _resolving) or len(_resolving) > 100:
        raise LoadError(
            f"{annotation!r} contains itself; a recursive type must go through a Record or Variant"
        )
    _resolving.append(annotation)
    try:
        made: Type = make()
    finally:
        _resolving.pop()
    return made


def unwrap_names(annotation: Any, namespace: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Follow names in quotes and aliases down to what they stand for."""
    for _ in range(100):
        if isinstance(annotation, str):
            text = annotation
        elif isinstance(annotation, typing.ForwardRef):
            text = annotation.__forward_arg__
        elif isinstance(annotation, Wrapped) and annotation.word == "Alias":
            annotation, namespace = annotation.inner, annotation.namespace
            continue
        else:
            metadata = getattr(annotation, "__metadata__", None)
            if metadata is None:
                return annotation, namespace
            annotation = annotation.__origin__
            continue
        try:
            annotation = eval(text, dict(namespace))  # noqa: S307 (the canister's own source)
        except NameError as error:
            raise LoadError(f"{text!r}: {error}") from None
        except Exception as error:
            raise LoadError(f"{text!r} is not a type: {error}") from None
    raise LoadError(f"{annotation!r} is an alias of itself")


def _wrapped(annotation: Wrapped) -> Type:
    if annotation.word == "Opt":
        return _once(annotation, lambda: Opt(to_type(annotation.inner, annotation.namespace)))
    raise LoadError(f"{annotation.word}[…] can only be the return type of a canister method")


def _func(spec: FuncSpec) -> Type:
    def make() -> Type:
        args = [to_type(arg, spec.namespace) for arg in spec.args]
        if spec.mode == ONEWAY_MODE:
            results = []
        else:
            results = results_of(spec.result, spec.namespace)
        return Func(args, results, [] if spec.mode is None else [spec.mode])

    return _once(spec, make)


def results_of(annotation: Any, namespace: dict[str, Any]) -> list[Type]:
    """The result types of a method: none for void, one for everything else."""
    annotation, namespace = unwrap_names(annotation, namespace)
    if annotation in VOID:
        return []
    return [to_type(annotation, namespace)]


def field_label(name: str) -> str:
    """The Candid name of a Python field: `from_` is `from` (names that Python reserves)."""
    if name.endswith("_") and name.rstrip("_") in KEYWORDS:
        return name[:-1]
    return name


def _class_type(cls: type) -> Type:
    known = _classes.get(cls)
    if known is not None:
        return known
    kind = cls._candid_kind  # type: ignore[attr-defined]
    if kind == "service":
        return _service_class(cls)
    node = (Variant if kind == "variant" else Record)(cls.__name__, origin=cls.__module__)
    _classes[cls] = node
    fields: dict[str, Field] = {}
    try:
        for base in reversed(cls.__mro__):
            if not issubclass(base, CandidClass):
                continue
            for name, annotation in annotations_of(base).items():
                if name.startswith("_candid"):
                    continue
                try:
                    inner = to_type(annotation, namespace_of(base))
                except LoadError as error:
                    raise LoadError(f"field {name!r} of {cls.__name__}: {error}") from None
                fields[name] = Field(field_label(name), name, inner)
    except LoadError:
        del _classes[cls]
        raise
    by_hash: dict[int, str] = {}
    for field in fields.values():
        other = by_hash.setdefault(field.hash, str(field.label))
        if other != field.label:
            raise LoadError(
                f"{cls.__name__}: the names {other!r} and {field.label!r} have the same Candid "
                "number; rename one"
            )
    if kind == "variant" and not fields:
        raise LoadError(f"the variant {cls.__name__} has no cases")
    node.set_fields(list(fields.values()))
    return node


def annotations_of(target: Any) -> dict[str, Any]:
    """The annotations of a class or function, evaluated now where Python defers them."""
    try:
        return dict(target.__annotations__)
    except NameError as error:
        name = getattr(target, "__qualname__", repr(target))
        raise LoadError(f"an annotation of {name} cannot be read: {error}") from None


def _service_class(cls: type) -> Type:
    node = Service(cls.__name__, cls, origin=cls.__module__)
    _classes[cls] = node
    try:
        for base in reversed(cls.__mro__):
            for name, value in vars(base).items():
                signature = getattr(value, "_candid_signature", None)
                if signature is not None:
                    args, results, mode = signature()
                    modes = [QUERY_MODE] if mode == "query" else []
                    node.methods[name] = Func(args, results, modes)
    except LoadError:
        del _classes[cls]
        raise
    return node


def _why_not(annotation: Any) -> str:
    shown = getattr(annotation, "__name__", None) or repr(annotation)
    if annotation is None or annotation is type(None):
        return "None is not a type here; use void (no result) or null"
    if annotation in VOID:
        return "void can only be the result of a method; use null"
    if annotation is list or annotation is tuple:
        return f"{shown} needs the types of its elements: Vec[…] or Tuple[…]"
    origin = getattr(annotation, "__origin__", None)
    if origin is typing.Union or type(annotation).__name__ == "UnionType":
        return f"{annotation!r}: unions are not Candid types; use Opt[…] or a Variant"
    if isinstance(annotation, typing.TypeVar):
        return GENERIC[1].format(shown)
    if annotation is dict or origin is dict:
        return "dict is not a Candid type; use a Record or Vec[Tuple[…, …]]"
    return f"{shown} is not a Candid type"


def clear() -> None:
    """Forget resolved classes (a new canister is loaded in the same interpreter)."""
    _classes.clear()
