"""Moments and durations as people read them."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(nanoseconds: int) -> str:
    """UTC, to the second."""
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def seconds(nanoseconds: int) -> str:
    """A duration in seconds, one decimal."""
    return f"{nanoseconds / 1e9:.1f} s"


def duration(nanoseconds: int) -> str:
    """A duration in the unit that says enough, whole numbers: `40 s`, `3 min`, `2 h`, `5 days`."""
    whole = max(0, round(nanoseconds / 1e9))
    for unit, length, until in (("s", 1, 120), ("min", 60, 7_200), ("h", 3_600, 172_800)):
        if whole < until:
            return f"{whole // length} {unit}"
    return f"{whole // 86_400} days"
