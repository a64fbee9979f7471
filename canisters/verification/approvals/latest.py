"""Which run was approved last for each target: older requests for it are void."""

from canisters.verification.approvals.requests import number_of
from canisters.verification.records import ApprovalRecord, LatestRecord
from canisters.verification.store import approvals, last_approved, latest


def latest_of(target: str) -> "LatestRecord | None":
    """The newest run that was approved for a target, and whose release has not failed."""
    return latest.get(target)


def set_latest(number: int, record: ApprovalRecord) -> None:
    """Enter that this request is the last that was approved for its target, and what was before."""
    target = record["request"]["target"]
    last_approved.insert(target, number)
    before = latest.get(target)
    if before is not None and before["approval"] != record["approval"]:
        record["after"] = before["approval"]
        approvals.insert(number, record)
    latest.insert(target, _row(record))


def approved_since(number: int, record: ApprovalRecord) -> "ApprovalRecord | None":
    """The request that was approved for the target after this one, whatever became of its release.

    None when there is none, or when an earlier version approved it, which did not note that.
    """
    last = last_approved.get(record["request"]["target"])
    return None if last is None or last == number else approvals.get(last)


def _row(record: ApprovalRecord) -> LatestRecord:
    return {
        "version": 1,
        "approval": record["approval"],
        "run": record["request"]["run"],
        "release": record["release"] if "Released" in record["state"] else None,
    }


def note_latest(record: ApprovalRecord) -> bool:
    """Enter how the release of an approved request ended: a failed one gives way to the one before.

    The request is in the store as it is given. Returns whether older requests are void only now,
    because version 0.1.0 approved this one.
    """
    target = record["request"]["target"]
    row = latest.get(target)
    if "Released" in record["state"] and _is_newest_of_earlier(record, row):
        latest.insert(target, _row(record))
        return True
    if row is None or row["approval"] != record["approval"]:
        return False
    if "Released" in record["state"]:
        latest.insert(target, _row(record))
    elif "ReleaseFailed" in record["state"]:
        before = _standing_before(record)
        if before is None:
            latest.remove(target)
        else:
            latest.insert(target, _row(before))
    return False


def _is_newest_of_earlier(record: ApprovalRecord, row: "LatestRecord | None") -> bool:
    """Whether this was released later than what `row` says, both approved by 0.1.0.

    That version noted neither the latest run nor what was approved last.
    """
    if last_approved.contains_key(record["request"]["target"]):
        return False
    before = -1 if row is None else number_of(row["approval"])
    mine = number_of(record["approval"])
    return before is not None and mine is not None and before < mine


def _standing_before(record: ApprovalRecord) -> "ApprovalRecord | None":
    """The request approved before this one that is released or may still be.

    Those between have failed meanwhile, at most as many as were ordered at the same time.
    """
    seen = {record["approval"]}
    name = record["after"]
    while name is not None and name not in seen:
        seen.add(name)
        number = number_of(name)
        found = None if number is None else approvals.get(number)
        if found is None:
            return None
        if "ReleaseFailed" not in found["state"]:
            return found
        name = found["after"]
    return None
