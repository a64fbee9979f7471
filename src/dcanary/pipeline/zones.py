"""Time zones by the rule that they have now, from this machine's database."""

from functools import cache
from importlib import resources
from pathlib import Path
from zoneinfo import TZPATH, available_timezones

UTC = "UTC"


@cache
def rule_of(zone: str) -> str:
    """How a zone's clocks go from now on, as POSIX writes it. Source: RFC 9636, 3.3 (footer).

    Raises ValueError for a zone that this machine does not know.
    """
    if zone == UTC:
        return "UTC0"
    if zone not in available_timezones():
        raise ValueError(
            f"this machine knows no time zone {zone[:64]!r}: write UTC, or a name such as "
            "Europe/Berlin (is the package tzdata installed?)"
        )
    lines = _file(zone).rstrip(b"\n").rsplit(b"\n", 1)
    if len(lines) != 2 or not lines[1].isascii():
        raise ValueError(f"the time zone {zone} has no rule for times to come: write UTC")
    return lines[1].decode()


def _file(zone: str) -> bytes:
    for folder in TZPATH:
        file = Path(folder) / zone
        if file.is_file():
            return file.read_bytes()
    return resources.files("tzdata.zoneinfo").joinpath(*zone.split("/")).read_bytes()
