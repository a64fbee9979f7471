"""What the run is told of its request, and what deployment tells of the release. Pure rules."""

from typing import TYPE_CHECKING

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
            comment = vote["comment"][:200]
            return f" by {vote['approver'].to_str()}" + (f": {comment}" if comment else "")
    return ""


def reported(record: "ApprovalRecord", release: str, progress: "ReleaseProgress") -> bool:
    """Take deployment's report; whether the state changed. Later states never go back."""
    state = record["state"]
    known = record["release"]
    if known is not None and known != release and "Approved" not in state:
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
