"""What `webhook` is told of a run: all of it, as it stands, so that no change depends on another.

`verification` and `deployment` report nothing themselves: every step of theirs changes the run
here, and one sender keeps the order.
"""

from canisters.build_executor.book import Book
from canisters.build_executor.keys import stage_key
from canisters.build_executor.runs import rules, targets
from shared.rules.cutting import cut
from shared.rules.deploys import deploys_of
from shared.rules.limits import MAX_REPORT_TEXT_CHARS
from shared.types.report import RunReport, StageReport
from shared.types.run import StageState


def report_of(book: Book, run: str, now: int) -> "RunReport | None":
    """Where the run stands; None when there is none, or when its commit is not known yet: a report
    is about a commit. Stages that were not opened are told of when the run has ended without them.
    """
    record, stored = book.runs.get(run), book.specs.get(run)
    if record is None or stored is None or not record["source"]["sha"]:
        return None
    pipeline = stored["spec"]["pipeline"]
    opened = {each["name"] for each in record["opened"]}
    succeeded = set(record["succeeded"])
    stages: list[StageReport] = []
    for each in pipeline["stages"]:
        name = each["name"]
        # Of those that succeeded the run knows it: their records are large, and not in memory.
        if name in succeeded:
            stages.append({"name": name, "state": {"Succeeded": None}})
            continue
        stage = book.stage(stage_key(run, name)) if name in opened else None
        if stage is not None:
            stages.append({"name": name, "state": _cut(stage["state"])})
        elif not rules.is_building(record):
            stages.append({"name": name, "state": {"Skipped": None}})
    rows = targets.rows_of(record, deploys_of(pipeline))
    return {
        "run": run,
        "pipeline": pipeline["name"],
        "repository": record["source"]["repository"],
        "ref": record["source"]["ref"],
        "sha": record["source"]["sha"],
        "state": record["state"],
        "stages": stages,
        "targets": targets.statuses(rows),
        "at_ns": now,
    }


def _cut(state: StageState) -> StageState:
    """Reasons of many stages must fit one message."""
    if "Failed" in state:
        return {"Failed": cut(state["Failed"], MAX_REPORT_TEXT_CHARS)}
    if "Disagreed" in state:
        return {"Disagreed": cut(state["Disagreed"], MAX_REPORT_TEXT_CHARS)}
    if "Inconclusive" in state:
        return {"Inconclusive": cut(state["Inconclusive"], MAX_REPORT_TEXT_CHARS)}
    return state
