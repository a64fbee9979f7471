"""A dependency that was brought, for what lays it out: without what downloads it."""

from __future__ import annotations

from dataclasses import dataclass

from dcanary.fetch.pinned import Pinned
from dcanary.objects import Object


@dataclass(frozen=True)
class Brought:
    """A pinned dependency whose bytes are in the store."""

    pin: Pinned
    found: Object
