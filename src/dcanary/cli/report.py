"""`dcanary report`: what the outside is told of runs, and how far it was told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.paging import page, paged, rows_of, show
from dcanary.cli.times import moment
from dcanary.client.errors import ClientError, RefusedError

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
    next_try = posting["next_try_ns"]
    return {
        "number": found["number"],
        "run": found["run"],
        "about": subject_text(found["subject"]),
        "state": next(iter(found["state"])),
        "posting": next(iter(posting["state"])),
        "attempts": posting["attempts"],
        "next_try": "-" if next_try is None else moment(next_try).partition(" ")[2],
        "last_error": posting["last_error"] or "-",
        "repository": found["repository"],
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
        "state:id:2",
        "posting:id",
        "attempts:id:3=tries",
        "next_try:id:1=next try",
        "last_error:text",
        "repository:text:5",
    ]
    show(context, answer["next"], rows, columns, "no reports yet")


@report.command("show")
@click.argument("number", type=click.IntRange(min=0))
@pass_context
def show_report(context: Context, number: int) -> None:
    """One report, with all that the forge said of it."""
    try:
        items = context.system.webhook.list_reports(page(1, str(number)))["items"]
    except RefusedError as error:
        if error.kind != "Invalid":
            raise
        items = []
    if not items or items[0]["number"] != number:
        raise ClientError(f"there is no report {number}, or not any more", "dcanary report list")
    found = items[0]
    if context.output.as_json:
        context.output.json(found)
        return
    posting = found["posting"]
    context.output.record(
        {
            "number": found["number"],
            "run": found["run"],
            "about": subject_text(found["subject"]),
            "state": found["state"],
            "posting": posting["state"],
            "attempts": posting["attempts"],
            "last error": posting["last_error"] or "-",
            "next try": "-" if posting["next_try_ns"] is None else moment(posting["next_try_ns"]),
            "repository": found["repository"],
            "ref": found["ref"],
            "sha": found["sha"],
            "at": moment(found["at_ns"]),
        },
        "number",
    )
