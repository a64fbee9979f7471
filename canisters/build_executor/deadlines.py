"""What time alone does: leases run out, commit windows close, stages are given up."""

from canisters.build_executor import runs, uploads
from canisters.build_executor.book import Book, due_ns, is_open
from canisters.build_executor.records import StageRecord


def tick(book: Book, now: int) -> int:
    """Apply all that is due; returns when the next thing will be (0: nothing is open)."""
    for stage in book.open_stages():
        if due_ns(stage) <= now and is_open(stage):
            _apply(book, stage, now)
    book.take_wake_ns()
    return min((due_ns(stage) for stage in book.open_stages()), default=0)


def _apply(book: Book, stage: StageRecord, now: int) -> None:
    if now >= stage["end_by_ns"]:
        if "Storing" in stage["state"]:
            reason = "the agreed bytes were not brought in time (STORE_WINDOW_NS)"
            runs.stage_failed(book, stage, "Failed", reason, now)
        else:
            reason = "verification gave no verdict in time (VERDICT_WAIT_NS)"
            runs.stage_failed(book, stage, "Inconclusive", reason, now)
    elif uploads.settle(book, stage, now):
        book.save(stage)
