"""Waiting for a run or a release to end, telling what changes on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from dcanary.cli.operations.patience import Patience
from dcanary.cli.wording import case_and_text, indented
from dcanary.client.errors import ClientError

if TYPE_CHECKING:
    from dcanary.client.system import System
    from dcanary.client.types.build_executor import Run, StageStatus
    from dcanary.client.types.deployment import Release

ENDED_RUN = ("Succeeded", "Failed", "Disagreed", "Inconclusive", "Rejected", "Cancelled")
BUILT_RUN = ("Approving", "Releasing", "Succeeded")
"""Its bytes are agreed on; the rest is up to people and the release."""
ENDED_RELEASE = ("Succeeded", "Failed", "ConcurrentChange", "Cancelled", "RolledBack")
POLL_SECONDS = 0.3

Progress = Callable[[str], None]


class Ended(ClientError):
    """What was waited for ended, but not well."""

    error = "ended"


def state_of(record: Mapping[str, object]) -> str:
    """The case of a record's state."""
    state = record["state"]
    assert isinstance(state, Mapping)
    return str(next(iter(state)))


def describe(state: Mapping[str, object]) -> str:
    """A variant in a sentence: its case, and its text where it has one."""
    ((case, text),) = state.items()
    return case_and_text(str(case), str(text or ""))


def stage_state(found: Run, stage: StageStatus) -> str:
    """The case of a stage's state, as people read it.

    `Building` is a stage that may be built; while the run is queued nobody is at it yet.
    """
    state = state_of(stage)
    return "Queued" if state == "Building" and state_of(found) == "Queued" else state


def wait_for_run(
    system: System,
    run: str,
    timeout: float,
    progress: Progress,
    look: Callable[[Run], None] = lambda _: None,
) -> Run:
    """The run when it has ended, whatever the end, or when people are asked to approve it.

    `look` is given the run each time that it was asked for before. Raises ClientError after
    `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    patience = Patience(progress, deadline)
    while True:
        found = patience(lambda: system.build_executor.get_run(run))
        if state_of(found) in (*ENDED_RUN, "Approving"):
            return found
        look(found)
        if time.monotonic() > deadline:
            raise ClientError(f"{run} has not ended within {timeout:.0f} s: it is {_now(found)}")
        time.sleep(POLL_SECONDS)


def wait_for_cancel(system: System, run: str, timeout: float, progress: Progress) -> Run:
    """The run when it is Cancelled, which waits until its approval request is withdrawn.

    Raises Ended when the request was decided before, and ClientError after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    patience = Patience(progress, deadline, answered=True)
    told = False
    while True:
        found = patience(lambda: system.build_executor.get_run(run))
        state = state_of(found)
        if state == "Cancelled":
            return found
        if state == "Releasing" or state in ENDED_RUN:
            raise Ended(f"{run} was decided before it could be cancelled: {_now(found)}")
        if time.monotonic() > deadline:
            raise ClientError(f"{run} is not cancelled within {timeout:.0f} s: it is {_now(found)}")
        if not told:
            progress(f"{run}: its approval request is withdrawn first")
            told = True
        time.sleep(POLL_SECONDS)


def _now(found: Run) -> str:
    """State, stages and reasons of waiting, without times: it differs when something changed."""
    parts = [describe(found["state"])]
    for stage in found["stages"]:
        queued = stage_state(found, stage) == "Queued"
        parts.append(f"{stage['name']} {'Queued' if queued else describe(stage['state'])}")
    for one in found["waiting_for"]:
        about = f"{one['stage']}: " if one["stage"] else ""
        parts.append(f"waiting: {about}{one['reason']}")
    return indented("; ".join(parts))


def wait_for_release(
    system: System, release: str, timeout: float, progress: Progress, begun: bool = False
) -> Release:
    """The release when it has ended well. Raises Ended when it failed.

    `begun` says that this command has begun it: the network has answered already.
    """
    deadline = time.monotonic() + timeout
    patience = Patience(progress, deadline, answered=begun)
    last = ""
    while True:
        found = patience(lambda: system.deployment.get_release(release))
        now = indented(describe(found["state"]))
        if now != last:
            progress(f"{release}: {now}")
            last = now
        state = state_of(found)
        if state in ("Failed", "ConcurrentChange", "Cancelled"):
            raise Ended(f"{release} has ended: {now}")
        if state in ENDED_RELEASE:
            return found
        if time.monotonic() > deadline:
            raise ClientError(f"{release} has not ended within {timeout:.0f} s: it is {now}")
        time.sleep(POLL_SECONDS)
