"""Stored records of earlier versions, read as today's.

Each stored record type has a version number. A record that was written by an earlier version is
migrated when it is read, which costs the same for any number of records, and is written back in
today's form the next time it is inserted; nothing walks over whole maps in an upgrade.

In `records.py`:

    RUN = Versions("RunRecord", current=2)

    @RUN.since(1)
    def add_queue_time(run: RunRecord) -> RunRecord:
        run["queue_ns"] = DEFAULT_QUEUE_NS
        return run

and in `store.py`, where Kybra wants the map itself at module scope:

    run_map = StableBTreeMap[text, RunRecord](memory_id=4, max_key_size=100, max_value_size=60_000)
    runs = Versioned(run_map, RUN)

A field that is new in any stored type, at any depth, must be `Opt`: bytes that were written before
have no value for it. The migration then fills it. A field that may stay absent needs neither a
migration nor a new version number. `docs/contributing/change-a-record.md` has the steps.
"""

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, cast

K = TypeVar("K")
V = TypeVar("V")
R = TypeVar("R")


class Versions(Generic[R]):
    """The versions of one stored record type, and how to come from each to the next."""

    def __init__(self, record: str, current: int) -> None:
        self.record = record
        self.current = current
        self._steps: dict[int, Callable[[R], R]] = {}

    def since(self, version: int) -> "Callable[[Callable[[R], R]], Callable[[R], R]]":
        """Register the function that makes a record of `version` one of `version + 1`."""

        def register(step: "Callable[[R], R]") -> "Callable[[R], R]":
            if version in self._steps or not 1 <= version < self.current:
                raise ValueError(f"{self.record}: a migration from version {version} is not wanted")
            self._steps[version] = step
            return step

        return register

    def missing(self) -> "list[int]":
        """Versions before the current one that have no migration: a mistake of the sources."""
        return [version for version in range(1, self.current) if version not in self._steps]

    def migrated(self, record: R) -> R:
        """The record in today's form. KeyError for a version that nothing leads on from."""
        version: int = cast(Any, record)["version"]
        while version < self.current:
            record = self._steps[version](record)
            version += 1
            cast(Any, record)["version"] = version
        return record


class StoredMap(Protocol[K, V]):
    """What `Versioned` needs of a StableBTreeMap."""

    def get(self, key: K) -> "V | None": ...

    def insert(self, key: K, value: V) -> "V | None": ...

    def remove(self, key: K) -> "V | None": ...

    def contains_key(self, key: K) -> bool: ...

    def len(self) -> int: ...

    def is_empty(self) -> bool: ...

    def items(self) -> "list[tuple[K, V]]": ...

    def keys(self) -> "list[K]": ...

    def values(self) -> "list[V]": ...


class Versioned(Generic[K, V]):
    """A stable map whose records are migrated when they are read."""

    def __init__(self, stored: "StoredMap[K, V]", versions: "Versions[V]") -> None:
        self.stored = stored
        self.versions = versions

    def _read(self, value: "V | None") -> "V | None":
        return None if value is None else self.versions.migrated(value)

    def get(self, key: K) -> "V | None":
        """The record of the key in today's form, or None."""
        return self._read(self.stored.get(key))

    def insert(self, key: K, value: V) -> "V | None":
        """Write a record, stamped with the current version; returns the one it replaces."""
        cast(Any, value)["version"] = self.versions.current
        return self._read(self.stored.insert(key, value))

    def remove(self, key: K) -> "V | None":
        """Take a record out and return it, or None."""
        return self._read(self.stored.remove(key))

    def contains_key(self, key: K) -> bool:
        """Whether the key has a record."""
        return self.stored.contains_key(key)

    def len(self) -> int:
        """The number of records."""
        return self.stored.len()

    def is_empty(self) -> bool:
        """Whether there is no record."""
        return self.stored.is_empty()

    def items(self) -> "list[tuple[K, V]]":
        """All keys with their records; for maps that a limit bounds."""
        return [(key, self.versions.migrated(value)) for key, value in self.stored.items()]

    def keys(self) -> "list[K]":
        """All keys; for maps that a limit bounds."""
        return self.stored.keys()

    def values(self) -> "list[V]":
        """All records; for maps that a limit bounds."""
        return [self.versions.migrated(value) for value in self.stored.values()]
