"""`dcanary artifact`: the files that operators agreed on, out of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.operations.watch import Ended
from dcanary.cli.output import Lines
from dcanary.cli.parameters import CANISTER, RUN_ID

if TYPE_CHECKING:
    from dcanary.cli.operations.artifacts import Artifact


@click.group()
def artifact() -> None:
    """List, download, compare and verify what runs made."""


_stage = click.option("--stage", help="Only of this stage.")


def _record(context: Context, run: str, found: Artifact) -> dict[str, object]:
    from dcanary.cli.operations import artifacts

    return {
        "stage": found.stage,
        "path": found.path,
        "size": found.size,
        "sha256": found.sha256,
        "stored": found.stored,
        "url": artifacts.address(context.installation, run, found),
    }


@artifact.command("list")
@click.argument("run_id", metavar="RUN", type=RUN_ID)
@_stage
@pass_context
def list_artifacts(context: Context, run_id: str, stage: str | None) -> None:
    """The agreed files of a run; `--json` has the address of each."""
    from dcanary.cli.operations import artifacts

    run = context.system.build_executor.get_run(run_id)
    rows = [_record(context, run_id, each) for each in artifacts.of_run(run, stage)]
    columns = ["path:id", "stage:id:1", "size:id:2", "stored:id:3", "sha256:hash:4"]
    context.output.table(rows, columns, "no agreed files yet: see dcanary run show")


@artifact.command()
@click.argument("run_id", metavar="RUN", type=RUN_ID)
@click.argument("wanted", metavar="[PATH|PATTERN]", required=False)
@_stage
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    show_default=True,
    help="Folder in which the paths of the files begin.",
)
@click.option("--force", is_flag=True, help="Replace files that have other bytes.")
@pass_context
def download(
    context: Context, run_id: str, wanted: str | None, stage: str | None, into: Path, force: bool
) -> None:
    """Bring agreed files here: all of a run, one, a folder (dist/) or a pattern ('**.wasm').

    Each is checked by its sha256 as it arrives, and takes its name when it is whole. A download
    that was interrupted goes on where it was.
    """
    from dcanary.cli.operations import artifacts

    run = context.system.build_executor.get_run(run_id)
    chosen = artifacts.select(artifacts.of_run(run, stage), wanted)
    rows: list[dict[str, object]] = []
    for each in artifacts.without_clashes(chosen):
        path = artifacts.place(each, into)
        context.output.progress(f"{each.path}, {each.size:,} bytes")
        read = artifacts.chunks_of(context.system, run_id, each)
        result = artifacts.download(read, each, path, force=force)
        rows.append({**_record(context, run_id, each), "file": str(path), "result": result})
    columns = ["file:id", "result:id:1", "size:id:2", "sha256:hash:3"]
    context.output.table(rows, columns, "")


@artifact.command()
@click.argument("run_id", metavar="RUN", type=RUN_ID)
@click.argument("other", metavar="RUN|FOLDER")
@_stage
@pass_context
def diff(context: Context, run_id: str, other: str, stage: str | None) -> None:
    """Compare the agreed files of a run with those of another one, or with a folder.

    Of modules it says which sections, functions and data segments differ, of texts which lines.
    Exit code 1 when something does. In a folder, files count that the pipeline's artifacts name.
    """
    from dcanary.cli.operations import artifact_diff, artifacts

    system = context.system
    run = system.build_executor.get_run(run_id)
    first = {each.path: each for each in artifacts.without_clashes(artifacts.of_run(run, stage))}

    def read(path: str) -> bytes:
        return artifacts.content(system, run_id, first[path])

    second: dict[str, tuple[int, str]]
    folder = Path(other)
    if folder.is_dir():
        source, version = run["source"]["repository"], run["pipeline_version"]
        pipeline = system.pipeline_config.get_pipeline_version(source, version)
        stages = [one for one in pipeline["definition"]["stages"] if stage in (None, one["name"])]
        entries = [entry for one in stages for entry in one["artifacts"]]
        second = artifact_diff.files_in(folder, entries)

        def read_other(path: str) -> bytes:
            return (folder / path).read_bytes()

    else:
        RUN_ID.convert(other, None, None)
        their = artifacts.of_run(system.build_executor.get_run(other), stage)
        there = {each.path: each for each in artifacts.without_clashes(their)}
        second = {path: (each.size, each.sha256) for path, each in there.items()}

        def read_other(path: str) -> bytes:
            return artifacts.content(system, other, there[path])

    sizes = {path: (each.size, each.sha256) for path, each in first.items()}
    found = list(artifact_diff.differences(sizes, second, read, read_other))
    record = {"first": run_id, "second": other, "files": len(sizes), "equal": not found}
    shown = found if context.output.as_json else Lines(found)
    context.output.record({**record, "differing": shown} if found else record, "equal")
    if found:
        raise Ended(f"{run_id} and {other} differ")


@artifact.command()
@click.argument("url")
@click.option("--canister", type=CANISTER, help="Who must have certified it (default: by the URL).")
@click.option("--root-key", help="Hexadecimal root key (default: that of the installation).")
@pass_context
def verify(context: Context, url: str, canister: str | None, root_key: str | None) -> None:
    """Ask a URL, and check that the canister certified exactly this answer.

    Neither the gateway nor a single node of the network is believed.
    """
    from dcanary.cli.errors import UsageTrouble
    from dcanary.cli.operations import verify_response

    try:
        key = bytes.fromhex(root_key) if root_key else context.installation.network.root_key
    except ValueError:
        raise UsageTrouble("--root-key is not hexadecimal") from None
    who = canister or verify_response.canister_in(url)
    found = verify_response.verify(url, who, key)
    if context.system_file.is_file():
        ours = context.installation.canisters["build_executor"]
        if who != ours:
            context.output.warning(f"{who} is not the build_executor of this installation ({ours})")
    context.output.record(
        {
            "url": url,
            "canister": found.canister,
            "status": found.status,
            "size": found.size,
            "sha256": found.sha256,
        },
        "sha256",
    )
    if found.status >= 400:
        raise Ended(f"the canister certified the answer {found.status}: there is no such file")
