"""The targets of a run: how far each is, and which requests people can decide now."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from dcanary.cli.operations.patience import Patience
from dcanary.cli.operations.watch import ENDED_RUN, POLL_SECONDS, describe, state_of
from dcanary.cli.wording import indented
from dcanary.client.errors import ClientError, RejectedError

if TYPE_CHECKING:
    from dcanary.client.system import System
    from dcanary.client.types.build_executor import Run, TargetStatus

NOTHING: Mapping[str, str] = MappingProxyType({})
DECIDED_ON = ("Approving", "Rejected", "Withdrawn")
"""States of a target that its request decides: a release is of an earlier request."""
CUT = "…"
"""What canisters end a text with that they had no room for."""


def told(one: TargetStatus, taken_back: Mapping[str, str] = NOTHING) -> str:
    """A target, its state, and the record that people look at next."""
    record = one["approval"] if state_of(one) in DECIDED_ON else one["release"] or one["approval"]
    back = taken_back.get(one["release"] or "")
    more = f", taken back by {back}" if back else ""
    return f"{one['target']} {describe(one['state'])}" + (f" ({record}{more})" if record else "")


def taken_back(system: System, found: Run) -> dict[str, str]:
    """Releases of a run that were rolled back since, each with the release that did it.

    The run itself hears no more of a release that was made.
    """
    made = [one["release"] for one in found["targets"] or [] if "Released" in one["state"]]
    back: dict[str, str] = {}
    for name in made:
        try:
            by = None if name is None else system.deployment.get_release(name)["rolled_back_by"]
        except RejectedError:  # Such as of a canister that is stopped: the rest can be shown.
            return back
        if name is not None and by is not None:
            back[name] = by
    return back


def whole_reason(found: Run) -> str | None:
    """The command that shows the whole of a reason which the run keeps the beginning of only."""
    for one in found["targets"] or []:
        why = str(next(iter(one["state"].values())) or "")
        if why.endswith(CUT):
            if one["release"] and why.startswith(f"{one['release']}: "):
                return f"dcanary release show {one['release']}"
            return f"dcanary approval show {one['approval']}" if one["approval"] else None
    return None


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
        now = ", ".join(told(one) for one in found["targets"] or [])
        if now != last:
            progress(f"{run}: {now}")
            last = now
        if requests or state_of(found) in ENDED_RUN:
            return found, requests
        if time.monotonic() > deadline:
            raise ClientError(
                f"{run} has not ended within {timeout:.0f} s: {indented(now)}",
                f"look at it: dcanary run show {run}",
            )
        time.sleep(POLL_SECONDS)
