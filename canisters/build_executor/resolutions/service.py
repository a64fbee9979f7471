"""Runs whose commit is not known yet: who is asked for it, and what follows from the answers."""

from canisters.build_executor.book import Book
from canisters.build_executor.executors import service as executors
from canisters.build_executor.records import ResolutionRecord
from canisters.build_executor.resolutions import rules
from canisters.build_executor.runs import service as runs
from canisters.build_executor.runs.ending import end
from canisters.build_executor.runs.graph import is_name
from shared.rules.cutting import cut
from shared.rules.limits import MAX_TEXT_CHARS
from shared.rules.refused import conflict, not_found
from shared.types.job import RefReading, ResolveWork


def begin(book: Book, run: str, record: ResolutionRecord, operator: str, now: int) -> ResolveWork:
    """Have an executor of this operator read the ref of a run; none of them reads the repository
    while it may be at that."""
    rules.ask(record, operator, now)
    book.resolutions.begin(operator, record["repository"], now)
    book.resolutions.save(run, record)
    return {
        "run": run,
        "repository": record["repository"],
        "clone_url": record["clone_url"],
        "ref": record["ref"],
    }


def report(book: Book, caller: str, reading: RefReading, now: int) -> None:
    """Take what an executor has read; with the quorum's reading the run begins, or fails."""
    known, _ = executors.active(book, caller)
    rules.check_reading(reading)
    run = reading["run"]
    record = book.resolutions.get(run) if is_name(run) else None
    if record is None:
        raise not_found(f"there is no run {run[:64]} whose commit is to be read")
    if record["commit"] is not None:
        raise conflict(f"the commit of {run} is known already")
    owner = book.run(run)
    if owner is None or book.resolutions.asked(run) is None:
        raise conflict(f"{run} has ended: its commit is not asked for any more")
    rules.take(record, known["operator"], reading, now)
    failed = reading["problem"] is not None
    book.resolutions.heard(known["operator"], record["repository"], failed, now)
    commit = rules.agreed(record)
    if commit is None:
        book.resolutions.save(run, record)
    elif commit == rules.ABSENT:
        record["commit"] = commit
        book.resolutions.save(run, record)
        names = ", ".join(read["operator"] for read in record["reads"] if read["commit"] == commit)
        reason = f"{record['ref']} is not in the repository, as {names} read"
        end(book, run, owner, {"Failed": cut(reason, MAX_TEXT_CHARS)}, now)
    else:
        record["commit"] = commit
        book.resolutions.save(run, record)
        runs.begin(book, run, commit, now)
    executors.note_contact(book, caller, now)


def expire(book: Book, now: int) -> None:
    """End the runs whose commit was not read by a quorum in their queue time."""
    while (run := book.resolutions.take_overdue(now)) is not None:
        record, owner = book.resolutions.get(run), book.run(run)
        if record is not None and owner is not None:
            end(book, run, owner, {"Inconclusive": _absence(record)}, now)


def _absence(record: ResolutionRecord) -> str:
    reason = (
        f"the queue time ended: {rules.described(record)}: see that executors of as many operators "
        "reach the repository, then start the run again"
    )
    return cut(reason, MAX_TEXT_CHARS)
