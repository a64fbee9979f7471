"""What an answer of a forge means for a report: posted, to be tried again, or refused. Pure rules.

| answer | what follows |
|---|---|
| 2xx | posted |
| 403 or 429 with `Retry-After`, or with no requests left until a given time | tried again then |
| 429 without either | tried again after a minute |
| 401, 403, 404, a redirect | a person has to do something: tried again after 30 s, up to 15 min |
| 408, 5xx, none | weather: tried again after 2 s, up to 5 min |
| any other | refused, with the forge's reason |
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

SHORT = (2.0, 300.0)
LONG = (30.0, 900.0)
"""First and longest wait between two tries, in seconds."""
UNTOLD_LIMIT_SECONDS = 60.0
MAX_REASON_CHARS = 300
GIVE_UP_SECONDS = 24 * 3_600.0
"""A report this old is not tried again: nobody waits for the status of yesterday's commit."""

HINTS = {
    401: "the token is wrong or has expired",
    403: "the token may not post statuses there",
    404: "there is no such repository, or the token may not see it",
}


@dataclass(frozen=True)
class Outcome:
    """`wait` is in seconds, the first and the longest; it is doubled with each failed try. `until`
    is what the forge said instead. It counts for all reports with the same token with `of_token`,
    and for all of the same forge with `of_host`. `late`: the lease has to be renewed first.
    """

    kind: Literal["posted", "again", "refused", "late"]
    reason: str = ""
    wait: tuple[float, float] = SHORT
    until: float | None = None
    of_token: bool = False
    of_host: bool = False


def outcome_of(status: int, headers: Mapping[str, str], body: str, now: float) -> Outcome:
    """What an answer means; `headers` are named in lower case, `now` is in seconds since 1970."""
    if 200 <= status < 300:
        return Outcome("posted")
    reason = reason_of(status, body)
    if status in (403, 429):
        until = limited_until(headers, now)
        if until is None and status == 429:
            until = now + UNTOLD_LIMIT_SECONDS
        if until is not None:
            return Outcome("again", f"{reason}: rate limit", until=until, of_token=True)
    if status == 401:
        return Outcome("again", reason, wait=LONG, of_token=True)
    if status in (403, 404):
        return Outcome("again", reason, wait=LONG)
    if 300 <= status < 400:
        where = headers.get("location", "elsewhere")
        return Outcome("again", f"{reason}: the repository has moved to {where}", wait=LONG)
    if status == 408 or status >= 500:
        return Outcome("again", reason)
    return Outcome("refused", reason)


def no_answer(error: Exception) -> Outcome:
    """When the forge was not reached, or said nothing in time."""
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return Outcome("again", f"no answer: {said}"[:MAX_REASON_CHARS], of_host=True)


def limited_until(headers: Mapping[str, str], now: float) -> float | None:
    """When requests are taken again, if the answer is about a limit; at most a day ahead."""
    after = headers.get("retry-after", "")
    until: float | None = None
    if after.isascii() and after.isdigit():
        until = now + int(after[:9])
    elif after:
        try:
            until = parsedate_to_datetime(after).astimezone(UTC).timestamp()
        except ValueError:
            until = None
    if until is None:
        for prefix in ("x-ratelimit", "ratelimit"):
            reset = headers.get(f"{prefix}-reset", "")
            if headers.get(f"{prefix}-remaining") == "0" and reset.isascii() and reset.isdigit():
                until = float(reset[:12])
                break
    return None if until is None else min(max(until, now + 1), now + GIVE_UP_SECONDS)


def reason_of(status: int, body: str) -> str:
    """The forge's own words, its number first, and what to look at."""
    said = body
    try:
        value = json.loads(body)
        inner = value.get("message") or value.get("error")
        if isinstance(inner, dict):
            inner = inner.get("message")
        said = str(inner or body)
    except (ValueError, AttributeError):
        pass
    said = " ".join("".join(c if c.isprintable() else " " for c in said[:500]).split())
    hint = HINTS.get(status)
    parts = [f"HTTP {status}"]
    if said:
        parts.append(said)
    text = " ".join(parts)
    return f"{text} ({hint})"[:MAX_REASON_CHARS] if hint else text[:MAX_REASON_CHARS]


def wait_seconds(outcome: Outcome, attempts: int, now: float, jitter: float) -> float:
    """How long to wait after so many failed tries (from 1); `jitter` is from 0 to 1."""
    if outcome.until is not None:
        return outcome.until - now + jitter
    first, longest = outcome.wait
    grown = min(longest, first * float(2 ** min(attempts - 1, 16)))
    return grown * (0.75 + 0.5 * jitter)


def clock_text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%SZ")
