"""What a run waits for, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dcanary.cli.operations.watch import ENDED_RUN, describe, state_of
from dcanary.cli.times import duration, seconds

if TYPE_CHECKING:
    from dcanary.client.types.build_executor import Run, WaitingFor


def reason(one: WaitingFor) -> str:
    """What is waited for, without times: it changes only when something else is waited for."""
    return f"{one['stage']}: {one['reason']}" if one["stage"] else one["reason"]


def sentence(one: WaitingFor, now_ns: int) -> str:
    """What is waited for, since when, and when it is tried again."""
    told = f"{reason(one)} (for {duration(now_ns - one['since_ns'])}"
    if one["next_try_ns"] is not None:
        left = one["next_try_ns"] - now_ns
        told += f", next try in {duration(left)}" if left > 0 else ", tried again now"
    return f"{told})"


def state_and_reason(found: Run) -> str:
    """The state of a run and the first thing that it waits for, for a line of a list."""
    state = describe(found["state"])
    waiting = found["waiting_for"]
    if not waiting or state_of(found) in ENDED_RUN:
        return state
    more = f" (and {len(waiting) - 1} more)" if len(waiting) > 1 else ""
    return f"{state}: {reason(waiting[0])}{more}"


def took(found: Run, now_ns: int) -> str:
    """How long a run took, or how long it has been there."""
    if state_of(found) in ENDED_RUN:
        return seconds(found["updated_ns"] - found["created_ns"])
    return f"{duration(now_ns - found['created_ns'])} so far"


def sentences(waiting: Sequence[WaitingFor], now_ns: int) -> list[str]:
    """A sentence for each, the oldest first."""
    return [sentence(one, now_ns) for one in sorted(waiting, key=lambda one: one["since_ns"])]
