"""What happens when a deadline passes: leases run out, pauses end, stages are given up."""

from canisters.build_executor.book import Book
from canisters.build_executor.jobs import rules
from canisters.build_executor.jobs.service import apply_time
from canisters.build_executor.keys import is_open
from canisters.build_executor.records import StageRecord
from canisters.build_executor.resolutions import service as resolutions
from canisters.build_executor.runs import service as runs


def pass_due(book: Book, now: int) -> int:
    """Apply all that is due; returns when the next thing will be (0: nothing is open)."""
    while True:
        stage = book.take_due(now)
        if stage is None:
            resolutions.expire(book, now)
            return book.next_due_ns()
        if is_open(stage):
            _apply(book, stage, now)


def _apply(book: Book, stage: StageRecord, now: int) -> None:
    stage["woken_ns"] = now
    apply_time(book, stage, now)
    if now >= stage["end_by_ns"]:
        if "Storing" in stage["state"]:
            reason = "no executor that agreed brought the agreed bytes in the queue time"
        else:
            reason = "verification gave no verdict in time (VERDICT_WAIT_NS)"
        runs.stage_failed(book, stage, "Inconclusive", reason, now)
        return
    if rules.is_out_of_time(stage, now):
        runs.stage_failed(book, stage, "Inconclusive", rules.absence(stage), now)
        return
    if rules.close_if_due(stage, now):
        book.tell_round(stage)
    book.save(stage)
