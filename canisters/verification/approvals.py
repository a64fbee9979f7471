"""The question "may these bytes go to that target?" and the votes on it. Pure rules; fails closed.

A question is immutable: it names run, target, mode and the artifact's sha256. Times are
nanoseconds since 1970.
"""

from typing import TYPE_CHECKING

from canisters.verification.gates import evaluate_all, first_failure
from canisters.verification.rounds import is_digest
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
from shared.rules.roles import ANONYMOUS
from shared.types.errors import Error, conflict, denied, invalid

if TYPE_CHECKING:
    from kybra import Principal

    from canisters.verification.store import ApprovalRecord
    from shared.types.pipeline import Mode
    from shared.types.release import (
        Approval,
        ApprovalDecision,
        ApprovalInput,
        ApprovalState,
        ReleaseOrder,
    )

RECORD_VERSION = 1
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


def check_request(request: "ApprovalInput") -> "Error | None":
    """Why this question cannot be asked, or None."""
    for field, value, longest in (
        ("run", request["run"], MAX_NAME_CHARS),
        ("target", request["target"], MAX_NAME_CHARS),
        ("stage", request["stage"], MAX_NAME_CHARS),
        ("artifact", request["artifact"], MAX_PATH_CHARS),
    ):
        if not value or len(value.encode()) > longest:
            return invalid(f"{field} has {len(value.encode())} bytes: use 1 to {longest}")
    if not is_digest(request["sha256"]):
        return invalid("sha256 is not 64 lower-case hexadecimal digits")
    if not 1 <= request["size"] <= MAX_ARTIFACT_BYTES:
        return invalid(
            f"the artifact has {request['size']} bytes: "
            f"1 to {MAX_ARTIFACT_BYTES} can be deployed (MAX_ARTIFACT_BYTES)"
        )
    arguments = len(request["install_arg"]) + len(request["upgrade_arg"])
    if arguments > MAX_PIPELINE_BYTES:
        return invalid(
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
        return invalid(f"the source's fields have {source_bytes} bytes: at most {MAX_SOURCE_BYTES}")
    return _check_policy(request)


def _check_policy(request: "ApprovalInput") -> "Error | None":
    policy = request["policy"]
    approvers = [approver.to_str() for approver in policy["approvers"]]
    if len(request["gates"]) > MAX_GATES:
        return invalid(f"{len(request['gates'])} gates: at most {MAX_GATES} (MAX_GATES)")
    if len(approvers) > MAX_APPROVERS:
        return invalid(f"{len(approvers)} approvers: at most {MAX_APPROVERS} (MAX_APPROVERS)")
    if ANONYMOUS in approvers:
        return invalid("the anonymous principal cannot be an approver")
    if len(set(approvers)) != len(approvers):
        return invalid("an approver is named twice")
    if not 1 <= policy["threshold"] <= len(approvers):
        return invalid(
            f"threshold is {policy['threshold']} of {len(approvers)} approvers: "
            "nobody could ever approve, or nobody would have to"
        )
    if policy["ttl_seconds"] * SECOND_NS > MAX_APPROVAL_TTL_NS:
        return invalid(
            f"ttl_seconds is {policy['ttl_seconds']}: at most {MAX_APPROVAL_TTL_NS // SECOND_NS}"
        )
    return None


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
        request["attempt"],
    )


def resolve_mode(asked: "Mode", planned: "Mode") -> "Mode | str":
    """The mode that people are asked about, or why it cannot be.

    `planned` is what the target can take now.
    """
    if "Auto" in asked:
        return planned
    if "Install" in planned and "Install" not in asked:
        return "the target has no module to upgrade or reinstall: use mode Auto or Install"
    if "Install" not in planned and "Install" in asked:
        return "the target has a module already: use mode Auto, Upgrade or Reinstall"
    return asked


def asked(number: int, request: "ApprovalInput", mode: "Mode", now_ns: int) -> "ApprovalRecord":
    """The new question; Blocked at once when a gate fails."""
    gates = evaluate_all(request["gates"], request["size"])
    failure = first_failure(gates)
    ttl_ns = request["policy"]["ttl_seconds"] * SECOND_NS or DEFAULT_APPROVAL_TTL_NS
    state: ApprovalState = {"Pending": None}
    if failure is not None:
        state = {"Blocked": failure}
    return {
        "version": RECORD_VERSION,
        "approval": name_of(number),
        "request": request,
        "mode": mode,
        "gates": gates,
        "state": state,
        "votes": [],
        "created_ns": now_ns,
        "expires_ns": now_ns + ttl_ns,
    }


def state_at(record: "ApprovalRecord", now_ns: int) -> "ApprovalState":
    """The state as of now: a question that nobody decided in time has expired."""
    if "Pending" in record["state"] and now_ns >= record["expires_ns"]:
        return {"Expired": None}
    return record["state"]


def state_word(state: "ApprovalState") -> str:
    for word in state:
        return word
    return "unknown"


def decide(
    record: "ApprovalRecord",
    decision: "ApprovalDecision",
    caller: str,
    now_ns: int,
    admin: "Principal | None" = None,
) -> "Error | None":
    """Count one approver's vote, or say why not.

    A refusal changes nothing, but that an overdue question is marked Expired. `admin` is the caller
    when it is an admin here: it may reject, as the policy may name people who are trusted no more.
    """
    policy = record["request"]["policy"]
    approvers = {approver.to_str(): approver for approver in policy["approvers"]}
    if admin is not None and not decision["approve"]:
        approvers[caller] = admin
    name = record["approval"]
    if caller == ANONYMOUS or caller not in approvers:
        return denied(f"{caller} is not an approver of {name}: its pipeline's policy names them")
    for vote in record["votes"]:
        if vote["approver"].to_str() == caller:
            return conflict(f"{caller} has voted on {name} already: a vote is final")
    record["state"] = state_at(record, now_ns)
    if "Expired" in record["state"]:
        return conflict(f"{name} has expired: start the run again to ask anew")
    if "Pending" not in record["state"]:
        word = state_word(record["state"])
        return conflict(f"{name} is {word}: only a Pending request can be decided")
    if decision["sha256"] != record["request"]["sha256"]:
        return conflict(
            f"{name} is about the artifact with sha256 {record['request']['sha256']}, "
            "not the one that you decided on: look at it again"
        )
    if len(decision["comment"].encode()) > MAX_TEXT_CHARS:
        return invalid(f"the comment has more than {MAX_TEXT_CHARS} bytes (MAX_TEXT_CHARS)")
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
    elif sum(1 for vote in record["votes"] if vote["approve"]) >= policy["threshold"]:
        record["state"] = {"Approved": None}
    return None


def order_of(record: "ApprovalRecord") -> "ReleaseOrder":
    """What `deployment` is told to install: nothing that was not in the question."""
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
        "order": None,
        "digest": None,
        "attempt": None,
    }


def shown(record: "ApprovalRecord", now_ns: int) -> "Approval":
    """The public view, with the resolved mode in its request."""
    request = record["request"]
    return {
        "approval": record["approval"],
        "request": {
            "run": request["run"],
            "source": request["source"],
            "pipeline_version": request["pipeline_version"],
            "target": request["target"],
            "stage": request["stage"],
            "artifact": request["artifact"],
            "sha256": request["sha256"],
            "size": request["size"],
            "mode": record["mode"],
            "memory": request["memory"],
            "install_arg": request["install_arg"],
            "upgrade_arg": request["upgrade_arg"],
            "policy": request["policy"],
            "gates": request["gates"],
            "attempt": request["attempt"],
        },
        "gates": record["gates"],
        "state": state_at(record, now_ns),
        "votes": record["votes"],
        "created_ns": record["created_ns"],
        "expires_ns": record["expires_ns"],
        "order": None,
        "digest": None,
        "release": None,
        "policy": request["policy"],
        "counted": [vote["approver"] for vote in record["votes"]],
    }
