"""`dcanary usage`: what jobs used, day by day."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.parameters import NAME, OPERATOR
from dcanary.cli.times import moment, seconds, size

if TYPE_CHECKING:
    from dcanary.client.types.build_executor import UsageDay, UsageOf

_DAY_SECONDS = 86_400
_COLUMNS = (
    "day:id",
    "jobs:id",
    "time:id:1",
    "CPU time:id:2",
    "most memory:id:3",
    "most storage:id:4",
    "fetched:id:5",
)


@click.command()
@click.option("--repository", type=NAME, help="Of the jobs for this repository.")
@click.option("--operator", type=OPERATOR, help="Of the jobs by executors of this operator.")
@click.option(
    "--days",
    type=click.IntRange(1, 3_660),
    default=30,
    show_default=True,
    help="So many days, in UTC, with today.",
)
@pass_context
def usage(context: Context, repository: str | None, operator: str | None, days: int) -> None:
    """What jobs used, day by day: time, CPU time, the most memory and storage of one job.

    As executors measured it: claims, on which they need not agree. `run show RUN --usage` shows
    single jobs.
    """
    from dcanary.cli.operations.usage import recent_days

    of: UsageOf
    if repository is not None and operator is None:
        of = {"Repository": repository}
    elif operator is not None and repository is None:
        of = {"Operator": operator}
    else:
        raise click.UsageError("name either --repository or --operator")
    since = int(time.time()) // _DAY_SECONDS - days + 1
    found = recent_days(context.system, of, since)
    rows = [{"day": date(each), **line_of_day(each)} for each in found]
    if context.output.as_json:
        rows = [{"date": date(each), **each} for each in found]
    context.output.table(rows, _COLUMNS, f"no job was committed in the last {days} days")
    if len(found) > 1:
        context.output.say(_together(found))


def date(day: UsageDay) -> str:
    """The day as people write it: 2026-11-27."""
    return moment(day["day"] * _DAY_SECONDS * 1_000_000_000)[:10]


def line_of_day(day: UsageDay) -> dict[str, object]:
    """What was used on a day as a row."""
    return {
        "jobs": day["jobs"],
        "time": seconds(day["wall_ns"]),
        "CPU time": seconds(day["cpu_ns"]),
        "most memory": size(day["peak_memory_bytes"]),
        "most storage": size(day["storage_bytes"]),
        "fetched": size(day["fetched_bytes"]),
    }


def _together(days: list[UsageDay]) -> str:
    jobs = sum(day["jobs"] for day in days)
    return (
        f"together {jobs} jobs, {seconds(sum(day['wall_ns'] for day in days))}, CPU time "
        f"{seconds(sum(day['cpu_ns'] for day in days))}, fetched "
        f"{size(sum(day['fetched_bytes'] for day in days))}"
    )
