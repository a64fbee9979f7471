"""Who decides an approval request, and in which state it is. Pure rules; they fail closed.

A request is immutable: its order names all that the release will do. Times are nanoseconds since
1970.
"""

from typing import TYPE_CHECKING

from shared.rules.limits import MAX_TEXT_CHARS
from shared.rules.refused import conflict, denied, invalid
from shared.rules.roles import ANONYMOUS

if TYPE_CHECKING:
    from kybra import Principal

    from canisters.verification.records import ApprovalRecord, LatestRecord
    from shared.types.approval import ApprovalDecision, ApprovalState, ApprovalVote
    from shared.types.pipeline import ApprovalPolicy


def run_number(run: str) -> "int | None":
    """The sequence number in a run's name, None for a name of another form."""
    digits = run.rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 15 else None


def is_older(run: str, than: str) -> bool:
    """Whether a run is older than another of the same repository, as far as names tell."""
    mine, other = run_number(run), run_number(than)
    return mine is not None and other is not None and mine < other


def superseded_by(record: "ApprovalRecord", latest: "LatestRecord | None") -> "str | None":
    """Why the request is void because of what was approved for its target since, or None."""
    return superseded(record["request"]["run"], record["request"]["target"], latest)


def superseded(run: str, target: str, latest: "LatestRecord | None") -> "str | None":
    """Why people are not asked about a run for a target, for which `latest` was approved."""
    if latest is None or not is_older(run, latest["run"]):
        return None
    how = latest["approval"] if latest["release"] is None else latest["release"]
    return (
        f"{run} is older than {latest['run']}, which was approved for target {target} ({how}): to "
        "go back, roll that release back"
    )


def overtaken_by(record: "ApprovalRecord", newer: "ApprovalRecord") -> str:
    """Say why a failed order is not carried out again once `newer` was approved for its target."""
    name, state = newer["approval"], newer["state"]
    released = state.get("Released")
    if "ReleaseFailed" in state:
        next_step = f"`dcanary release retry {name}` carries that one out again"
    elif released is not None:
        next_step = f"`dcanary release rollback {released}` takes that one back"
    else:
        next_step = "wait until its release has ended"
    source = record["request"]["source"]
    return (
        f"{name} of {newer['request']['run']} was approved for target "
        f"{record['request']['target']} after {record['approval']}, which is void: {next_step}. To "
        f"go back to what {record['request']['run']} built, start its commit anew: `dcanary run "
        f"start {source['repository']} --ref {source['ref']} --sha {source['sha']}`"
    )


def state_at(
    record: "ApprovalRecord", now_ns: int, latest: "LatestRecord | None" = None
) -> "ApprovalState":
    """The state as of now: a request may have expired or been superseded without a call."""
    if "Pending" not in record["state"]:
        return record["state"]
    why = superseded_by(record, latest)
    if why is not None:
        return {"Superseded": why}
    if now_ns >= record["expires_ns"]:
        return {"Expired": None}
    return record["state"]


def state_word(state: "ApprovalState") -> str:
    """The case of a state."""
    for word in state:
        return word
    return "unknown"


def ended_without_release(state: "ApprovalState") -> bool:
    """Whether the run may ask anew: nothing was released, and nothing will be."""
    return any(
        word in state for word in ("Rejected", "Expired", "Blocked", "Superseded", "ReleaseFailed")
    )


def is_over(state: "ApprovalState") -> bool:
    """Whether the request needs no order any more: none will be carried out."""
    return "Pending" not in state and "Approved" not in state


def give_up(record: "ApprovalRecord", problem: str) -> None:
    """End an approved request for which no order can be made."""
    record["state"] = {"ReleaseFailed": f"no order could be made: {problem}"}


def counted_votes(votes: "list[ApprovalVote]", policy: "ApprovalPolicy") -> "list[ApprovalVote]":
    """The votes in favour that count under a policy: those of whom it names."""
    named = {approver.to_str() for approver in policy["approvers"]}
    return [vote for vote in votes if vote["approve"] and vote["approver"].to_str() in named]


def is_enough(record: "ApprovalRecord", policy: "ApprovalPolicy") -> bool:
    """Whether the votes in favour suffice under a policy."""
    return len(counted_votes(record["votes"], policy)) >= policy["threshold"]


def approve(record: "ApprovalRecord") -> None:
    """Have the order of a request carried out."""
    record["state"] = {"Approved": None}
    record["releases"] = 1


def decide(
    record: "ApprovalRecord",
    decision: "ApprovalDecision",
    digest: str,
    caller: str,
    now_ns: int,
    policy: "ApprovalPolicy",
    admin: "Principal | None" = None,
    latest: "LatestRecord | None" = None,
    unbound: "str | None" = None,
) -> None:
    """Count one approver's vote, or raise Refused.

    `policy` is the one in force now; votes of people whom it no longer names count no more. A
    refusal changes nothing, but that a request which can be approved no more is marked. `admin` is
    the caller when it is an admin here: it may reject, as the policy may name people who are
    trusted no more. `unbound` says what the order leaves open that people must decide on: such a
    request is blocked when somebody would approve it.
    """
    approvers = {approver.to_str(): approver for approver in policy["approvers"]}
    if admin is not None and not decision["approve"]:
        approvers[caller] = admin
    name = record["approval"]
    if caller == ANONYMOUS or caller not in approvers:
        raise denied(
            f"{caller} is not an approver of {name}: the policy of its repository names them"
        )
    for vote in record["votes"]:
        if vote["approver"].to_str() == caller:
            raise conflict(f"{caller} has voted on {name} already: a vote is final")
    record["state"] = state_at(record, now_ns, latest)
    if "Expired" in record["state"]:
        run = record["request"]["run"]
        raise conflict(f"{name} has expired: `dcanary run retry {run}` asks anew")
    superseded = record["state"].get("Superseded")
    if superseded is not None:
        raise conflict(f"{name} is superseded: {superseded}")
    if "Pending" not in record["state"]:
        word = state_word(record["state"])
        why = record["state"].get("Blocked")
        told = word if why is None else f"{word} ({why})"
        raise conflict(f"{name} is {told}: only a Pending request can be decided")
    if decision["digest"] != digest:
        raise conflict(
            f"{name} is about the order with digest {digest} (artifact "
            f"{record['request']['sha256']}), not the one that you decided on: look at it again"
        )
    if unbound is not None and decision["approve"]:
        record["state"] = {"Blocked": unbound}
        raise conflict(f"{name} is Blocked ({unbound})")
    if len(decision["comment"].encode()) > MAX_TEXT_CHARS:
        raise invalid(f"the comment has more than {MAX_TEXT_CHARS} bytes (MAX_TEXT_CHARS)")
    record["votes"].append(
        {
            "approver": approvers[caller],
            "approve": decision["approve"],
            "comment": decision["comment"],
            "at_ns": now_ns,
        }
    )
    if not decision["approve"]:
        record["state"] = {"Rejected": None}
    elif is_enough(record, policy):
        approve(record)
