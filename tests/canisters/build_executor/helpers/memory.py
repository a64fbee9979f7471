"""A map with the behaviour of a StableBTreeMap: values go in and out as copies."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class MemoryMap(Generic[K, V]):
    """Counts its operations, so that tests can bound them."""

    def __init__(self) -> None:
        self.entries: dict[K, V] = {}
        self.operations = 0
        self.scans = 0

    def get(self, key: K) -> V | None:
        self.operations += 1
        return copy.deepcopy(self.entries.get(key))

    def insert(self, key: K, value: V) -> V | None:
        self.operations += 1
        before = self.entries.get(key)
        self.entries[key] = copy.deepcopy(value)
        return before

    def remove(self, key: K) -> V | None:
        self.operations += 1
        return self.entries.pop(key, None)

    def contains_key(self, key: K) -> bool:
        self.operations += 1
        return key in self.entries

    def len(self) -> int:
        return len(self.entries)

    def keys(self) -> list[K]:
        self.scans += 1
        return list(self.entries)
