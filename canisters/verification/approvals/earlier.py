"""Requests that 0.1.0 stored: it told runs nothing of them, and knew nothing of their releases.

They are told of once after the upgrade, one after the other, the newest first: each by a message
`earlier:<n>`, which is open until that of the next is. What this version writes has the current
version number, also when it writes a request before its turn.
"""

from canisters.verification.records import APPROVAL, ApprovalRecord
from canisters.verification.store import approvals, open_approvals, outgoing

PREFIX = "earlier:"


def is_telling() -> bool:
    """Whether requests of 0.1.0 are still to be told of. Costs one look per open message."""
    return any(key.startswith(PREFIX) for key, _ in outgoing.items())


def is_untold(number: int) -> bool:
    """Whether the request is as 0.1.0 stored it."""
    found = approvals.stored.get(number)
    return found is not None and found["version"] < APPROVAL.current


def newest_untold() -> "int | None":
    """The request to begin with after an upgrade; None when there is nothing to begin.

    Who asks whether all were told of asks `is_telling`: a request may be written before its turn.
    """
    return approvals.len() - 1 if is_untold(0) else None


def taken(number: int) -> "ApprovalRecord | None":
    """The request as it is from now on, not written yet; None when there is nothing to tell.

    0.1.0 said Released as soon as a release was ordered: that the request is approved is all that
    is known until deployment says what became of it. One that was written so before is given again,
    for its answer may have been lost.
    """
    record = approvals.get(number)
    if record is None:
        return None
    if not (is_untold(number) or is_unanswered(record) or is_unlisted(number, record)):
        return None
    if "Released" in record["state"]:
        record["state"] = {"Approved": None}
    return record


def is_unlisted(number: int, record: ApprovalRecord) -> bool:
    """Whether people may decide the request, and nothing ends it in time or tells its run.

    A vote, or the order that was made for one, may have written it before its turn came.
    """
    return "Pending" in record["state"] and not open_approvals.contains_key(number)


def is_unanswered(record: ApprovalRecord) -> bool:
    """Whether deployment is to say what became of the release that 0.1.0 had ordered."""
    return "Approved" in record["state"] and record["release"] is not None
