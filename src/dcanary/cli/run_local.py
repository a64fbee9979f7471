"""`dcanary run local`: a pipeline's stages on this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.operations.watch import Ended
from dcanary.cli.output import Lines
from dcanary.cli.times import seconds

if TYPE_CHECKING:
    from dcanary.cli.operations.local_run import LocalCommit
    from dcanary.executor.building import BuildReport
    from dcanary.executor.local import LocalStage


def _record(stage: LocalStage, differing: list[str] | None) -> dict[str, object]:
    report = stage.report
    shown: dict[str, object] = {
        "stage": stage.name,
        "outcome": report.reason or "succeeded",
        **({"used again": f"the result of {stage.reused}"} if stage.reused else {}),
        "took": seconds(report.wall_ns),
        "memory": f"{report.peak_memory_bytes / (1 << 20):.0f} MiB at most",
        **_measured(report),
        "environment": stage.environment,
        # Without files it would be the hash of nothing.
        "manifest": stage.manifest if stage.files else None,
        "files": Lines(
            line
            for file in stage.files
            for line in (f"{file.path}, {file.size:,} bytes, sha256", f"  {file.sha256}")
        ),
    }
    if differing is not None:
        shown["compared"] = Lines(differing) if differing else "equal"
    return shown


def _measured(report: BuildReport) -> dict[str, object]:
    found: dict[str, object] = {}
    if report.cpu_ns is not None:
        found["CPU time"] = seconds(report.cpu_ns)
    if report.storage_bytes is not None:
        found["storage"] = f"{report.storage_bytes / (1 << 20):.0f} MiB at most"
    return found


def _json(stage: LocalStage, differing: list[str] | None) -> dict[str, object]:
    report = stage.report
    shown: dict[str, object] = {
        "stage": stage.name,
        "succeeded": stage.succeeded,
        "reason": report.reason,
        "reused": stage.reused or None,
        "wall_ns": report.wall_ns,
        "peak_memory_bytes": report.peak_memory_bytes,
        "cpu_ns": report.cpu_ns,
        "storage_bytes": report.storage_bytes,
        "environment": stage.environment,
        "manifest": stage.manifest,
        "files": [
            {"path": file.path, "size": file.size, "sha256": file.sha256} for file in stage.files
        ],
    }
    if differing is not None:
        shown |= {"equal": not differing, "differing": differing}
    return shown


@click.command("local")
@click.argument("file", type=click.Path(path_type=Path), default="dcanary.yml")
@click.option("--commit", "name", default="HEAD", show_default=True, help="Branch, tag or id.")
@click.option(
    "--stage", "stages", multiple=True, help="Only this one and those before it; may be repeated."
)
@click.option("--into", type=click.Path(path_type=Path), help="Folder that gets the artifacts.")
@click.option(
    "--compare",
    metavar="RUN",
    help="Perform the commit and pipeline of a run, and say what differs from its verdicts.",
)
@click.option(
    "--canister",
    "canisters",
    metavar="NAME=ID",
    multiple=True,
    help="The id of a target that an environment refers to; may be repeated.",
)
@click.option(
    "--shell",
    is_flag=True,
    help="Open a shell in the sandbox of a stage that fails, or of that named by --stage.",
)
@click.option(
    "--cache",
    is_flag=True,
    help="Use earlier local results of stages with a cache, and keep new ones.",
)
@click.option("--color", is_flag=True, help="Keep the colours that the commands print.")
@click.option("--allow-network", is_flag=True, help="Perform stages that ask for the network.")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="NAME=@FILE",
    help="A secret that stages list; may be repeated. Also: the variable DCANARY_SECRET_NAME.",
)
@click.option(
    "--allow-unsandboxed",
    is_flag=True,
    envvar="DCANARY_ALLOW_UNSANDBOXED",
    help="Build without a sandbox where none can be had. Builds can then read this machine.",
)
@pass_context
def local(
    context: Context,
    file: Path,
    name: str,
    stages: tuple[str, ...],
    into: Path | None,
    compare: str | None,
    canisters: tuple[str, ...],
    shell: bool,
    cache: bool,
    color: bool,
    allow_network: bool,
    secrets: tuple[str, ...],
    allow_unsandboxed: bool,
) -> None:
    """Perform the stages of FILE here, as an executor would; no network is needed.

    What is built are the files of a commit, never the work tree; which stages there are is read
    from FILE as it is. Exit code 1 when a stage fails, or when something differs from the run that
    it is compared with.
    """
    from dcanary.cli.operations import local_run as operations
    from dcanary.cli.operations import pipeline as pipelines
    from dcanary.cli.operations.local_shell import ended_by_hangup
    from dcanary.pipeline.candid import to_stages, to_variables

    if cache and (shell or compare is not None):
        other = "--shell" if shell else "--compare"
        raise click.UsageError(f"--cache cannot be given with {other}, for which stages are built")
    attend = _shell(context) if shell else None
    found: Any = None
    definitions: Sequence[Any]
    environment: Sequence[Any]
    if compare is None:
        operations.refuse_stage(pipelines.file_of(file), file)
        known = pipelines.Ids(canisters)
        pipeline = pipelines.read(file, known.installation)
        for target in known.stood_in:
            context.output.warning(
                f"no id of {target} is given, so another one stands in: what is built with it has "
                f"other bytes than in a vote, see --canister {target}=ID"
            )
        definitions, environment = to_stages(pipeline), to_variables(pipeline.environment)
        commit = operations.find_commit(file, name)
    else:
        found = context.system.build_executor.get_run(compare)
        source = found["source"]
        version = context.system.pipeline_config.get_pipeline_version(
            source["repository"], found["pipeline_version"]
        )
        definitions = version["definition"]["stages"]
        environment = version["definition"]["environment"]
        commit = operations.find_commit(file, source["sha"])
    _say(context, commit, compare)
    allowed = operations.Allowed(
        allow_unsandboxed, allow_network, cache, operations.given_secrets(secrets)
    )
    performed = operations.perform(
        definitions,
        environment,
        commit,
        stages,
        allowed,
        lambda piece: context.output.log(piece.decode(errors="replace"), color),
        context.output.progress,
        attend,
    )
    rows: list[dict[str, object]] = []
    problem = ""
    with ended_by_hangup(), contextlib.closing(performed):
        for stage in performed:
            if into is not None:
                operations.save_files(stage, into)
            differing = None if found is None else _compare(context, found["run"], stage)
            if context.output.as_json:
                rows.append(_json(stage, differing))
            else:
                context.output.record(_record(stage, differing), "stage")
            if not stage.succeeded:
                problem = f"the stage {stage.name} failed: {stage.report.reason}"
            elif differing:
                problem = problem or f"the stage {stage.name} differs from {compare}"
    if context.output.as_json:
        context.output.json({"commit": commit.sha, "ref": commit.ref, "stages": rows})
    if problem:
        raise Ended(problem)


def _shell(context: Context) -> Callable[[str, str, Callable[[int], None]], None]:
    """What opens a shell in the sandbox of a stage. Raises UsageTrouble without a terminal."""
    from dcanary.cli.operations import local_shell

    local_shell.require_terminal()

    def attend(stage: str, how: str, start: Callable[[int], None]) -> None:
        told = f"the stage {stage} failed: {how}" if how else f"the stage {stage} has ended well"
        context.output.say(told)
        context.output.say("A shell in its sandbox follows; leave it with: exit")
        local_shell.attend(start)

    return attend


def _say(context: Context, commit: LocalCommit, compare: str | None) -> None:
    context.output.progress(f"commit {commit.sha} of {commit.ref} in {commit.folder}")
    if commit.pipeline_differs and compare is None:
        context.output.warning(
            f"{commit.pipeline} is not as in that commit: the pipeline is performed as the file is "
            "here, and executors take the version that is registered"
        )
    if commit.changed and compare is None:
        one = commit.changed == 1
        files = f"{commit.changed} {'file' if one else 'files'} of the work tree"
        context.output.warning(
            f"{files} {'is' if one else 'are'} not as in that commit: what is built is the commit"
        )


def _compare(context: Context, run: str, stage: LocalStage) -> list[str]:
    from dcanary.cli.operations.compare import differences, run_file
    from dcanary.executor.manifest import ManifestFile

    verdict = context.system.verification.get_round(run, stage.name)["verdict"]
    agreed = {file["path"]: file for file in (verdict["files"] if verdict else ())}

    def read(path: str) -> bytes:
        file = agreed[path]
        known = ManifestFile(path, file["size"], file["sha256"])
        return run_file(context.system, run, stage.name, path, known)

    return differences(stage, verdict, read)
