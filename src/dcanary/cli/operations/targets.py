"""The targets of a run: how far each is, and which requests people can decide now."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from dcanary.cli.display import harmless
from dcanary.cli.operations.patience import Patience
from dcanary.cli.operations.watch import ENDED_RUN, POLL_SECONDS, describe, state_of
from dcanary.client.errors import ClientError

if TYPE_CHECKING:
    from dcanary.client.system import System
    from dcanary.client.types.build_executor import Run, TargetStatus


def told(one: TargetStatus) -> str:
    """A target, its state, and the record that people look at next."""
    record = one["release"] or one["approval"]
    return f"{one['target']} {describe(one['state'])}" + (f" ({record})" if record else "")


def pending(found: Run) -> list[str]:
    """The approval requests of a run that wait for people, in the order of its targets."""
    return [
        one["approval"]
        for one in found["targets"] or []
        if "Approving" in one["state"] and one["approval"] is not None
    ]


def waiting(found: Run) -> list[str]:
    """The targets that are asked about later."""
    return [one["target"] for one in found["targets"] or [] if "Waiting" in one["state"]]


def follow(
    system: System,
    run: str,
    timeout: float,
    progress: Callable[[str], None],
    decided: set[str],
) -> tuple[Run, list[str]]:
    """The run when it asks for something besides what was `decided`, with those requests; or when
    it has ended, with none. Each step of its targets is told, the last one too.

    Raises ClientError after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    patience = Patience(progress, deadline)
    last = ""
    while True:
        found = patience(lambda: system.build_executor.get_run(run))
        requests = [one for one in pending(found) if one not in decided]
        now = harmless(", ".join(told(one) for one in found["targets"] or []))
        if now != last:
            progress(f"{run}: {now}")
            last = now
        if requests or state_of(found) in ENDED_RUN:
            return found, requests
        if time.monotonic() > deadline:
            raise ClientError(
                f"{run} has not ended within {timeout:.0f} s: {now}",
                f"look at it: dcanary run show {run}",
            )
        time.sleep(POLL_SECONDS)
