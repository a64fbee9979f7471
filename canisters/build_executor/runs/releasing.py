"""From the built run to its releases: people are asked about one target after the other."""

from canisters.build_executor.book import Book
from canisters.build_executor.records import RunRecord, TargetRow
from canisters.build_executor.runs import rules, targets
from canisters.build_executor.runs.ending import come_into, end
from shared.rules.deploys import deploys_of
from shared.rules.limits import APPROVAL_WAIT_NS
from shared.rules.not_yet import FAILED_STAGES
from shared.rules.refused import conflict, not_found
from shared.types.pipeline import Deploy, PipelineInput
from shared.types.release import ReleaseNotice

ENDS = ("Succeeded", "Failed", "Rejected", "Cancelled")


def _deploys(book: Book, run: str) -> "list[Deploy]":
    stored = book.specs.get(run)
    return [] if stored is None else deploys_of(stored["spec"]["pipeline"])


def rows_of(book: Book, run: str, record: RunRecord) -> "list[TargetRow]":
    """The run's targets. Changes count only when the record is written with them."""
    found = record["targets"]
    return targets.rows_of(record, _deploys(book, run)) if found is None else found


def _ask_ready(
    book: Book, run: str, rows: "list[TargetRow]", deploys: "list[Deploy]", now: int
) -> None:
    for row in targets.ready(rows, deploys):
        targets.ask(row, now + APPROVAL_WAIT_NS)
        book.ask_approval(run, row["target"])


def built(book: Book, run: str, record: RunRecord, pipeline: PipelineInput, now: int) -> None:
    """Every stage has succeeded: ask about the first targets, or end a run that deploys nothing."""
    deploys = deploys_of(pipeline)
    if not deploys:
        end(book, run, record, {"Succeeded": None}, now)
        return
    rows = targets.rows_of(record, deploys)
    _ask_ready(book, run, rows, deploys, now)
    record["targets"] = rows
    book.runs.insert(run, record)
    book.report(run)


def _settle(book: Book, run: str, record: RunRecord, rows: "list[TargetRow]", now: int) -> None:
    """Write a run whose targets have changed, and see to what follows from that."""
    if targets.is_ending(record, rows):
        for row in rows:
            if targets.is_undecided(row):
                book.ask_approval(run, row["target"])
    elif any("Waiting" in row["state"] for row in rows):
        _ask_ready(book, run, rows, _deploys(book, run), now)
    record["targets"] = rows
    state = targets.state_of(record, rows)
    if any(word in state for word in ENDS):
        record["cancelled_by"] = None
    if state == record["state"]:
        record["updated_ns"] = now
        book.runs.insert(run, record)
        book.report(run)
    elif rules.is_building(record):
        end(book, run, record, state, now)
    else:
        come_into(book, run, record, state, now)


def _forget_vain_wish(record: RunRecord, rows: "list[TargetRow]") -> None:
    """A run cannot be cancelled any more when all its targets were decided."""
    decided = ("Releasing", "Released", "Failed")
    if all(any(word in row["state"] for word in decided) for row in rows):
        record["cancelled_by"] = None


def approval_made(book: Book, run: str, target: str, approval: str, now: int) -> None:
    """`verification` has the approval request of a target: people are asked.

    Where the run is to end meanwhile, the request is withdrawn next.
    """
    record = book.runs.get(run)
    rows = [] if record is None else rows_of(book, run, record)
    row = targets.find(rows, target)
    if record is not None and row is not None and targets.is_asking(row):
        targets.asked(row, approval)
        _settle(book, run, record, rows, now)


def approval_failed(book: Book, run: str, target: str, reason: str, now: int) -> None:
    """The approval cannot be asked for: the target has failed, `retry` asks again."""
    record = book.runs.get(run)
    rows = [] if record is None else rows_of(book, run, record)
    row = targets.find(rows, target)
    if record is not None and row is not None and targets.is_asking(row):
        if targets.is_ending(record, rows):
            targets.withdrawn(row)
        else:
            targets.failed(row, reason)
        _settle(book, run, record, rows, now)


def record_release(book: Book, notice: ReleaseNotice, now: int) -> None:
    """Take news of an approval request or of a release. Repeated ones have no effect."""
    run = notice["run"]
    record = book.run(run)
    if record is None:
        raise not_found(f"there is no run {run[:64]}")
    rows = rows_of(book, run, record)
    row = targets.of_notice(rows, notice["target"], notice["approval"])
    if row is None or (notice["attempt"] or 1) != row["attempt"]:
        # Of a request that ended before the run was tried again: it says nothing about this one.
        return
    overtook = row["approval"] is None and targets.is_asking(row)
    if overtook:
        # The answer that names the request is still on its way.
        targets.asked(row, notice["approval"])
    if row["approval"] != notice["approval"]:
        return
    word, why = "", ""
    for name, value in notice["state"].items():
        word, why = name, str(value)
    if targets.is_untold(record) and word != "Releasing":
        # It was so since then, as far as is known: only the news come now.
        now = record["updated_ns"]
    state = targets.after_notice(row, word, why)
    if state is None:
        if overtook or (word == "Approving" and targets.is_untold(record)):
            _settle(book, run, record, rows, now)
        return
    if "Rejected" in state and targets.is_ending(record, rows):
        # No request stands any more, for whatever reason: that was what ending waited for.
        targets.withdrawn(row)
    else:
        row["state"] = state
        _forget_vain_wish(record, rows)
    if notice["release"] is not None:
        row["release"] = notice["release"]
    if "Released" in state and not targets.is_ending(record, rows):
        targets.ask_withdrawn_anew(rows)
    _settle(book, run, record, rows, now)


def cancel(book: Book, run: str, record: RunRecord, caller: str, now: int) -> bool:
    """Have the requests of a run withdrawn; False when none stands or is about to be made."""
    rows = rows_of(book, run, record)
    is_asked = "Approving" in record["state"]
    for row in rows:
        if "Releasing" in record["state"] or (is_asked and "Releasing" in row["state"]):
            release = _release_under_way(rows)
            raise conflict(
                f"{run} is approved and being released ({release}): cancel that release while it "
                "is Queued (`release cancel`), or roll it back (`release rollback`)"
            )
    if not is_asked and not (rules.is_building(record) and any(map(targets.is_asking, rows))):
        return False
    record["cancelled_by"] = record["cancelled_by"] or caller
    _settle(book, run, record, rows, now)
    return True


def _release_under_way(rows: "list[TargetRow]") -> str:
    for row in rows:
        if "Releasing" in row["state"]:
            return row["release"] or row["approval"] or "the release"
    return "the release"


def withdrawn(book: Book, run: str, target: str, now: int) -> None:
    """The request of the target stands no more."""
    _after_withdrawal(book, run, target, now, is_gone=True)


def withdrawal_refused(book: Book, run: str, target: str, now: int) -> None:
    """The request was decided before it could be withdrawn: its release goes on."""
    _after_withdrawal(book, run, target, now, is_gone=False)


def _after_withdrawal(book: Book, run: str, target: str, now: int, is_gone: bool) -> None:
    record = book.runs.get(run)
    rows = [] if record is None else rows_of(book, run, record)
    row = targets.find(rows, target)
    if record is None or row is None or not targets.is_ending(record, rows):
        return
    if targets.is_undecided(row):
        if is_gone:
            targets.withdrawn(row)
        else:
            row["state"] = {"Releasing": None}
            _forget_vain_wish(record, rows)
        _settle(book, run, record, rows, now)


def to_withdraw(book: Book, run: str, target: str) -> "tuple[str, str] | None":
    """The request that must be withdrawn for a target, and why; None when there is none."""
    record = book.runs.get(run)
    rows = [] if record is None else rows_of(book, run, record)
    row = targets.find(rows, target)
    if record is None or row is None or not targets.is_ending(record, rows):
        return None
    if row["approval"] is None or "Approving" not in row["state"]:
        return None
    return row["approval"], targets.why_withdrawn(run, record, rows)


def refuse_retry(book: Book, run: str, record: RunRecord) -> None:
    """Raise Conflict when the run neither waits for people nor ended at an approval or release."""
    rows = rows_of(book, run, record)
    if "Approving" in record["state"] and not targets.is_ending(record, rows):
        # The target may have changed since people were asked: their order is not carried out then.
        if any("Releasing" in row["state"] for row in rows):
            raise conflict(
                f"{run} is being released ({_release_under_way(rows)}): try again when that has "
                "ended"
            )
        return
    is_failed = "Failed" in record["state"] and targets.culprit(rows) is not None
    if not is_failed and "Rejected" not in record["state"]:
        raise conflict(FAILED_STAGES.sentence(run))


def to_ask_anew(book: Book, run: str) -> "list[str]":
    """The targets of a run that a retry asks about again."""
    record = book.runs.get(run)
    rows = [] if record is None else rows_of(book, run, record)
    return [row["target"] for row in targets.undone(rows)]


def retry(book: Book, run: str, record: RunRecord, now: int) -> None:
    """Ask again about the targets that were not released; the others stay as they are."""
    rows = rows_of(book, run, record)
    targets.ask_anew(rows)
    _ask_ready(book, run, rows, _deploys(book, run), now)
    record["targets"] = rows
    book.open_run(run, record)
    come_into(book, run, record, {"Running": None}, now)


def ask_of_earlier_message(book: Book, run: str) -> None:
    """A message of before 0.2 named the run alone: do for each target what is to be done."""
    record = book.runs.get(run)
    for row in [] if record is None else rows_of(book, run, record):
        if targets.is_undecided(row):
            book.ask_approval(run, row["target"])
