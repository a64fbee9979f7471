"""Moments, durations and sizes as people read them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time

_AGO = re.compile(r"([0-9]{1,6})([smhd])", re.ASCII)
_UNIT_NS = {"s": 10**9, "m": 60 * 10**9, "h": 3_600 * 10**9, "d": 86_400 * 10**9}


def moment(nanoseconds: int) -> str:
    """UTC, to the second."""
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def with_moments(record: Mapping[str, object]) -> dict[str, object]:
    """A record to be read: `received_ns` becomes `received`, in UTC, where it was."""
    shown: dict[str, object] = {}
    for key, value in record.items():
        if key.endswith("_ns") and isinstance(value, int):
            shown[key.removesuffix("_ns")] = moment(value)
        else:
            shown[key] = value
    return shown


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


def moment_of(text: str, now: int) -> int:
    """The moment that a text names, in nanoseconds since 1970; see `parameters.Moment`.

    Raises ValueError.
    """
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now - int(ago[1]) * _UNIT_NS[ago[2]]
    try:
        at = time.fromisoformat(text)
        # Otherwise 10 would be ten o'clock, and 10m ten minutes ago.
        if ":" not in text:
            raise ValueError(f"{text} is no time")
    except ValueError:
        found = datetime.fromisoformat(text)
    else:
        found = datetime.combine(datetime.fromtimestamp(now / 1e9, UTC).date(), at)
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return int(found.timestamp()) * 10**9
