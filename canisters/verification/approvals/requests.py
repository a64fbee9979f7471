"""What an approval request is, before anybody has decided. Pure rules; times are ns since 1970."""

from typing import TYPE_CHECKING

from canisters.verification.gates.rules import first_failure
from shared.rules import references
from shared.rules.digests import is_digest
from shared.rules.limits import (
    DEFAULT_APPROVAL_TTL_NS,
    MAX_APPROVAL_TTL_NS,
    MAX_APPROVERS,
    MAX_GATES,
    MAX_MODULE_FILE_BYTES,
    MAX_NAME_CHARS,
    MAX_PATH_CHARS,
    MAX_PIPELINE_BYTES,
    MAX_SOURCE_BYTES,
    MAX_TARGETS_PER_PIPELINE,
    SECOND_NS,
)
from shared.rules.refused import invalid
from shared.rules.roles import ANONYMOUS

if TYPE_CHECKING:
    from canisters.verification.records import ApprovalRecord
    from shared.types.approval import ApprovalDecision, ApprovalInput, ApprovalState, Order
    from shared.types.pipeline import ApprovalPolicy

RECORD_VERSION = 2
PREFIX = "approval-"


def name_of(number: int) -> str:
    """The name of the request with this sequence number."""
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
    """The key under which the newest request of a run for a target is found."""
    return f"{run}|{target}"


def approving(approval: str, digest: str, comment: "str | None") -> "ApprovalDecision":
    """The decision to approve. Raises Invalid without a digest: nobody approves unseen."""
    if not is_digest(digest):
        raise invalid(
            "digest: name what you approve by the digest of its order, 64 hexadecimal digits: "
            f"get_approval shows {approval[:80]} with it"
        )
    return {"approval": approval, "digest": digest, "approve": True, "comment": comment or ""}


def check_request(request: "ApprovalInput") -> None:
    """Raise Refused for a request that cannot be made."""
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
    if not 1 <= request["size"] <= MAX_MODULE_FILE_BYTES:
        raise invalid(
            f"the artifact has {request['size']} bytes: "
            f"1 to {MAX_MODULE_FILE_BYTES} can be deployed (MAX_MODULE_FILE_BYTES)"
        )
    folder = request["assets"]
    if folder is not None and not (folder[-1:] == "/" and 1 < len(folder) <= MAX_PATH_CHARS):
        raise invalid(f"assets: a folder ends in / and has 2 to {MAX_PATH_CHARS} characters")
    arguments = len(request["install_arg"]) + len(request["upgrade_arg"])
    if arguments > MAX_PIPELINE_BYTES:
        raise invalid(
            f"the arguments have {arguments} bytes: at most {MAX_PIPELINE_BYTES} "
            "(MAX_PIPELINE_BYTES)"
        )
    for field, argument, found in (
        ("install_arg", request["install_arg"], request["install_references"]),
        ("upgrade_arg", request["upgrade_arg"], request["upgrade_references"]),
    ):
        why = references.problem(argument, found or [])
        if why is not None:
            raise invalid(f"{field}: {why}")
        if len(references.targets_of(found)) > MAX_TARGETS_PER_PIPELINE:
            raise invalid(f"{field}: refers to more than {MAX_TARGETS_PER_PIPELINE} targets")
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
    """Raise Refused for a policy under which nobody could be asked."""
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


def attempt_of(request: "ApprovalInput") -> int:
    """Which of the requests of its run and target this is, from 1."""
    return request["attempt"] or 1


def same_request(one: "ApprovalInput", other: "ApprovalInput") -> bool:
    """Whether both ask the same on the same terms."""
    return _terms(one) == _terms(other) and attempt_of(one) == attempt_of(other)


def renew(stored: "ApprovalInput", asked: "ApprovalInput", state: "ApprovalState") -> bool:
    """Let a request that is approved stand for a later attempt of the same; whether it does.

    People may have ordered its release again before its run asked anew: the run hears of it then.
    """
    is_approved = any(word in state for word in ("Approved", "Releasing", "Released"))
    if not is_approved or _terms(stored) != _terms(asked):
        return False
    stored["attempt"] = asked["attempt"]
    return True


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
        request["install_references"] or [],
        request["upgrade_references"] or [],
        request["assets"],
        [approver.to_str() for approver in policy["approvers"]],
        policy["threshold"],
        policy["ttl_seconds"],
        request["gates"],
    )


def asked(number: int, request: "ApprovalInput", order: "Order", now_ns: int) -> "ApprovalRecord":
    """The record of a new request; Blocked at once when a gate fails."""
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
        "after": None,
    }
