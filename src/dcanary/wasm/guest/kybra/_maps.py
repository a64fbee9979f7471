"""StableBTreeMap: an ordered map in stable memory (kept over upgrades)."""

from __future__ import annotations

import sys
from typing import Any

from ._annotations import to_type
from ._btree import Tree
from ._decode import ArgsDecoder
from ._encode import ArgsEncoder
from ._errors import CandidError, Error, LoadError, StableMemoryCorrupt
from ._keys import key_codec
from ._runtime import declared, state
from ._stable import MapEntry, Stable, created, damaged, opened
from ._types import type_name

MAX_MEMORY_ID = 253
"""Kybra's limit (254 and 255 are its own)."""
MAX_SIZE = (1 << 31) - 1


class StableBTreeMap:
    """`StableBTreeMap[K, V](memory_id=…, max_key_size=…, max_value_size=…)` at module level.

    Sizes are those of the Candid encoding in bytes, header included, as in Kybra. Entries take the
    space they need, not the maximum. Keys are in the order of `_keys`. A value is stored with the
    description of its type and read as today's V, so a record may gain Opt fields at an upgrade;
    the type of the keys must stay.

    The constructor only records its arguments; stable memory is first touched by a method.
    """

    def __class_getitem__(cls, types: Any) -> Any:
        if not isinstance(types, tuple) or len(types) != 2:
            raise LoadError("StableBTreeMap[…] takes two types: of the keys and of the values")
        return _Typed(types[0], types[1], sys._getframe(1).f_globals)

    def __init__(self, memory_id: int, max_key_size: int, max_value_size: int) -> None:
        raise LoadError(
            "StableBTreeMap needs its types: StableBTreeMap[K, V](memory_id=…, max_key_size=…, "
            "max_value_size=…)"
        )

    def _declare(
        self,
        types: _Typed,
        memory_id: int,
        max_key_size: int,
        max_value_size: int,
    ) -> None:
        if not isinstance(memory_id, int) or not 0 <= memory_id <= MAX_MEMORY_ID:
            raise LoadError(f"memory_id is 0 to {MAX_MEMORY_ID}, not {memory_id!r}")
        for name, size in (("max_key_size", max_key_size), ("max_value_size", max_value_size)):
            if not isinstance(size, int) or not 0 < size <= MAX_SIZE:
                raise LoadError(f"memory_id={memory_id}: {name} is 1 to {MAX_SIZE}, not {size!r}")
        self.memory_id = memory_id
        self._types = types
        self._max_key_size = max_key_size
        self._max_value_size = max_value_size
        self._ready = False
        self._seen: Stable | None = None
        """The opened memory that `_tree` and `_decoders` belong to."""
        self._tree: Tree | None = None
        self._decoders: dict[int, Any] = {}
        declared.maps.append(self)

    def _prepare(self) -> None:
        """Resolve the types, which may be defined after the map."""
        try:
            key = to_type(self._types.key, self._types.namespace)
            value = to_type(self._types.value, self._types.namespace)
            self._encode_key, self._decode_key = key_codec(key)
        except (LoadError, CandidError) as error:
            raise LoadError(
                f"StableBTreeMap with memory_id={self.memory_id} in "
                f"{self._types.namespace.get('__name__')}: {error}"
            ) from None
        self._key_candid = ArgsEncoder([key])
        self._value_candid = ArgsEncoder([value])
        self._decode_value = ArgsDecoder([value])
        self._decode_own = self._decode_value.single(self._value_candid.header)
        # Up to this many bytes the Candid form cannot be longer than the limit (see `_keys`).
        header = len(self._key_candid.header)
        self._surely_short = (self._max_key_size - header - 16) * 7 // 8
        self._ready = True

    def _check(self) -> None:
        """Raise if stable memory does not fit this map."""
        self._open()

    def _open(self) -> Tree | None:
        """The tree, None when the map was never written."""
        stable: Stable | None = state.stable
        if stable is not None and stable is self._seen:
            return self._tree
        stable = opened()
        if stable is None:
            return None
        entry = stable.entry(self.memory_id)
        if entry is None:
            return None
        self._check_key_type(stable, entry)
        return self._remember(Tree(stable, entry))

    def _remember(self, tree: Tree) -> Tree:
        self._seen, self._tree, self._decoders = tree.stable, tree, {}
        return tree

    def _check_key_type(self, stable: Stable, entry: MapEntry) -> None:
        if not self._ready:
            raise RuntimeError("a StableBTreeMap must be made while the canister's modules load")
        if stable.schema(entry.key_schema) != self._key_candid.header:
            raise damaged(
                f"the keys of memory_id={self.memory_id} were stored with another type than "
                f"{type_name(self._key_candid.types[0])}; the type of the keys cannot change, use "
                "another memory_id and copy"
            )

    def _create(self) -> Tree:
        tree = self._open()
        if tree is None:
            if not self._ready:
                raise RuntimeError(
                    "a StableBTreeMap must be made while the canister's modules load"
                )
            stable = created()
            entry = MapEntry(self.memory_id)
            entry.key_schema = stable.add_schema(self._key_candid.header)
            entry.value_schema = stable.add_schema(self._value_candid.header)
            tree = self._remember(Tree(stable, entry))
        return tree

    def _key(self, key: Any) -> bytes:
        try:
            return self._encode_key(key)
        except Exception:
            self._key_candid([key])  # names what is wrong
            raise

    def _check_key_size(self, key: Any, raw: bytes) -> None:
        if len(raw) > self._surely_short:
            size = len(self._key_candid([key]))
            if size > self._max_key_size:
                raise Error(
                    f"key too large for the StableBTreeMap with memory_id={self.memory_id}: "
                    f"{size} bytes, max_key_size is {self._max_key_size}"
                )

    def _value(self, tree: Tree, found: tuple[int, bytes]) -> Any:
        schema, body = found
        try:
            decode = self._decoders.get(schema)
            if decode is None:
                head = tree.stable.schema(schema)
                if head == self._value_candid.header:
                    decode = self._decode_own
                else:
                    decode = self._decode_value.single(head)
                self._decoders[schema] = decode
            return decode(body)
        except CandidError as error:
            raise StableMemoryCorrupt(
                f"a value of memory_id={self.memory_id} cannot be read as "
                f"{type_name(self._value_candid.types[0])}: {error}"
            ) from None

    def contains_key(self, key: Any) -> bool:
        """Whether the key is there."""
        raw = self._key(key)
        tree = self._open()
        return tree is not None and tree.contains(raw)

    def get(self, key: Any) -> Any:
        """The value of the key, or None."""
        raw = self._key(key)
        tree = self._open()
        if tree is None:
            return None
        found = tree.get(raw)
        return None if found is None else self._value(tree, found)

    def insert(self, key: Any, value: Any) -> Any:
        """Set the value of the key; returns the value it had, or None.

        Raises Error (the canister traps) when key or value exceed their maximum size.
        """
        header = self._value_candid.header
        body = self._value_candid.body(value)
        if len(header) + len(body) > self._max_value_size:
            raise Error(
                f"value too large for the StableBTreeMap with memory_id={self.memory_id}: "
                f"{len(header) + len(body)} bytes, max_value_size is {self._max_value_size}"
            )
        raw = self._key(key)
        self._check_key_size(key, raw)
        tree = self._create()
        entry = tree.entry
        if tree.stable.schema(entry.value_schema) != header:
            entry.value_schema = tree.stable.add_schema(header)
            tree.stable.write_entry(entry)
        old = tree.insert(raw, entry.value_schema, body)
        return None if old is None else self._value(tree, old)

    def remove(self, key: Any) -> Any:
        """Take the key out; returns the value it had, or None."""
        raw = self._key(key)
        tree = self._open()
        if tree is None:
            return None
        old = tree.remove(raw)
        return None if old is None else self._value(tree, old)

    def is_empty(self) -> bool:
        """Whether there is no entry."""
        return self.len() == 0

    def len(self) -> int:
        """The number of entries."""
        tree = self._open()
        return 0 if tree is None else tree.entry.count

    def items(self) -> list[tuple[Any, Any]]:
        """All (key, value), in key order."""
        tree = self._open()
        if tree is None:
            return []
        return [
            (self._decode_key(key), self._value(tree, (schema, body)))
            for key, schema, body in tree.scan()
        ]

    def keys(self) -> list[Any]:
        """All keys, in order."""
        tree = self._open()
        return [] if tree is None else [self._decode_key(key) for key in tree.scan_keys()]

    def values(self) -> list[Any]:
        """All values, in key order."""
        tree = self._open()
        if tree is None:
            return []
        return [self._value(tree, (schema, body)) for _, schema, body in tree.scan()]


class _Typed:
    """`StableBTreeMap[K, V]`, waiting for its arguments."""

    __slots__ = ("key", "namespace", "value")

    def __init__(self, key: Any, value: Any, namespace: dict[str, Any]) -> None:
        self.key = key
        self.value = value
        self.namespace = namespace

    def __call__(self, memory_id: int, max_key_size: int, max_value_size: int) -> StableBTreeMap:
        made = StableBTreeMap.__new__(StableBTreeMap)
        made._declare(self, memory_id, max_key_size, max_value_size)
        return made
