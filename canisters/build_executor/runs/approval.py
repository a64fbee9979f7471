"""The approval request of a target: may these bytes go to it?"""

from canisters.build_executor.book import Book
from canisters.build_executor.keys import stage_key
from canisters.build_executor.records import RunRecord, TargetRow
from canisters.build_executor.runs import graph, releasing, targets
from shared.rules.deploys import deploys_of
from shared.types.approval import ApprovalInput


def request_of(book: Book, run: str, target: str, now: int) -> "ApprovalInput | None":
    """What to ask `verification`; None when nothing is to be asked (any more).

    A target whose artifact is not there, or whose request found no answer in time, has failed. A
    run that is to end goes on asking beyond that time: an earlier message may have made a request,
    which only its name lets withdraw.
    """
    record = book.runs.get(run)
    rows = [] if record is None else releasing.rows_of(book, run, record)
    row = targets.find(rows, target)
    if record is None or row is None or not targets.is_asking(row):
        return None
    if now >= row["ask_by_ns"] and not targets.is_ending(record, rows):
        reason = "the approval could not be asked for in time (APPROVAL_WAIT_NS)"
        releasing.approval_failed(book, run, target, reason, now)
        return None
    return _input(book, run, record, row, now)


def _input(
    book: Book, run: str, record: RunRecord, row: TargetRow, now: int
) -> "ApprovalInput | None":
    stored = book.specs.get(run)
    if stored is None:
        return None
    pipeline = stored["spec"]["pipeline"]
    deploy = next((one for one in deploys_of(pipeline) if one["target"] == row["target"]), None)
    if deploy is None or graph.find(pipeline["stages"], deploy["stage"]) is None:
        return None
    stage = book.stage(stage_key(run, deploy["stage"]))
    for file in stage["files"] if stage is not None else []:
        if file["path"] == deploy["artifact"] and file["stored"]:
            return {
                "run": run,
                "source": record["source"],
                "pipeline_version": record["pipeline_version"],
                "target": deploy["target"],
                "stage": deploy["stage"],
                "artifact": deploy["artifact"],
                "sha256": file["sha256"],
                "size": file["size"],
                "mode": deploy["mode"],
                "memory": deploy["memory"],
                "install_arg": deploy["install_arg"],
                "upgrade_arg": deploy["upgrade_arg"],
                "policy": pipeline["approval"],
                "gates": pipeline["gates"],
                "attempt": row["attempt"],
                "install_references": deploy["install_references"],
                "upgrade_references": deploy["upgrade_references"],
                "assets": deploy["assets"],
            }
    reason = f"stage {deploy['stage']} has no artifact {deploy['artifact']} to deploy"
    releasing.approval_failed(book, run, row["target"], reason, now)
    return None
