"""The exceptions of the package."""

from __future__ import annotations


class Error(Exception):
    """Base of all errors raised by this package (as in Kybra)."""


class CandidError(Error):
    """A value or a message does not fit the Candid type it should have."""


class LoadError(Error):
    """The canister's sources use what is not supported, or use it wrongly. Seen at build time."""


class StableMemoryCorrupt(Error):
    """Stable memory does not hold what this package wrote there."""
