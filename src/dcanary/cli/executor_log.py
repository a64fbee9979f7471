"""`dcanary executor log`: whole logs, from the folder of an executor of this machine."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.errors import UsageTrouble
from dcanary.cli.operations.job_logs import jobs_of
from dcanary.cli.operations.patience import Patience
from dcanary.cli.operations.watch import Ended
from dcanary.cli.parameters import EXECUTOR_NAME, JOB
from dcanary.client.errors import ClientError

if TYPE_CHECKING:
    from dcanary.client.types.build_executor import Job

_READ_CHARS = 65_536


@click.command("log")
@click.argument("name", type=EXECUTOR_NAME)
@click.argument("job", type=JOB)
@click.option("--attempt", type=click.IntRange(1), help="Default: the latest that is here.")
@click.option(
    "--into",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the log there, byte by byte, and compare it with what the executor committed to.",
)
@click.option("--color", is_flag=True, help="Keep the colours that the commands printed.")
@pass_context
def log(
    context: Context, name: str, job: str, attempt: int | None, into: Path | None, color: bool
) -> None:
    """The whole log of JOB, which the executor NAME performed on this machine.

    The chain has the beginning and the end of a long log, and the sha256 of the whole. Secrets are
    masked here too. Whole logs stay for 30 days, and 2 GiB of them in all.
    """
    from dcanary.cli.operations.executor import state_folder
    from dcanary.executor.whole_logs import KeptLogs

    folder = state_folder(context.home / "executors" / name) / "logs"
    found = KeptLogs(folder).find(job)
    chosen = attempt or max(found, default=0)
    if chosen not in found:
        here = ", ".join(str(each) for each in found) or "none"
        which = f"attempt {attempt} of {job}" if attempt else job
        raise UsageTrouble(
            f"{name} has no whole log of {which} (attempts that are here: {here})",
            f"what the chain has of it: dcanary run log {job}",
        )
    path = found[chosen]
    if into is None:
        with path.open(encoding="utf-8", errors="replace") as stream:
            while text := stream.readline(_READ_CHARS):
                context.output.piece(text, color)
        return
    shutil.copyfile(path, into)
    with into.open("rb") as copied:
        sha256 = hashlib.file_digest(copied, "sha256").hexdigest()
    committed = _committed(context, job, chosen)
    answers = {None: "not known", sha256: "the same"}
    row = {
        "file": str(into),
        "bytes": into.stat().st_size,
        "sha256": sha256,
        "attempt": chosen,
        "committed": answers.get(committed, "other bytes"),
    }
    context.output.record(row, "file")
    if committed not in answers:
        raise Ended(f"{name} committed to a log of other bytes: {path} was changed since")


def _committed(context: Context, job: str, attempt: int) -> str | None:
    """The sha256 that the executor gave with its commitment; None where nobody says one now."""
    try:
        jobs: list[Job] = jobs_of(context.system, job, Patience(context.output.progress))
    except ClientError as error:
        context.output.warning(f"not compared with the chain: {error.message}")
        return None
    return next((each["log_sha256"] for each in jobs if each["attempt"] == attempt), None)
