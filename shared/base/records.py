"""Records that every canister keeps in its stable maps, and the part of a map that rules need."""

from typing import Protocol, TypeVar

from kybra import Record, nat16, nat32, nat64, text

from shared.types.access import Siblings

K = TypeVar("K", contravariant=True)
V = TypeVar("V")


class Wiring(Record):
    """Stored once, under key 0 of its map."""

    version: nat16
    siblings: Siblings


class Outgoing(Record):
    """A message that must arrive (see `shared.base.outbox`).

    `due_ns`: not to be sent before. `generation` grows when the message changes while it is open.
    """

    version: nat16
    generation: nat32
    attempts: nat32
    due_ns: nat64
    last_error: text


class Lookup(Protocol[K, V]):
    """The part of a StableBTreeMap whose cost does not grow with the number of records."""

    def get(self, key: K) -> "V | None": ...

    def insert(self, key: K, value: V) -> "V | None": ...

    def remove(self, key: K) -> "V | None": ...

    def contains_key(self, key: K) -> bool: ...

    def len(self) -> int: ...


class OutgoingMap(Lookup[str, Outgoing], Protocol):
    """A map of open messages: bounded, so that it may be scanned."""

    def items(self) -> "list[tuple[str, Outgoing]]": ...


class TextMap(Lookup[str, str], Protocol):
    """A map of grants: bounded by MAX_GRANTS, so that it may be scanned."""

    def keys(self) -> "list[str]": ...


class TotalsMap(Lookup[str, int], Protocol):
    """A map with one number per method: bounded by the number of methods."""

    def items(self) -> "list[tuple[str, int]]": ...

    def values(self) -> "list[int]": ...
