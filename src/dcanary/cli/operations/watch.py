"""Waiting for a run or a release to end, telling what changes on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from dcanary.client.errors import ClientError
from dcanary.client.system import System

ENDED_RUN = ("Succeeded", "Failed", "Disagreed", "Inconclusive", "Cancelled")
ENDED_RELEASE = ("Succeeded", "Failed", "RolledBack")
POLL_SECONDS = 0.3

Progress = Callable[[str], None]


class Ended(ClientError):
    """What was waited for ended, but not well."""


def state_of(record: dict[str, Any]) -> str:
    """The case of a record's state."""
    return str(next(iter(record["state"])))


def describe(state: dict[str, Any]) -> str:
    ((case, text),) = state.items()
    return f"{case}: {text}" if text else str(case)


def wait_for_run(system: System, run: str, timeout: float, progress: Progress) -> dict[str, Any]:
    """The run when it has ended, whatever the end. Raises ClientError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    last = ""
    while True:
        found: dict[str, Any] = system.build_executor.ask("get_run", run)
        now = "; ".join(
            [describe(found["state"])]
            + [f"{stage['name']} {describe(stage['state'])}" for stage in found["stages"]]
        )
        if now != last:
            progress(f"{run}: {now}")
            last = now
        if state_of(found) in ENDED_RUN:
            return found
        if time.monotonic() > deadline:
            raise ClientError(f"{run} has not ended within {timeout:.0f} s: it is {now}")
        time.sleep(POLL_SECONDS)


def wait_for_release(
    system: System, release: str, timeout: float, progress: Progress
) -> dict[str, Any]:
    """The release when it has ended well. Raises Ended when it failed."""
    deadline = time.monotonic() + timeout
    last = ""
    while True:
        found: dict[str, Any] = system.deployment.ask("get_release", release)
        now = describe(found["state"])
        if now != last:
            progress(f"{release}: {now}")
            last = now
        state = state_of(found)
        if state == "Failed":
            raise Ended(f"{release} failed: {found['state']['Failed']}")
        if state in ENDED_RELEASE:
            return found
        if time.monotonic() > deadline:
            raise ClientError(f"{release} has not ended within {timeout:.0f} s: it is {now}")
        time.sleep(POLL_SECONDS)
