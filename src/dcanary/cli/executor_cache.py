"""`dcanary executor cache`: agreed results that an executor keeps for runs with the same inputs."""

from __future__ import annotations

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.parameters import EXECUTOR_NAME
from dcanary.cli.times import moment


@click.group()
def cache() -> None:
    """List and clear the agreed results that an executor of this machine uses again."""


@cache.command("list")
@click.argument("name", type=EXECUTOR_NAME)
@pass_context
def list_(context: Context, name: str) -> None:
    """List what the executor NAME keeps, used last first."""
    from dcanary.cli.operations.executor import kept_results

    rows = [
        {
            "key": each.key,
            "run": each.run,
            "stage": each.stage,
            "repository": each.repository,
            "ref": each.ref,
            "files": len(each.files),
            "bytes": each.size,
            "made": moment(int(each.made * 10**9)),
            "used": moment(int(each.used * 10**9)),
        }
        for each in kept_results(context.executors_dir / name).all()
    ]
    columns = [
        "key:hash",
        "run:id",
        "stage:id:1",
        "repository:text:2",
        "ref:ref:3",
        "bytes:id:4",
        "used:id:5",
    ]
    context.output.table(rows, columns, f"{name} keeps no results")


@cache.command()
@click.argument("name", type=EXECUTOR_NAME)
@pass_context
def clear(context: Context, name: str) -> None:
    """Remove all results that the executor NAME keeps: it builds the next runs. It may run."""
    from dcanary.cli.operations.executor import kept_results

    count, freed = kept_results(context.executors_dir / name).clear()
    context.output.record({"executor": name, "results": count, "bytes": freed}, "results")
