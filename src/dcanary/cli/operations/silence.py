"""Why a log holds nothing, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcanary.cli.operations.watch import ENDED_RUN, describe, stage_state, state_of

if TYPE_CHECKING:
    from dcanary.client.types.build_executor import Run


def why_silent(found: Run, what: str) -> str:
    """Why nothing was printed of `what`, a run, a stage or a job: as the run is now."""
    run, _, inside = what.partition("/")
    name = inside.partition("/")[0]
    ended = f"{run} is {describe(found['state'])}"
    stage = next((each for each in found["stages"] if each["name"] == name), None)
    if stage is None:
        return ended if state_of(found) in ENDED_RUN else _not_yet(found, what, "")
    state = stage_state(found, stage)
    if state == "Skipped":
        return f"{what} was skipped, {ended}"
    if state == "Waiting":
        return f"{what} is not built yet: it waits for the stages before it"
    if state in ("Queued", "Building"):
        return _not_yet(found, what, name)
    return f"{what} printed nothing: {name} is {describe(stage['state'])}"


def _not_yet(found: Run, what: str, stage: str) -> str:
    """What the stage waits for, or, without a stage, whatever the run waits for."""
    told = [one["reason"] for one in found["waiting_for"] if not stage or one["stage"] == stage]
    return f"{what} has printed nothing yet" + (f": {told[0]}" if told else "")
