"""The question "may this order be carried out?" and the votes on it. Pure rules; fails closed.

A question is immutable: its order names all that the release will do. Times are nanoseconds since
1970.
"""

from typing import TYPE_CHECKING

from canisters.verification.gates.rules import evaluate_all, first_failure
from shared.rules.digests import is_digest
from shared.rules.limits import (
    DEFAULT_APPROVAL_TTL_NS,
    MAX_APPROVAL_TTL_NS,
    MAX_APPROVERS,
    MAX_ARTIFACT_BYTES,
    MAX_GATES,
    MAX_NAME_CHARS,
    MAX_PATH_CHARS,
    MAX_PIPELINE_BYTES,
    MAX_SOURCE_BYTES,
    MAX_TEXT_CHARS,
    SECOND_NS,
)
from shared.rules.refused import conflict, denied, invalid
from shared.rules.roles import ANONYMOUS

if TYPE_CHECKING:
    from kybra import Principal

    from canisters.verification.records import ApprovalRecord, LatestRecord
    from shared.types.pipeline import ApprovalPolicy
    from shared.types.release import (
        ApprovalDecision,
        ApprovalInput,
        ApprovalState,
        ApprovalVote,
        NoticeState,
        Order,
        OrderVerdict,
        Plan,
        ReleaseOrder,
        ReleaseProgress,
    )

RECORD_VERSION = 2
PREFIX = "approval-"


def name_of(number: int) -> str:
    return f"{PREFIX}{number + 1}"


def number_of(approval: str) -> "int | None":
    """The sequence number in a name, or None when it is not a name of an approval."""
    digits = approval[len(PREFIX) :]
    if not approval.startswith(PREFIX) or not digits.isascii() or not digits.isdigit():
        return None
    if digits.startswith("0") or len(digits) > 15:
        return None
    return int(digits) - 1


def index_key(run: str, target: str) -> str:
    return f"{run}|{target}"


def check_request(request: "ApprovalInput") -> None:
    """Why this question cannot be asked, or None."""
    for field, value, longest in (
        ("run", request["run"], MAX_NAME_CHARS),
        ("target", request["target"], MAX_NAME_CHARS),
        ("stage", request["stage"], MAX_NAME_CHARS),
        ("artifact", request["artifact"], MAX_PATH_CHARS),
    ):
        if not value or len(value.encode()) > longest:
            raise invalid(f"{field} has {len(value.encode())} bytes: use 1 to {longest}")
    if not is_digest(request["sha256"]):
        raise invalid("sha256 is not 64 lower-case hexadecimal digits")
    if not 1 <= request["size"] <= MAX_ARTIFACT_BYTES:
        raise invalid(
            f"the artifact has {request['size']} bytes: "
            f"1 to {MAX_ARTIFACT_BYTES} can be deployed (MAX_ARTIFACT_BYTES)"
        )
    arguments = len(request["install_arg"]) + len(request["upgrade_arg"])
    if arguments > MAX_PIPELINE_BYTES:
        raise invalid(
            f"the arguments have {arguments} bytes: at most {MAX_PIPELINE_BYTES} "
            "(MAX_PIPELINE_BYTES)"
        )
    source = request["source"]
    source_bytes = sum(
        len(part.encode())
        for part in (
            source["repository"],
            source["clone_url"],
            source["ref"],
            source["sha"],
            source["message"],
            source["author"],
        )
    )
    if source_bytes > MAX_SOURCE_BYTES:
        raise invalid(f"the source's fields have {source_bytes} bytes: at most {MAX_SOURCE_BYTES}")
    if len(request["gates"]) > MAX_GATES:
        raise invalid(f"{len(request['gates'])} gates: at most {MAX_GATES} (MAX_GATES)")
    check_policy(request["policy"])


def check_policy(policy: "ApprovalPolicy") -> None:
    """Why nobody could be asked under such a policy, or None."""
    approvers = [approver.to_str() for approver in policy["approvers"]]
    if len(approvers) > MAX_APPROVERS:
        raise invalid(f"{len(approvers)} approvers: at most {MAX_APPROVERS} (MAX_APPROVERS)")
    if ANONYMOUS in approvers:
        raise invalid("the anonymous principal cannot be an approver")
    if len(set(approvers)) != len(approvers):
        raise invalid("an approver is named twice")
    if not 1 <= policy["threshold"] <= len(approvers):
        raise invalid(
            f"threshold is {policy['threshold']} of {len(approvers)} approvers: "
            "nobody could ever approve, or nobody would have to"
        )
    if policy["ttl_seconds"] * SECOND_NS > MAX_APPROVAL_TTL_NS:
        raise invalid(
            f"ttl_seconds is {policy['ttl_seconds']}: at most {MAX_APPROVAL_TTL_NS // SECOND_NS}"
        )
    return


def attempt_of(request: "ApprovalInput") -> int:
    return request["attempt"] or 1


def same_request(one: "ApprovalInput", other: "ApprovalInput") -> bool:
    """Whether both ask the same question on the same terms."""
    return _terms(one) == _terms(other)


def _terms(request: "ApprovalInput") -> "tuple[object, ...]":
    policy = request["policy"]
    return (
        request["run"],
        request["source"],
        request["pipeline_version"],
        request["target"],
        request["stage"],
        request["artifact"],
        request["sha256"],
        request["size"],
        request["mode"],
        request["memory"],
        request["install_arg"],
        request["upgrade_arg"],
        [approver.to_str() for approver in policy["approvers"]],
        policy["threshold"],
        policy["ttl_seconds"],
        request["gates"],
        attempt_of(request),
    )


def ended_without_release(state: "ApprovalState") -> bool:
    """Whether the run may ask anew: nothing was released, and nothing will be."""
    return any(
        word in state for word in ("Rejected", "Expired", "Blocked", "Superseded", "ReleaseFailed")
    )


def make_order(request: "ApprovalInput", plan: "Plan", verdict: "OrderVerdict") -> "Order":
    """All that the release will do, in one record."""
    upgrades = "Upgrade" in plan["mode"]
    return {
        "target": request["target"],
        "canister": plan["canister"],
        "network": plan["network"],
        "repository": request["source"]["repository"],
        "run": request["run"],
        "source": request["source"],
        "pipeline_version": request["pipeline_version"],
        "stage": request["stage"],
        "artifact": request["artifact"],
        "sha256": request["sha256"],
        "size": request["size"],
        "mode": plan["mode"],
        "memory": request["memory"],
        "argument": request["upgrade_arg"] if upgrades else request["install_arg"],
        "verdict": verdict,
        "gates": evaluate_all(request["gates"], request["size"], plan["gates"]),
        "replaces": plan["replaces"],
    }


def changed_since(order: "Order", plan: "Plan") -> "list[str]":
    """What of an order no longer holds, as sentences; empty when it can be carried out again."""
    found = []
    ordered, planned = order["canister"], plan["canister"]
    if (None if ordered is None else ordered.to_str()) != (
        None if planned is None else planned.to_str()
    ):
        found.append("the target is another canister")
    if order["network"] != plan["network"]:
        found.append(f"the target is on network {plan['network']}")
    if order["replaces"] != plan["replaces"]:
        old, new = order["replaces"], plan["replaces"]
        found.append(
            f"the target runs {'no module' if new is None else 'module ' + new.hex()}, "
            f"it ran {'no module' if old is None else 'module ' + old.hex()}"
        )
    for result in plan["gates"]:
        if not result["passed"]:
            found.append(f"a gate fails: {result['detail']}")
    return found


def asked(number: int, request: "ApprovalInput", order: "Order", now_ns: int) -> "ApprovalRecord":
    """The new question; Blocked at once when a gate fails."""
    failure = first_failure(order["gates"])
    ttl_ns = request["policy"]["ttl_seconds"] * SECOND_NS or DEFAULT_APPROVAL_TTL_NS
    state: ApprovalState = {"Pending": None}
    if failure is not None:
        state = {"Blocked": failure}
    return {
        "version": RECORD_VERSION,
        "approval": name_of(number),
        "request": request,
        "mode": order["mode"],
        "gates": order["gates"],
        "state": state,
        "votes": [],
        "created_ns": now_ns,
        "expires_ns": now_ns + ttl_ns,
        "release": None,
        "releases": 0,
    }


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
    run = record["request"]["run"]
    if latest is None or not is_older(run, latest["run"]):
        return None
    how = latest["approval"] if latest["release"] is None else latest["release"]
    return (
        f"{run} is older than {latest['run']}, which was approved for target "
        f"{record['request']['target']} ({how}): to go back, roll that release back"
    )


def state_at(
    record: "ApprovalRecord", now_ns: int, latest: "LatestRecord | None" = None
) -> "ApprovalState":
    """The state as of now: a question may have expired or been superseded without a call."""
    if "Pending" not in record["state"]:
        return record["state"]
    why = superseded_by(record, latest)
    if why is not None:
        return {"Superseded": why}
    if now_ns >= record["expires_ns"]:
        return {"Expired": None}
    return record["state"]


def state_word(state: "ApprovalState") -> str:
    for word in state:
        return word
    return "unknown"


def counted_votes(votes: "list[ApprovalVote]", policy: "ApprovalPolicy") -> "list[ApprovalVote]":
    """The votes in favour that count under a policy: those of whom it names."""
    named = {approver.to_str() for approver in policy["approvers"]}
    return [vote for vote in votes if vote["approve"] and vote["approver"].to_str() in named]


def decide(
    record: "ApprovalRecord",
    decision: "ApprovalDecision",
    digest: str,
    caller: str,
    now_ns: int,
    policy: "ApprovalPolicy",
    admin: "Principal | None" = None,
    latest: "LatestRecord | None" = None,
) -> None:
    """Count one approver's vote, or say why not.

    `policy` is the one in force now; votes of people whom it no longer names count no more. A
    refusal changes nothing, but that an overdue question is marked. `admin` is the caller when it
    is an admin here: it may reject, as the policy may name people who are trusted no more.
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
        raise conflict(f"{name} has expired: start the run again to ask anew")
    superseded = record["state"].get("Superseded")
    if superseded is not None:
        raise conflict(f"{name} is superseded: {superseded}")
    if "Pending" not in record["state"]:
        word = state_word(record["state"])
        raise conflict(f"{name} is {word}: only a Pending request can be decided")
    if decision["digest"] != digest:
        raise conflict(
            f"{name} is about the order with digest {digest} (artifact "
            f"{record['request']['sha256']}), not the one that you decided on: look at it again"
        )
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
    elif len(counted_votes(record["votes"], policy)) >= policy["threshold"]:
        record["state"] = {"Approved": None}
        record["releases"] = 1
    return


def release_order(record: "ApprovalRecord", order: "Order", digest: str) -> "ReleaseOrder":
    """What `deployment` is told to do: nothing that was not in the question."""
    request = record["request"]
    return {
        "approval": record["approval"],
        "run": request["run"],
        "repository": request["source"]["repository"],
        "target": request["target"],
        "stage": request["stage"],
        "artifact": request["artifact"],
        "sha256": request["sha256"],
        "size": request["size"],
        "mode": record["mode"],
        "memory": request["memory"],
        "install_arg": request["install_arg"],
        "upgrade_arg": request["upgrade_arg"],
        "order": order,
        "digest": digest,
        "attempt": record["releases"] or 1,
    }


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
