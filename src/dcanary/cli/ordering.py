"""The fields of a record in the order in which people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def in_order(record: Mapping[str, object], first: Sequence[str]) -> dict[str, object]:
    """A record with the fields of `first` before all others.

    Candid orders fields by the hashes of their names, which says nothing to anybody.
    """
    return {**{key: record[key] for key in first if key in record}, **record}
