"""`dcanary run log`: what a job prints."""

from __future__ import annotations

import codecs
import io
import time
from collections.abc import Iterator
from functools import partial

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.operations.patience import Patience
from dcanary.cli.operations.watch import ENDED_RUN, state_of
from dcanary.cli.paging import page
from dcanary.cli.parameters import JOB_ID
from dcanary.client.errors import ConfigError

POLL_SECONDS = 1.0


@click.command()
@click.argument("job_id", type=JOB_ID)
@click.option("--follow", "-f", is_flag=True, help="Go on until the job has ended.")
@pass_context
def log(context: Context, job_id: str, follow: bool) -> None:
    """The log of a job, such as run-1/build/0, as its executor sent it."""
    if context.output.as_json:
        pieces = b"".join(_pieces(context, job_id, follow))
        # Bytes that are no UTF-8 are kept, as lone surrogates: nothing of a log is lost in JSON.
        context.output.json({"job": job_id, "log": pieces.decode(errors="surrogateescape")})
        return
    # A character may lie across the border of two pieces, and so may the two of a line end.
    text = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")("replace"), True)
    for piece in _pieces(context, job_id, follow):
        context.output.piece(text.decode(piece))
    context.output.piece(text.decode(b"", final=True))


def _pieces(context: Context, job_id: str, follow: bool) -> Iterator[bytes]:
    offset = 0
    ended = not follow
    patience = Patience(context.output.progress)
    while True:
        piece = patience(partial(context.system.build_executor.get_log, job_id, offset))
        yield piece["content"]
        offset += len(piece["content"])
        if piece["content"] and offset < piece["total"]:
            continue
        if ended:
            return
        # Asked before the log is read once more: what came between is not lost.
        ended = patience(lambda: _has_ended(context, job_id))
        if not ended:
            time.sleep(POLL_SECONDS)


def _has_ended(context: Context, job_id: str) -> bool:
    """Whether nothing more will be printed: the job is committed, or its run is over."""
    run = job_id.partition("/")[0]
    if state_of(context.system.build_executor.get_run(run)) in (*ENDED_RUN, "Approving"):
        return True
    cursor = None
    while True:
        found = context.system.build_executor.list_jobs(run, page(100, cursor))
        for job in found["items"]:
            if job["job"] == job_id:
                return "Committed" in job["state"]
        cursor = found["next"]
        if cursor is None:
            raise ConfigError(f"there is no job {job_id}", f"see: dcanary run jobs {run}")
