"""Sizes and durations as people write them: `2GiB`, `500KB`, `10m`, `24h`."""

import re

_SIZE_UNITS = {
    "": 1,
    "B": 1,
    "KB": 1_000,
    "MB": 1_000**2,
    "GB": 1_000**3,
    "KiB": 1_024,
    "MiB": 1_024**2,
    "GiB": 1_024**3,
}
_DURATION_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SIZE = re.compile(r"([0-9]{1,18})\s?([A-Za-z]*)", re.ASCII)
_DURATION = re.compile(r"([0-9]{1,12})([smhd])", re.ASCII)


def parse_size(text: str) -> int:
    """Bytes of `<number><unit>`; units B, KB, MB, GB (1000) and KiB, MiB, GiB (1024).

    Raises ValueError with a sentence that says what is accepted.
    """
    match = _SIZE.fullmatch(text)
    if match is None or match[2] not in _SIZE_UNITS:
        raise ValueError("must be a size such as 512KiB, 2MiB or 1GiB")
    return int(match[1]) * _SIZE_UNITS[match[2]]


def format_size(size: int) -> str:
    """The shortest exact text that `parse_size` reads back as `size` bytes (>= 0)."""
    if size < 0:
        raise ValueError("a size is not negative")
    for unit in ("GiB", "MiB", "KiB"):
        if size and size % _SIZE_UNITS[unit] == 0:
            return f"{size // _SIZE_UNITS[unit]}{unit}"
    return f"{size}B"


def parse_duration(text: str) -> int:
    """Seconds of one or more `<number><unit>` parts, largest first: `90s`, `10m`, `1h30m`, `2d`.

    Raises ValueError with a sentence that says what is accepted.
    """
    total, position, previous = 0, 0, 0
    while position < len(text):
        match = _DURATION.match(text, position)
        unit = _DURATION_UNITS[match[2]] if match else 0
        if match is None or (previous and unit >= previous):
            raise ValueError("must be a duration such as 90s, 10m, 1h30m or 2d")
        total += int(match[1]) * unit
        position, previous = match.end(), unit
    if not text:
        raise ValueError("must be a duration such as 90s, 10m, 1h30m or 2d")
    return total


def format_duration(seconds: int) -> str:
    """The text that `parse_duration` reads back as `seconds` (>= 0): `1h30m`."""
    if seconds < 0:
        raise ValueError("a duration is not negative")
    if seconds == 0:
        return "0s"
    text = ""
    for unit in ("d", "h", "m", "s"):
        count, seconds = divmod(seconds, _DURATION_UNITS[unit])
        if count:
            text += f"{count}{unit}"
    return text
