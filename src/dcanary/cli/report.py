"""`dcanary report`: what the outside is told of runs, and how far it was told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.paging import page, paged, rows_of, show
from dcanary.cli.times import moment

if TYPE_CHECKING:
    from dcanary.client.types.webhook import Report, ReportSubject


@click.group()
def report() -> None:
    """Look at reports: what forges are told of runs, stages and targets."""


def subject_text(subject: ReportSubject) -> str:
    """`run`, `stage NAME` or `target NAME`."""
    ((kind, name),) = subject.items()
    return kind.lower() if name is None else f"{kind.lower()} {name}"


def _summary(found: Report) -> dict[str, object]:
    posting = found["posting"]
    return {
        "number": found["number"],
        "run": found["run"],
        "about": subject_text(found["subject"]),
        "state": found["state"],
        "posting": posting["state"],
        "attempts": posting["attempts"],
        "last_error": posting["last_error"] or "-",
        "next_try": "-" if posting["next_try_ns"] is None else moment(posting["next_try_ns"]),
        "repository": found["repository"],
        "sha": found["sha"],
        "at": moment(found["at_ns"]),
    }


@report.command("list")
@paged
@pass_context
def list_reports(context: Context, limit: int, cursor: str | None) -> None:
    """Reports, newest first, and whether a reporter has posted them (`dcanary reporter run`).

    A report waits until a reporter has posted it, or posts again after a failure; one that a later
    one about the same has overtaken is superseded.
    """
    answer = context.system.webhook.list_reports(page(limit, cursor))
    rows = rows_of(context, answer["items"], _summary)
    columns = [
        "number:id",
        "run:id",
        "about:text:1",
        "state:state:2",
        "posting:state",
        "attempts:id:3",
        "last_error:text:1",
        "next_try:text:4=next try",
        "repository:text:5",
        "sha:hash:6",
        "at:text:7",
    ]
    show(context, answer["next"], rows, columns, "no reports yet")
