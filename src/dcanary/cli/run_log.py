"""`dcanary run log`: what jobs print."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.operations.job_logs import JobLog, Line, is_done, is_over, jobs_of
from dcanary.cli.operations.patience import Patience
from dcanary.cli.operations.silence import why_silent
from dcanary.cli.operations.watch import state_of
from dcanary.cli.parameters import LOG_OF, MOMENT
from dcanary.cli.times import moment
from dcanary.cli.wording import in_commands
from dcanary.client.errors import ClientError, RefusedError

if TYPE_CHECKING:
    from dcanary.client.types.build_executor import Job

POLL_SECONDS = 1.0


class NotFound(ClientError):
    """No line holds what was searched for."""

    error = "ended"


@dataclass(frozen=True)
class Shown:
    """Which lines are shown, and how. Times are nanoseconds since 1970."""

    stamps: bool = False
    since: int | None = None
    until: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether times do not matter."""
        return not self.stamps and self.since is None and self.until is None

    def lines(self, log: JobLog, final: bool) -> Iterator[str]:
        """The new lines of a log."""
        if self.is_plain:
            yield from log.lines(final)
            return
        for line in log.stamped(final):
            if self.takes(line):
                yield self.text(line)

    def takes(self, line: Line) -> bool:
        """Whether a line is of the time that is asked for; not when its time is not known."""
        if self.since is None and self.until is None:
            return True
        if line.at_ns is None:
            return False
        return (self.since or 0) <= line.at_ns and (self.until is None or line.at_ns < self.until)

    def text(self, line: Line) -> str:
        """A line as it is shown."""
        if not self.stamps:
            return line.text
        at = "-" if line.at_ns is None else moment(line.at_ns)
        return f"{at:20} {line.text}"


@click.command()
@click.argument("what", metavar="RUN|STAGE|JOB", type=LOG_OF)
@click.option("--follow", "-f", is_flag=True, help="Go on until the jobs have ended.")
@click.option("--search", metavar="TEXT", help="Only lines that hold this text; exit 1 if none.")
@click.option(
    "--into",
    "folder",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a file for each job instead, byte by byte.",
)
@click.option("--timestamps", "-t", is_flag=True, help="Say when each line arrived (UTC).")
@click.option("--since", metavar="TIME", type=MOMENT, help="Only lines from then on: 10m (ago), …")
@click.option(
    "--until", metavar="TIME", type=MOMENT, help="Only lines before then: 2026-11-27T22:40, …"
)
@click.option("--color", is_flag=True, help="Keep the colours that the commands printed.")
@pass_context
def log(
    context: Context,
    what: str,
    follow: bool,
    search: str | None,
    folder: Path | None,
    timestamps: bool,
    since: int | None,
    until: int | None,
    color: bool,
) -> None:
    """What jobs printed: of a run (run-1), a stage (run-1/build) or a job (run-1/build/0).

    Several logs come one after the other; those that are followed, line by line.
    """
    if follow and (search is not None or folder is not None):
        raise click.UsageError("--follow cannot be used with --search or --into")
    if search is not None and folder is not None:
        raise click.UsageError("--search cannot be used with --into")
    if search == "":
        raise click.UsageError("--search needs some text")
    shown = Shown(timestamps, since, until)
    if folder is not None and not shown.is_plain:
        raise click.UsageError("--into cannot be used with --timestamps, --since or --until")
    if folder is not None:
        _write(context, what, folder)
    elif search is not None:
        _search(context, what, search, shown)
    elif context.output.as_json and not shown.is_plain:
        _stamped(context, what, shown)
    elif what.count("/") == 2:
        _one(context, what, follow, color, shown)
    elif follow:
        _follow(context, what, color, shown)
    else:
        _several(context, what, color, shown)


def _patience(context: Context) -> Patience:
    return Patience(context.output.progress)


def _jobs(context: Context, what: str) -> list[Job]:
    return jobs_of(context.system, what, _patience(context))


def _logs(context: Context, what: str) -> list[JobLog]:
    names = [what] if what.count("/") == 2 else [job["job"] for job in _jobs(context, what)]
    return [JobLog(context.system, name, _patience(context)) for name in names]


def _as_text(content: bytes) -> str:
    # Bytes that are no UTF-8 are kept, as lone surrogates: nothing of a log is lost in JSON.
    return content.decode(errors="surrogateescape")


def _stamped(context: Context, what: str, shown: Shown) -> None:
    """As JSON, with times: the jobs that are there, whether they have ended or not."""
    found = [
        {
            "job": each.job,
            "lines": [
                {"at_ns": line.at_ns, "text": line.text}
                for line in each.stamped(final=True)
                if shown.takes(line)
            ],
        }
        for each in _logs(context, what)
    ]
    context.output.json(found)


def _one(context: Context, job: str, follow: bool, color: bool, shown: Shown) -> None:
    one = JobLog(context.system, job, _patience(context))
    if context.output.as_json:
        pieces = b"".join(one.pieces())
        while follow and not _has_ended(context, job):
            time.sleep(POLL_SECONDS)
        pieces += b"".join(one.pieces()) if follow else b""
        context.output.json({"job": job, "log": _as_text(pieces)})
        return
    ended = not follow
    while True:
        try:
            if color or not shown.is_plain:
                for line in shown.lines(one, final=ended):
                    context.output.piece(line + "\n", color)
            else:
                for text in one.text(final=ended):
                    context.output.piece(text)
        except RefusedError as error:
            # A stage that was not begun has no jobs.
            if error.kind != "NotFound" or not _is_planned(context, job):
                raise
        if ended and one.is_empty:
            context.output.progress(_why(context, job))
        if ended:
            return
        # Asked before the log is read once more: what came between is not lost.
        ended = _has_ended(context, job)
        if not ended:
            time.sleep(POLL_SECONDS)


def _has_ended(context: Context, job: str) -> bool:
    if is_over(context.system, job.partition("/")[0], _patience(context)):
        return True
    found = _jobs(context, job)
    return bool(found) and all(is_done(each) for each in found)


def _is_planned(context: Context, job: str) -> bool:
    """Whether there would be such a job if its stage were built."""
    run, stage, _ = job.split("/")
    found = _patience(context)(lambda: context.system.build_executor.get_run(run))
    return any(
        each["name"] == stage and state_of(each) in ("Waiting", "Skipped")
        for each in found["stages"]
    )


def _why(context: Context, what: str) -> str:
    """Why nothing was printed of a run, a stage or a job."""
    run = what.partition("/")[0]
    found = _patience(context)(lambda: context.system.build_executor.get_run(run))
    return in_commands(why_silent(found, what))


def _several(context: Context, what: str, color: bool, shown: Shown) -> None:
    found = _jobs(context, what)
    logs = [JobLog(context.system, job["job"], _patience(context)) for job in found]
    if context.output.as_json:
        read = [{"job": each.job, "log": _as_text(b"".join(each.pieces()))} for each in logs]
        context.output.json(read)
        return
    if not found:
        context.output.say(_why(context, what))
    for job, each in zip(found, logs, strict=True):
        context.output.heading(f"{each.job}  {job['operator'] or 'nobody'}")
        for line in shown.lines(each, final=True):
            context.output.piece(line + "\n", color)
        if each.is_empty:
            context.output.say(_why(context, each.job))


def _follow(context: Context, what: str, color: bool, shown: Shown) -> None:
    run = what.partition("/")[0]
    logs: dict[str, JobLog] = {}
    while True:
        found = _jobs(context, what)
        ended = is_over(context.system, run, _patience(context)) or (
            "/" in what and bool(found) and all(is_done(job) for job in found)
        )
        for name in [job["job"] for job in found]:
            each = logs.setdefault(name, JobLog(context.system, name, _patience(context)))
            for line in shown.lines(each, final=ended):
                if not context.output.as_json:
                    context.output.piece(f"{name.partition('/')[2]} | {line}\n", color)
        if ended:
            break
        time.sleep(POLL_SECONDS)
    if context.output.as_json:
        _several(context, what, color, shown)
    elif all(each.is_empty for each in logs.values()):
        context.output.progress(_why(context, what))


def _search(context: Context, what: str, wanted: str, shown: Shown) -> None:
    found = [
        (each.job, number, line)
        for each in _logs(context, what)
        for number, line in enumerate(each.stamped(final=True), 1)
        if wanted in line.text and shown.takes(line)
    ]
    if context.output.as_json:
        times = {} if shown.is_plain else {"at_ns": None}
        context.output.json(
            [
                {"job": job, "line": number, "text": line.text} | dict.fromkeys(times, line.at_ns)
                for job, number, line in found
            ]
        )
    for job, number, line in found if not context.output.as_json else ():
        context.output.piece(f"{job}:{number}: {shown.text(line)}\n")
    if not found:
        raise NotFound(f"no line of {what} holds {wanted}")


def _write(context: Context, what: str, folder: Path) -> None:
    rows = []
    for each in _logs(context, what):
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{each.job.replace('/', '_')}.log"
        digest, size = hashlib.sha256(), 0
        part = file.with_suffix(".part")
        with part.open("wb") as stream:
            for piece in each.pieces():
                stream.write(piece)
                digest.update(piece)
                size += len(piece)
        part.replace(file)
        rows.append(
            {"file": str(file), "job": each.job, "bytes": size, "sha256": digest.hexdigest()}
        )
    context.output.table(rows, ["file", "bytes", "sha256"], f"{what} has no jobs yet")
