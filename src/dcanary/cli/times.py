"""Moments and durations as people read them."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(nanoseconds: int) -> str:
    """UTC, to the second."""
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def seconds(nanoseconds: int) -> str:
    """A duration in seconds, one decimal."""
    return f"{nanoseconds / 1e9:.1f} s"
