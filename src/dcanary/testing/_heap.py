"""Undoing what a message did to a canister's heap, as far as Python lets us.

The Internet Computer rolls back all memory of a message that traps (and of every query). Here the
containers and objects that can be reached from the canister's module variables are copied before a
message and filled again after it. Not reached: variables of closures and of suspended generators,
and objects of classes that the canister did not define itself.
"""

from __future__ import annotations

from collections import deque
from types import ModuleType
from typing import Any

_ATOMS = (int, float, str, bytes, bool, type(None))


class HeapSnapshot:
    """Take it before the message; `restore` puts the heap back."""

    def __init__(self, modules: list[ModuleType]) -> None:
        self._own = {module.__name__ for module in modules}
        self._namespaces = [(vars(module), dict(vars(module))) for module in modules]
        self._containers: list[tuple[Any, Any]] = []
        self._seen: set[int] = set()
        waiting = [
            value
            for _, copy in self._namespaces
            for name, value in copy.items()
            if not name.startswith("__")
        ]
        while waiting:
            value = waiting.pop()
            if isinstance(value, _ATOMS) or id(value) in self._seen:
                continue
            waiting.extend(self._visit(value))

    def _visit(self, value: Any) -> list[Any]:
        """Copy a container; the values to look at next."""
        if isinstance(value, dict):
            self._keep(value, dict(value))
            return list(value.values())
        if isinstance(value, (list, deque)):
            self._keep(value, list(value))
            return list(value)
        if isinstance(value, set):
            self._keep(value, set(value))
            return []
        if isinstance(value, bytearray):
            self._keep(value, bytes(value))
            return []
        if isinstance(value, (tuple, frozenset)):
            self._seen.add(id(value))
            return list(value)
        attributes = getattr(value, "__dict__", None)
        if type(value).__module__ in self._own and isinstance(attributes, dict):
            self._seen.add(id(value))
            self._keep(attributes, dict(attributes))
            return list(attributes.values())
        return []

    def _keep(self, container: Any, copy: Any) -> None:
        self._seen.add(id(container))
        self._containers.append((container, copy))

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
