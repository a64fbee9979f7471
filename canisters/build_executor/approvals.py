"""The question that a finished run puts: may these bytes go to that target?"""

from canisters.build_executor import dag, runs
from canisters.build_executor.book import Book, stage_key
from canisters.build_executor.records import RunRecord
from shared.types.release import ApprovalInput


def question(book: Book, run: str, now: int) -> "ApprovalInput | None":
    """What to ask `verification`; None when nothing is to be asked (any more).

    A run whose artifact is not there, or whose question found no answer in time, has failed.
    """
    record = book.runs.get(run)
    stored = book.specs.get(run)
    if record is None or stored is None or not book.open_runs.contains_key(run):
        return None
    if record["approval_by_ns"] == 0:
        return None
    if now >= record["approval_by_ns"]:
        runs.run_failed(
            book, run, "the approval could not be asked for in time (APPROVAL_WAIT_NS)", now
        )
        return None
    return _input(book, run, record, now)


def _input(book: Book, run: str, record: RunRecord, now: int) -> "ApprovalInput | None":
    stored = book.specs.get(run)
    if stored is None:
        return None
    pipeline = stored["spec"]["pipeline"]
    deploy = pipeline["deploy"]
    if deploy is None or dag.find(pipeline["stages"], deploy["stage"]) is None:
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
                "attempt": None,
            }
    reason = f"stage {deploy['stage']} has no artifact {deploy['artifact']} to deploy"
    runs.run_failed(book, run, reason, now)
    return None
