"""The targets of a run: how far each is, and which requests people can decide now."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from dcanary.cli.operations.patience import Patience
from dcanary.cli.operations.watch import ENDED_RUN, POLL_SECONDS, describe, state_of
from dcanary.cli.wording import indented
from dcanary.client.errors import ClientError, RefusedError, RejectedError

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
    more = "" if back is None else f", taken back by {back}" if back else ", taken back"
    return f"{one['target']} {describe(one['state'])}" + (f" ({record}{more})" if record else "")


def taken_back(system: System, found: Run) -> dict[str, str]:
    """Releases of a run that were rolled back since, each with the release that did it; with
    nothing where that was done within the release itself, as version 0.1.0 did.

    The run itself hears no more of a release that was made.
    """
    made = [one["release"] for one in found["targets"] or [] if "Released" in one["state"]]
    back: dict[str, str] = {}
    for name in made:
        if name is None:
            continue
        try:
            release = system.deployment.get_release(name)
        except RejectedError:  # Such as of a canister that is stopped: the rest can be shown.
            return back
        by = release["rolled_back_by"]
        if by is not None or "RolledBack" in release["state"]:
            back[name] = by or ""
    return back


def outdated(system: System, found: Run) -> list[str]:
    """The approval requests of a run whose orders are not carried out any more, because their
    targets have changed since people were asked: those that `approval approve` refuses."""
    if not pending(found):
        return []
    from dcanary.cli.orders.stale import changed_since
    from dcanary.cli.orders.target_now import look

    changed = []
    try:
        for name in pending(found):
            asked = system.verification.get_approval(name)
            order = asked["order"]
            if order is None or "Pending" not in asked["state"]:
                continue
            now = look(system, order)
            deployment = system.config.canisters["deployment"]
            if changed_since(order, now.target, deployment, now.module):
                changed.append(name)
    except (RejectedError, RefusedError):  # The run itself can be shown all the same.
        return changed
    return changed


def outdated_of_list(system: System, runs: Sequence[Run]) -> set[str]:
    """Runs of a list with such requests, as far as deployment's books tell: what the network says
    of each canister is asked for one run only."""
    names = {name: found["run"] for found in runs for name in pending(found)}
    if not names:
        return set()
    from dcanary.cli.orders.stale import stale_requests

    try:
        requests = [system.verification.get_approval(name) for name in names]
        return {names[name] for name in stale_requests(system, requests)}
    except (RejectedError, RefusedError):
        return set()


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
