"""Runs as callers see them. Every list costs its page, whatever there is in total."""

from canisters.build_executor.book import Book
from canisters.build_executor.keys import stage_key
from canisters.build_executor.records import RunRecord, SpecRecord, StageRecord
from canisters.build_executor.runs import rules, targets
from canisters.build_executor.runs.graph import is_name
from canisters.build_executor.runs.waiting import Waiting
from shared.base.pages import collect
from shared.base.records import Lookup, Outgoing
from shared.rules.deploys import deploys_of
from shared.rules.refused import not_found
from shared.types.paging import PageRequest
from shared.types.run import Resolution, Reuse, Run, RunPage, StageState, StageStatus


def get(book: Book, outgoing: "Lookup[str, Outgoing]", run: str, now: int) -> Run:
    record = book.run(run)
    if record is None:
        raise not_found(f"there is no run {run[:64]}: see list_runs")
    return _run(book, run, record, Waiting(book, outgoing, now))


def _run(book: Book, run: str, record: RunRecord, waiting: Waiting) -> Run:
    stored = book.specs.get(run)
    defined = [] if stored is None else stored["spec"]["pipeline"]["stages"]
    opened = {each["name"] for each in record["opened"]}
    unopened: StageState = {"Waiting": None} if rules.is_building(record) else {"Skipped": None}
    deploys = [] if stored is None else deploys_of(stored["spec"]["pipeline"])
    rows = targets.rows_of(record, deploys)
    named = targets.current(rows)
    stages: list[StageStatus] = []
    for each in defined:
        name = each["name"]
        stage = book.stage(stage_key(run, name)) if name in opened else None
        stages.append(_stage(name, each["group"], stage, unopened))
    return {
        "run": run,
        "delivery": record["delivery"],
        "source": record["source"],
        "pipeline_version": record["pipeline_version"],
        "state": record["state"],
        "stages": stages,
        "approval": None if named is None else named["approval"],
        "release": None if named is None else named["release"],
        "started_by": None if stored is None else stored["spec"]["started_by"],
        "waiting_for": waiting.of_run(run, record, rows),
        "created_ns": record["created_ns"],
        "updated_ns": record["updated_ns"],
        "targets": targets.statuses(rows),
        "resolution": _resolution(book, run, stored),
        "pull_request": None if stored is None else stored["spec"]["pull_request"],
    }


def _resolution(book: Book, run: str, stored: "SpecRecord | None") -> "Resolution | None":
    """How a run that was started without a commit came to one."""
    if stored is None or stored["spec"]["source"]["sha"]:
        return None
    record = book.resolutions.get(run)
    if record is None:
        return None
    found: Resolution = {
        "quorum": record["quorum"],
        "reads": record["reads"],
        "commit": record["commit"],
    }
    return found


def _stage(
    name: str, group: "str | None", stage: "StageRecord | None", unopened: StageState
) -> StageStatus:
    if stage is None:
        return {
            "name": name,
            "group": group,
            "state": unopened,
            "files": [],
            "stored": [],
            "instructions": 0,
            "reused": None,
            "kept": None,
        }
    return {
        "name": name,
        "group": group,
        "state": stage["state"],
        "files": [
            {"path": row["path"], "size": row["size"], "sha256": row["sha256"]}
            for row in stage["files"]
        ],
        "stored": [row["path"] for row in stage["files"] if row["stored"]],
        "instructions": stage["instructions"],
        "reused": _reused(stage),
        "kept": stage["kept"],
    }


def _reused(stage: StageRecord) -> "list[Reuse]":
    """Who used an earlier result again. Records of before 0.2 say it of nobody."""
    found: list[Reuse] = []
    for job in stage["jobs"]:
        if job["reused"] is not None and job["operator"] is not None:
            found.append({"operator": job["operator"], "run": job["reused"]})
    return found


def page(
    book: Book,
    outgoing: "Lookup[str, Outgoing]",
    repository: "str | None",
    request: PageRequest,
    now: int,
) -> RunPage:
    """Newest first, of one repository or of all. A page ends early when its answer grows large."""
    if repository is None:
        total = book.run_index.len()
    else:
        total = (book.repository_runs.get(repository) or 0) if is_name(repository) else 0
    waiting = Waiting(book, outgoing, now)

    def item(number: int) -> "Run | None":
        if repository is None:
            run = book.run_index.get(number) or ""
        else:
            run = book.repository_index.get(f"{repository}#{number}") or ""
        record = book.run(run)
        return None if record is None else _run(book, run, record, waiting)

    items, cursor = collect(total, request, item)
    return {"items": items, "next": cursor}
