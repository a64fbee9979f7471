"""`dcanary queue`: what waits for executors, and what is at work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.operations.watch import describe
from dcanary.cli.paging import page, paged, show
from dcanary.cli.times import moment

if TYPE_CHECKING:
    from dcanary.client.types.build_executor import QueuedStage

COLUMNS = (
    "stage:id",
    "state:state:1",
    "waiting:id:2",
    "at work:id:2",
    "done:id:4",
    "opened:id:3",
    "repository:text:5",
)


@click.command()
@paged
@pass_context
def queue(context: Context, limit: int, cursor: str | None) -> None:
    """Stages that are open: jobs that wait for executors, are at work, and are done."""
    found = context.system.build_executor.queue_status(page(limit, cursor))
    if context.output.as_json:
        context.output.json(found)
        return
    rows = [line_of(one) for one in found["stages"]]
    show(context, found["next"], rows, COLUMNS, "no stage waits and none is at work")
    stages = found["open_stages"]
    context.output.say(
        f"{found['runs']} of at most {found['most_runs']} runs are open, with {stages} open "
        f"{'stage' if stages == 1 else 'stages'}; {found['executors']} executors are registered "
        "(dcanary executor list)"
    )


def line_of(one: QueuedStage) -> dict[str, object]:
    """An open stage as a row."""
    opened = one["opened_ns"]
    return {
        **one,
        "stage": f"{one['run']}/{one['stage']}",
        "state": describe(one["state"]),
        "at work": one["at_work"],
        "opened": None if opened is None else moment(opened),
    }
