"""Moments, durations and sizes as people read them."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(nanoseconds: int) -> str:
    """UTC, to the second."""
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def seconds(nanoseconds: int) -> str:
    """A duration in seconds, one decimal."""
    return f"{nanoseconds / 1e9:.1f} s"


def size(count: int) -> str:
    """A number of bytes in the unit that says enough: `812 B`, `3.4 MiB`, `1.2 GiB`."""
    if count < 1_024:
        return f"{count} B"
    number = float(count)
    for unit in ("KiB", "MiB", "GiB"):
        number /= 1_024
        if number < 1_024:
            return f"{number:.1f} {unit}"
    return f"{number / 1_024:,.1f} TiB"


def duration(nanoseconds: int) -> str:
    """A duration in the unit that says enough, whole numbers: `40 s`, `3 min`, `2 h`, `5 days`."""
    whole = max(0, round(nanoseconds / 1e9))
    for unit, length, until in (("s", 1, 120), ("min", 60, 7_200), ("h", 3_600, 172_800)):
        if whole < until:
            return f"{whole // length} {unit}"
    return f"{whole // 86_400} days"
