"""How a run comes into its states, and how its building ends."""

from canisters.build_executor.artifacts import contents
from canisters.build_executor.book import Book
from canisters.build_executor.jobs import rules as job_rules
from canisters.build_executor.jobs import shares
from canisters.build_executor.keys import is_open, stage_key
from canisters.build_executor.records import RunRecord, StageRecord
from shared.types.run import RunState, StageState


def come_into(book: Book, run: str, record: RunRecord, state: RunState, now: int) -> None:
    """Write a run in its next state."""
    record["state"] = state
    record["since_ns"] = now
    record["updated_ns"] = now
    book.runs.insert(run, record)
    book.report(run)


def end(book: Book, run: str, record: RunRecord, state: RunState, now: int) -> None:
    """The one place where a run's building ends: its open stages are skipped."""
    for opened in record["opened"]:
        stage = book.stage(stage_key(run, opened["name"]))
        if stage is not None and is_open(stage):
            end_stage(book, stage, {"Skipped": None}, "the run has ended", now)
    come_into(book, run, record, state, now)
    book.close_run(run, record)


def end_stage(book: Book, stage: StageRecord, state: StageState, reason: str, now: int) -> None:
    if "Building" in stage["state"] and stage["verdict"] is None:
        # A round that is being revealed may stay open for days: it is not only closed to votes.
        stage["closed"] = False
        book.tell_round(stage)
    contents.drop_unstored(book, stage)
    book.shares.charge(stage, shares.leased(stage), now)
    job_rules.drop_unfinished(stage, reason)
    stage["state"] = state
    stage["upload_until_ns"] = 0
    book.save(stage)
