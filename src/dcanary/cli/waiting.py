"""What a run waits for, in sentences, and what changes while it is watched."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dcanary.cli.operations.targets import told
from dcanary.cli.operations.watch import ENDED_RUN, describe, stage_state, state_of
from dcanary.cli.output import cell
from dcanary.cli.times import duration, seconds
from dcanary.cli.wording import in_commands

if TYPE_CHECKING:
    from dcanary.client.types.build_executor import Run, WaitingFor

AGAIN_SECONDS = 60.0
"""How often a watcher is told again what the run still waits for."""
_IMAGE = re.compile(r"the image ([0-9a-f]{64})")
DUE_NS = 5 * 10**9
"""A next try that is past for longer is none: it is not said."""


def reason(one: WaitingFor) -> str:
    """What is waited for, without times: it changes only when something else is waited for."""
    said = in_commands(_IMAGE.sub(_image_called, one["reason"]))
    return f"{one['stage']}: {said}" if one["stage"] else said


def _image_called(found: re.Match[str]) -> str:
    """An image by its name, with the command that builds it where an executor is."""
    from dcanary.image.standard import called

    return f"the image {called(found[1])}"


def sentence(one: WaitingFor, now_ns: int) -> str:
    """What is waited for, since when, and when it is tried again."""
    told = f"{reason(one)} (for {duration(now_ns - one['since_ns'])}"
    if one["next_try_ns"] is not None:
        left = one["next_try_ns"] - now_ns
        if left > 0:
            told += f", next try in {duration(left)}"
        elif left > -DUE_NS:
            told += ", tried again now"
    return f"{told})"


def state_and_reason(found: Run) -> str:
    """The state of a run and the first thing that it waits for, for a line of a list."""
    state = in_commands(describe(found["state"]))
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


def reuses(found: Run) -> list[str]:
    """A line for each stage and earlier run whose result operators used again, instead of
    building."""
    lines = []
    for stage in found["stages"]:
        operators: dict[str, list[str]] = {}
        for each in stage["reused"] or []:
            operators.setdefault(each["run"], []).append(each["operator"])
        lines += [
            f"{stage['name']}: {cell(names)}: the agreed result of {run}"
            for run, names in operators.items()
        ]
    return lines


class Changes:
    """Tells each change of a run once, a line each, and every minute what it still waits for."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        self._progress = progress
        self._told: dict[str, str] = {}
        self._waiting: dict[str, float] = {}

    def look(self, found: Run) -> None:
        """Tell what is new of the run as it is now."""
        run = found["run"]
        self._tell("", f"{run}: {in_commands(describe(found['state']))}")
        for stage in found["stages"]:
            state = stage_state(found, stage)
            if state not in ("Waiting", "Queued", "Skipped"):
                self._tell(f"stage {stage['name']}", f"{run}: {stage['name']} {state}")
            for each in stage["reused"] or []:
                said = f"{each['operator']} used its agreed result of {each['run']} again"
                self._tell(f"{stage['name']} {said}", f"{run}: {stage['name']}: {said}")
        several = found["targets"] or []
        for target in several if len(several) > 1 else []:
            if state_of(target) != "Waiting":
                self._tell(f"target {target['target']}", f"{run}: target {told(target)}")
        now = time.monotonic()
        waiting = {reason(one): one for one in found["waiting_for"]}
        for key in [key for key in self._waiting if key not in waiting]:
            del self._waiting[key]
        for key, one in waiting.items():
            if key not in self._waiting:
                self._progress(f"{run}: waiting: {key}")
            elif now - self._waiting[key] >= AGAIN_SECONDS:
                self._progress(f"{run}: still waiting: {sentence(one, time.time_ns())}")
            else:
                continue
            self._waiting[key] = now

    def _tell(self, what: str, line: str) -> None:
        if self._told.get(what) != line:
            self._told[what] = line
            self._progress(line)
