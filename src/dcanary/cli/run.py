"""`dcanary run`: executions of pipelines."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from dcanary.cli import pull_requests, run_usage
from dcanary.cli.context import Context, pass_context
from dcanary.cli.display import quoted_if_needed
from dcanary.cli.operations import targets
from dcanary.cli.operations.failures import Failure, failure_of
from dcanary.cli.operations.patience import Patience
from dcanary.cli.operations.run_search import STATES, Filter, search
from dcanary.cli.operations.watch import (
    BUILT_RUN,
    Ended,
    describe,
    stage_state,
    state_of,
    wait_for_cancel,
    wait_for_run,
)
from dcanary.cli.output import Lines, cell
from dcanary.cli.paging import newest_first, page, paged, rows_of, show
from dcanary.cli.parameters import COMMIT, MOMENT, RUN_ID, SECONDS
from dcanary.cli.run_explain import explain
from dcanary.cli.run_local import local
from dcanary.cli.run_log import log
from dcanary.cli.tables import short
from dcanary.cli.times import moment
from dcanary.cli.waiting import Changes, reuses, sentences, state_and_reason, took
from dcanary.client.errors import RefusedError

if TYPE_CHECKING:
    from dcanary.client.types.build_executor import Job, Run
    from dcanary.client.types.verification import Round


@click.group()
def run() -> None:
    """Start, watch and read runs."""


run.add_command(local)
run.add_command(log)
run.add_command(explain)

NO_FILES = hashlib.sha256(b"").hexdigest()
"""The manifest of a stage that left no files."""


def summary(
    found: Run,
    failure: Failure | None = None,
    taken_back: Mapping[str, str] = targets.NOTHING,
    outdated: Sequence[str] = (),
) -> dict[str, object]:
    """A run for people: one value a field, and nothing twice."""
    now_ns = time.time_ns()
    shown: dict[str, object] = {
        "run": found["run"],
        "state": found["state"],
        "repository": found["source"]["repository"],
        "ref": found["source"]["ref"],
        "commit": found["source"]["sha"] or None,  # Not known before executors have read the ref.
        **pull_requests.told(found["pull_request"]),
        "stages": [f"{s['name']} {stage_state(found, s)}" for s in found["stages"]],
        **_targets(found, taken_back),
        "created": moment(found["created_ns"]),
        "took": took(found, now_ns),
    }
    again = reuses(found)
    if again:
        shown["used again"] = Lines(again)
    if found["started_by"] is not None:
        shown["started by hand by"] = found["started_by"]
    if found["waiting_for"]:
        shown["waiting for"] = Lines(sentences(found["waiting_for"], now_ns))
    if failure is not None:
        if failure.told and failure.told not in describe(found["state"]):
            shown["why"] = failure.told
        shown["log"] = f"dcanary run log {failure.job}"
    whole = targets.whole_reason(found)
    if whole is not None:
        shown["whole reason"] = whole
    asked = targets.pending(found)
    if outdated:
        shown["outdated"] = f"{', '.join(outdated)}: the target has changed since"
        shown["next"] = f"dcanary run retry {found['run']}"
    elif state_of(found) == "Approving" and len(found["targets"] or []) > 1 and asked:
        shown["next"] = f"dcanary approval approve {found['run']}"
    elif state_of(found) == "Approving" and found["approval"]:
        shown["next"] = f"dcanary approval show {found['approval']}"
    if state_of(found) == "Releasing" and found["release"]:
        shown["next"] = f"dcanary release watch {found['release']}"
    return shown


def _targets(found: Run, taken_back: Mapping[str, str]) -> dict[str, object]:
    """Approval and release, of each target where there are several."""
    several = found["targets"] or []
    if len(several) > 1:
        return {"targets": Lines(targets.told(one, taken_back) for one in several)}
    back = taken_back.get(found["release"] or "")
    more = {} if back is None else {"taken back": "its target is as it was before"}
    if back:
        more = {"taken back by": f"{back}: its target is as it was before"}
    return {"approval": found["approval"], "release": found["release"], **more}


def line_of_list(found: Run) -> dict[str, object]:
    """A run as a row."""
    return {**summary(found), "state": state_and_reason(found)}


@run.command("list")
@click.option("--repository", help="Only of this repository.")
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only in it.")
@click.option("--branch", default="", help="Only of this branch or tag, or pattern (release/*).")
@click.option("--author", default="", help="Only of commits by an author with this in the name.")
@click.option("--since", type=MOMENT, help="From then on: 2h (ago), 22:40, or a date and time.")
@paged
@pass_context
def list_runs(
    context: Context,
    repository: str | None,
    states: tuple[str, ...],
    branch: str,
    author: str,
    since: int | None,
    limit: int,
    cursor: str | None,
) -> None:
    """Runs, newest first.

    State, branch, author and time are looked for in the last 1,000 runs; with --cursor in the 1,000
    before. There may be more lines than --limit says: pages are shown whole.
    """
    wanted = Filter(states, branch, author, since or 0)
    empty = (
        "no runs yet: push to a registered repository; what became of a push: dcanary delivery "
        f"list {repository or 'REPOSITORY'}"
    )
    if wanted.is_empty:
        answer = context.system.build_executor.list_runs(repository, page(limit, cursor))
        items, after = answer["items"], answer["next"]
    else:
        found = search(context.system, repository, wanted, limit, cursor)
        items, after = found.runs, found.after
        empty = f"none of the {found.looked_at} runs that were looked at"
        if after:
            context.output.progress(f"looked at {found.looked_at} runs; there are older ones")
    rows = rows_of(context, newest_first(items, "run"), line_of_list)
    if not context.output.as_json and not context.output.quiet:
        rows = _with_outdated(context, items, rows)
    columns = [
        "run:id",
        "state:state",
        "repository:text:1",
        "ref:ref:2",
        "commit:hash:3",
        "took:id:4",
    ]
    show(context, after, rows, columns, empty)


def _with_outdated(
    context: Context, found: Sequence[Run], rows: Sequence[Mapping[str, object]]
) -> list[Mapping[str, object]]:
    """The rows, with a word at runs whose approval is of no use as things are now."""
    changed = targets.outdated_of_list(context.system, found)
    told = {"state": "Approving: target changed, see run explain"}
    return [{**row, **told} if row["run"] in changed else row for row in rows]


@run.command("show")
@click.argument("run_id", type=RUN_ID)
@click.option(
    "--usage", "with_usage", is_flag=True, help="With the time, memory and bytes of each job."
)
@pass_context
def show_run(context: Context, run_id: str, with_usage: bool) -> None:
    """One run: its stages, their votes and their files."""
    found = context.system.build_executor.get_run(run_id)
    rounds = {}
    for stage in found["stages"]:
        if not {"Waiting", "Skipped"} & set(stage["state"]):
            try:
                voted = context.system.verification.get_round(run_id, stage["name"])
            except RefusedError as error:
                # A stage that no executor has taken yet has no round.
                if error.kind != "NotFound":
                    raise
            else:
                rounds[stage["name"]] = voted
    used = run_usage.usage_of(context, run_id, rounds) if with_usage else []
    if context.output.as_json or context.output.quiet:
        more = {"usage": run_usage.json_of(used)} if with_usage else {}
        context.output.record({**found, "rounds": rounds, **more}, "run")
        return
    failure, back = failure_of(context.system, found), targets.taken_back(context.system, found)
    outdated = targets.outdated(context.system, found)
    context.output.record(summary(found, failure, back, outdated), "run")
    _warn(context, found)
    for line in groups(found):
        context.output.say(line)
    for name, voted in rounds.items():
        context.output.say(f"\n{name}: quorum {voted['quorum']} of {voted['replicas']}")
        for line in votes(voted, describe(found["state"])):
            context.output.say(f"  {line}")
    if with_usage:
        context.output.say("")
        rows = [run_usage.line_of(job, far) for job, far in used]
        context.output.table(rows, run_usage.COLUMNS, "no job was committed yet")


def groups(found: Run) -> list[str]:
    """A line for each stage of the file that has a matrix: how far its stages are."""
    states: dict[str, list[str]] = {}
    for stage in found["stages"]:
        if stage["group"] is not None:
            states.setdefault(stage["group"], []).append(next(iter(stage["state"])))
    return [
        f"{group}: {len(each)} stages, "
        + ", ".join(f"{each.count(state)} {state}" for state in dict.fromkeys(each))
        for group, each in states.items()
    ]


def _warn(context: Context, found: Run) -> None:
    """Warn of what would keep the run from its end, before it is built."""
    from dcanary.cli.operations.pipeline_checks import problems_of_run

    for problem in problems_of_run(context.system, found):
        context.output.warning(problem)


def votes(voted: Round, told_before: str = "") -> list[str]:
    """Each operator's vote, the verdict and the disputes, a line each.

    The reason of a failure is said once: not where the verdict says it, and not there when it is
    in `told_before`.
    """
    lines = []
    verdict = voted["verdict"]
    reason = "" if verdict is None else verdict["reason"]
    for vote in voted["votes"]:
        told = "committed, and has revealed" if vote["revealed_ns"] else "committed, not revealed"
        if vote["outcome"] is not None:
            failure = vote["outcome"].get("Failed")
            told = describe(vote["outcome"])
            if failure and reason.endswith(failure):
                told = "Failed"
            if vote["manifest"] != NO_FILES:
                told += f", manifest {short(vote['manifest'], 'hash')}"
        tests = vote["tests"]
        if tests is not None:
            told += f", {tests['ran']} tests ran, {tests['failed_count']} failed"
        lines.append(f"{vote['operator']}: {told}")
    if verdict is not None:
        kind = describe(verdict["kind"])
        lines.append(f"verdict: {kind}" if reason in told_before else f"verdict: {kind}: {reason}")
        if verdict["manifest"] and verdict["manifest"] != NO_FILES:
            lines.append(f"manifest {verdict['manifest']}")
        for file in verdict["files"]:
            path = quoted_if_needed(file["path"])
            lines.append(f"{path}, {file['size']:,} bytes, sha256")
            lines.append(f"  {file['sha256']}")
        for dispute in verdict["disputes"]:
            files = ", ".join(map(quoted_if_needed, dispute["differing"])) or "-"
            lines.append(f"dispute: {dispute['operator']}: {dispute['reason']} {files}")
        for one in verdict["flaky_tests"] or []:
            failed, passed = cell(one["failed"]), cell(one["passed"])
            lines.append(f"flaky: {one['test']}: failed at {failed}, passed at {passed}")
    return lines


@run.command()
@click.argument("run_id", type=RUN_ID)
@click.option("--timeout", type=SECONDS, default=1800.0, show_default=True, help="Seconds to wait.")
@pass_context
def watch(context: Context, run_id: str, timeout: float) -> None:
    """Wait until a run has ended or waits for approval. Exit code 1 when it did not succeed."""
    progress = context.output.progress
    patience = Patience(progress)
    _warn(context, patience(lambda: context.system.build_executor.get_run(run_id)))
    found = wait_for_run(context.system, run_id, timeout, progress, Changes(progress).look)
    if context.output.as_json:
        context.output.record(found, "run")
    else:
        why = patience(lambda: failure_of(context.system, found))
        back = patience(lambda: targets.taken_back(context.system, found))
        outdated = patience(lambda: targets.outdated(context.system, found))
        context.output.record(summary(found, why, back, outdated), "run")
    if state_of(found) not in BUILT_RUN:
        # The record has said why; in JSON the message stands alone.
        how = describe(found["state"]) if context.output.as_json else state_of(found)
        raise Ended(f"{run_id} ended as {how}")


@run.command()
@click.argument("repository")
@click.option("--sha", type=COMMIT, help="Full commit id (default: what operators read at --ref).")
@click.option(
    "--ref", default="main", show_default=True, help="A branch, or refs/tags/NAME for a tag."
)
@click.option("--message", default="started by hand")
@pass_context
def start(context: Context, repository: str, sha: str | None, ref: str, message: str) -> None:
    """Start a run by hand, of a commit or of what a branch or tag names now.

    Without --sha the executors read which commit REF names, and build it when as many operators
    have read the same one as must agree on its stages.
    """
    whole = ref if ref.startswith("refs/") else f"refs/heads/{ref}"
    made = context.system.webhook.trigger_run(
        {"repository": repository, "ref": whole, "sha": sha or "", "message": message}
    )
    context.output.record({"run": made}, "run")
    context.output.say(f"follow it: dcanary run watch {made}")


@run.command()
@click.argument("run_id", type=RUN_ID)
@pass_context
def retry(context: Context, run_id: str) -> None:
    """Ask people again about a run that built well: what was built and agreed stays valid.

    After a rejected or expired request, and after a failed release whose order cannot be carried
    out any more (otherwise see release retry). A request that still waits is withdrawn, with its
    votes: for targets that changed since. The request says what the release would do now. Of
    several targets only those that were not released are asked about again.
    """
    context.system.build_executor.retry_run(run_id)
    context.output.say(f"{run_id} asks for its approval again: dcanary run watch {run_id}")


@run.command()
@click.argument("run_id", type=RUN_ID)
@click.option("--timeout", type=SECONDS, default=60.0, show_default=True, help="Seconds to wait.")
@pass_context
def cancel(context: Context, run_id: str, timeout: float) -> None:
    """Cancel a run that is built or waits for approval: its approval request is withdrawn.

    A run that is being released cannot be cancelled: see release cancel and release rollback.
    """
    context.system.build_executor.cancel_run(run_id)
    wait_for_cancel(context.system, run_id, timeout, context.output.progress)
    context.output.say(f"{run_id} is cancelled")


def line_of_job(found: Job) -> dict[str, object]:
    """A job as a row: its phase beside its state, the last of its failures."""
    state = describe(found["state"])
    last = found["failures"][-1] if found["failures"] else None
    more = f"its result of {found['reused']} again" if found["reused"] else found["phase"]
    return {
        **found,
        "state": f"{state}: {more}" if more else state,
        "last failure": f"{last['operator']}: {last['reason']}" if last else None,
    }


@run.command()
@click.argument("run_id", type=RUN_ID)
@paged
@pass_context
def jobs(context: Context, run_id: str, limit: int, cursor: str | None) -> None:
    """Who builds what in which phase, which leases were lost, and why jobs were given back."""
    answer = context.system.build_executor.list_jobs(run_id, page(limit, cursor))
    rows = rows_of(context, answer["items"], line_of_job)
    columns = [
        "job:id",
        "state:state",
        "operator:text:1",
        "executor:principal:4",
        "attempt:id:2",
        "log_bytes:id:5=log bytes",
        "last failure:text:3",
    ]
    show(context, answer["next"], rows, columns, "no jobs yet")
