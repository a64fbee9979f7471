"""What the run is told of its request, and what deployment tells of the release. Pure rules."""

from typing import TYPE_CHECKING

from shared.rules.cutting import cut

if TYPE_CHECKING:
    from canisters.verification.records import ApprovalRecord
    from shared.types.release import NoticeState, ReleaseProgress


def notice_of(record: "ApprovalRecord") -> "NoticeState":
    """What the run is told of its request."""
    state = record["state"]
    name = record["approval"]
    if "Rejected" in state:
        return {"Rejected": f"{name} was rejected{_objections(record)}"}
    if "Expired" in state:
        return {"Rejected": f"{name} expired before enough approvers had decided"}
    blocked = state.get("Blocked")
    if blocked is not None:
        return {"Rejected": f"{name} is blocked: {blocked}"}
    superseded = state.get("Superseded")
    if superseded is not None:
        return {"Rejected": f"{name} is superseded: {superseded}"}
    failed = state.get("ReleaseFailed")
    if failed is not None:
        return {"Failed": f"{record['release'] or name}: {failed}"}
    if "Released" in state:
        return {"Released": None}
    if "Pending" in state:
        return {"Approving": None}
    return {"Releasing": None}


def _objections(record: "ApprovalRecord") -> str:
    for vote in record["votes"]:
        if not vote["approve"]:
            comment = cut(vote["comment"], 200)
            return f" by {vote['approver'].to_str()}" + (f": {comment}" if comment else "")
    return ""


def attempt_of(record: "ApprovalRecord") -> int:
    """Which of the releases of an approval is the last that was ordered, from 1."""
    return record["releases"] or 1


def order_again(record: "ApprovalRecord") -> None:
    """Order the next release of an approval whose last one failed."""
    record["state"] = {"Approved": None}
    record["releases"] = attempt_of(record) + 1


def ordered(record: "ApprovalRecord", attempt: int, release: str) -> bool:
    """Take deployment's answer to the order of `attempt`; whether the state changed.

    Its report may have come before its answer, and people may have ordered again since.
    """
    if attempt != attempt_of(record) or "Approved" not in record["state"]:
        return False
    record["state"] = {"Releasing": release}
    record["release"] = release
    return True


def refused(record: "ApprovalRecord", attempt: int, sentence: str) -> bool:
    """Take deployment's refusal of the order of `attempt`; whether the state changed."""
    if attempt != attempt_of(record) or "Approved" not in record["state"]:
        return False
    record["state"] = {"ReleaseFailed": f"deployment refused the order: {sentence}"}
    return True


def reported(
    record: "ApprovalRecord", attempt: int, release: str, progress: "ReleaseProgress"
) -> bool:
    """Take deployment's report on the release of `attempt`; whether the state changed.

    Reports are repeated until they are acknowledged, so that one of an earlier attempt may come
    after the order of the next: it says nothing about that one. Later states never go back.
    """
    state = record["state"]
    if attempt != attempt_of(record):
        return False
    if not any(word in state for word in ("Approved", "Releasing")):
        return False
    record["release"] = release
    failed = progress.get("Failed")
    if failed is not None:
        record["state"] = {"ReleaseFailed": failed}
    elif "Releasing" in progress:
        changed = "Releasing" not in state
        record["state"] = {"Releasing": release}
        return changed
    else:
        record["state"] = {"Released": release}
    return True
