"""A refusal because of the time, as a sentence about this machine's clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from dcanary.client.errors import ClockError

# Networks say the range that they accept; its lower end is their own time. Ours writes nanoseconds,
# the Internet Computer a date such as `2026-05-01 12:00:00.25 UTC`.
_NETWORK_TIME = re.compile(r"Minimum allowed expiry: (?:(\d{15,20})|([\d-]+ [\d:]+)(\.\d+)? UTC)")


def clock_error(refusal: str, now: float) -> ClockError | None:
    """The error to raise when a network refused a request because of its expiry, else None.

    `now` is this machine's time in seconds since 1970.
    """
    found = _NETWORK_TIME.search(refusal)
    if found is None:
        return None
    if found[1]:
        network = int(found[1]) / 1e9
    else:
        try:
            moment = datetime.strptime(found[2], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            return None
        network = moment.timestamp() + float(found[3] or 0)
    return ClockError(now - network)
