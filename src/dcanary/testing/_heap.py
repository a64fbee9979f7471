"""Undoing what a message did to a canister's heap, as far as Python lets us.

The Internet Computer rolls back all memory of a message that traps (and of every query). Here the
containers and objects that can be reached from the canister's module variables are copied before a
message and filled again after it. Not reached: variables of closures and of suspended generators,
and objects of classes that the canister did not define itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from operator import is_
from types import ModuleType
from typing import Any, NamedTuple

_NOTHING, _MAPPING, _SEQUENCE, _SET, _BYTES, _FIXED, _OBJECT = range(7)
"""What a type's values are to a snapshot; those of `_NOTHING` hold nothing that can change."""


class _Kinds(dict[type, int]):
    """The kind of each type, found once."""

    def __init__(self, own: frozenset[str]) -> None:
        super().__init__()
        self._own = own

    def __missing__(self, cls: type) -> int:
        kind = _NOTHING
        if issubclass(cls, dict):
            kind = _MAPPING
        elif issubclass(cls, (list, deque)):
            kind = _SEQUENCE
        elif issubclass(cls, set):
            kind = _SET
        elif issubclass(cls, bytearray):
            kind = _BYTES
        elif issubclass(cls, (tuple, frozenset)):
            kind = _FIXED
        elif cls.__module__ in self._own:
            kind = _OBJECT
        self[cls] = kind
        return kind


class _Looked(NamedTuple):
    """What was in a container when it was last looked at. Keeps all of it alive, so that an equal
    identity means the same object."""

    container: Any
    values: list[Any]
    inner: list[Any]
    """Those of the values that a snapshot goes on to."""


class Heap:
    """What can change in the modules of one canister instance.

    Most containers are the same from message to message, so what was found out about their values
    is remembered: walking through all of it before every message took most of the time of tests.
    """

    def __init__(self, modules: list[ModuleType]) -> None:
        self._modules = modules
        self._kinds = _Kinds(frozenset(module.__name__ for module in modules))
        self._looked: dict[int, _Looked] = {}

    def snapshot(self) -> HeapSnapshot:
        """Copy what can change; take it before a message."""
        looked: dict[int, _Looked] = {}
        namespaces: list[tuple[dict[str, Any], dict[str, Any]]] = []
        containers: list[tuple[Any, Any]] = []
        waiting: list[Any] = []
        for module in self._modules:
            namespace = vars(module)
            copy = dict(namespace)
            namespaces.append((namespace, copy))
            waiting += self._inner(namespace, list(copy.values()), looked, copy)
        while waiting:
            value = waiting.pop()
            kind = self._kinds[type(value)]
            if kind == _OBJECT:
                value = getattr(value, "__dict__", None)
                if not isinstance(value, dict):
                    continue
                kind = _MAPPING
            if id(value) in looked:
                continue
            if kind == _MAPPING:
                copied = dict(value)
                containers.append((value, copied))
                waiting += self._inner(value, list(copied.values()), looked)
            elif kind == _SEQUENCE:
                values = list(value)
                containers.append((value, values))
                waiting += self._inner(value, values, looked)
            elif kind == _FIXED:
                waiting += self._inner(value, list(value), looked)
            else:
                containers.append((value, set(value) if kind == _SET else bytes(value)))
                looked[id(value)] = _Looked(value, [], [])
        self._looked = looked
        return HeapSnapshot(namespaces, containers)

    def _inner(
        self,
        container: Any,
        values: list[Any],
        looked: dict[int, _Looked],
        variables: dict[str, Any] | None = None,
    ) -> list[Any]:
        """The values to go on to; of a module's `variables` not those that Python set."""
        before = self._looked.get(id(container))
        if (
            before is None
            or len(before.values) != len(values)
            or not all(map(is_, before.values, values))
        ):
            own: Iterable[Any] = values
            if variables is not None:
                own = [value for name, value in variables.items() if not name.startswith("__")]
            before = _Looked(container, values, self._changeable(own))
        looked[id(container)] = before
        return before.inner

    def _changeable(self, values: Iterable[Any]) -> list[Any]:
        """Those of the values that can change, or hold what can."""
        kinds = self._kinds
        found = []
        for value in values:
            kind = kinds[type(value)]
            if kind != _NOTHING and (kind != _FIXED or self._changeable(value)):
                found.append(value)
        return found


class HeapSnapshot:
    """The heap as it was; `restore` puts it back."""

    def __init__(
        self,
        namespaces: list[tuple[dict[str, Any], dict[str, Any]]],
        containers: list[tuple[Any, Any]],
    ) -> None:
        self._namespaces = namespaces
        self._containers = containers

    def restore(self) -> None:
        for namespace, copy in self._namespaces:
            namespace.clear()
            namespace.update(copy)
        for container, copy in self._containers:
            if isinstance(container, bytearray):
                container[:] = copy
                continue
            container.clear()
            if isinstance(container, (dict, set)):
                container.update(copy)
            else:
                container.extend(copy)
