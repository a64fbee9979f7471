"""`dcanary run explain`: why a run is as it is, and what to do."""

from __future__ import annotations

import time

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.operations.failures import failure_of
from dcanary.cli.operations.targets import outdated, taken_back, whole_reason
from dcanary.cli.operations.watch import describe
from dcanary.cli.output import Lines
from dcanary.cli.parameters import RUN_ID
from dcanary.cli.waiting import sentences


@click.command()
@click.argument("run_id", type=RUN_ID)
@pass_context
def explain(context: Context, run_id: str) -> None:
    """Why a run is as it is: what it waits for, what failed, what keeps it from its end, and what
    to do."""
    from dcanary.cli.operations.pipeline_checks import problems_of_run
    from dcanary.cli.operations.run_explain import what_to_do

    found = context.system.build_executor.get_run(run_id)
    failure = failure_of(context.system, found)
    back = taken_back(context.system, found)
    # Programs have had the state as a sentence from the beginning.
    state = describe(found["state"]) if context.output.as_json else found["state"]
    shown: dict[str, object] = {"run": run_id, "state": state}
    waiting = sentences(found["waiting_for"], time.time_ns())
    if waiting:
        shown["waiting for"] = Lines(waiting)
    if failure is not None:
        if failure.told:
            shown["why"] = failure.told
        shown["log"] = f"dcanary run log {failure.job}"
    whole = whole_reason(found)
    if whole is not None:
        shown["whole reason"] = whole
    problems = problems_of_run(context.system, found)
    if problems:
        shown["problems"] = Lines(problems)
    shown["what to do"] = what_to_do(found, back, outdated(context.system, found))
    context.output.record(shown, "run")
