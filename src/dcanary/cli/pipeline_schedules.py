"""`dcanary pipeline schedules`: what a repository's pipeline starts by the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.paging import rows_of
from dcanary.cli.times import moment

if TYPE_CHECKING:
    from dcanary.client.types.webhook import ScheduleStatus


@click.command()
@click.argument("repository")
@pass_context
def schedules(context: Context, repository: str) -> None:
    """When runs start by the clock: next, and last.

    A schedule stands in the pipeline, under on.schedule. What was missed while the network stood
    still is made up for by one run.
    """
    found = context.system.webhook.get_schedules(repository)
    rows = rows_of(context, found, row_of)
    context.output.table(
        rows,
        ["cron:id", "ref:text:2", "next:id:1", "last:id:3", "run:id", "problem:text:3"],
        "no schedules: give on.schedule in dcanary.yml, then dcanary pipeline update",
    )


def row_of(found: ScheduleStatus) -> dict[str, object]:
    """A schedule for people: its zone beside its expression."""
    schedule = found["schedule"]
    return {
        "cron": f"{schedule['cron']} {schedule['zone']}",
        "ref": schedule["ref"],
        "next": moment(found["next_ns"]) if found["next_ns"] else "never",
        "last": moment(found["last_ns"]) if found["last_ns"] else "",
        "run": found["last_run"] or "",
        "problem": found["problem"] or "",
    }
