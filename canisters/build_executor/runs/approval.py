"""The approval request that a finished run makes: may these bytes go to that target?"""

from canisters.build_executor.book import Book
from canisters.build_executor.keys import stage_key
from canisters.build_executor.records import RunRecord
from canisters.build_executor.runs import graph, service
from shared.types.release import ApprovalInput


def request_of(book: Book, run: str, now: int) -> "ApprovalInput | None":
    """What to ask `verification`; None when nothing is to be asked (any more).

    A run whose artifact is not there, or whose request found no answer in time, has failed. One
    that is to be cancelled goes on asking beyond that time: an earlier message may have made a
    request, which only its name lets withdraw.
    """
    record = book.runs.get(run)
    if record is None or not book.open_runs.contains_key(run) or record["approval_by_ns"] == 0:
        return None
    if now >= record["approval_by_ns"] and record["cancelled_by"] is None:
        reason = "the approval could not be asked for in time (APPROVAL_WAIT_NS)"
        service.approval_failed(book, run, reason, now)
        return None
    return _input(book, run, record, now)


def _input(book: Book, run: str, record: RunRecord, now: int) -> "ApprovalInput | None":
    stored = book.specs.get(run)
    if stored is None:
        return None
    pipeline = stored["spec"]["pipeline"]
    deploy = pipeline["deploy"]
    if deploy is None or graph.find(pipeline["stages"], deploy["stage"]) is None:
        return None
    stage = book.stage(stage_key(run, deploy["stage"]))
    for row in stage["files"] if stage is not None else []:
        if row["path"] == deploy["artifact"] and row["stored"]:
            return {
                "run": run,
                "source": record["source"],
                "pipeline_version": record["pipeline_version"],
                "target": deploy["target"],
                "stage": deploy["stage"],
                "artifact": deploy["artifact"],
                "sha256": row["sha256"],
                "size": row["size"],
                "mode": deploy["mode"],
                "memory": deploy["memory"],
                "install_arg": deploy["install_arg"],
                "upgrade_arg": deploy["upgrade_arg"],
                "policy": pipeline["approval"],
                "gates": pipeline["gates"],
                "attempt": record["approval_attempt"],
            }
    reason = f"stage {deploy['stage']} has no artifact {deploy['artifact']} to deploy"
    service.approval_failed(book, run, reason, now)
    return None
