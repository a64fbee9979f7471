"""Counts the votes on a request by the policy in force; what an approval means for older requests.

`tell` is given the numbers of requests whose runs are to be told.
"""

from collections.abc import Callable

from kybra import ic

from canisters.verification.approvals import rules
from canisters.verification.approvals.latest import latest_of, set_latest
from canisters.verification.records import ApprovalRecord
from canisters.verification.store import approvals, open_approvals, policies
from shared.types.pipeline import ApprovalPolicy


def policy_for(record: ApprovalRecord) -> ApprovalPolicy:
    """The policy in force; the request's own when pipeline_config has told none."""
    stored = policies.get(record["request"]["source"]["repository"])
    return record["request"]["policy"] if stored is None else stored["policy"]


def is_met(record: ApprovalRecord) -> bool:
    """Whether a request that waits has the votes that the policy in force asks for."""
    state = rules.state_at(record, ic.time(), latest_of(record["request"]["target"]))
    return "Pending" in state and rules.is_enough(record, policy_for(record))


def note_vote(number: int) -> None:
    """Enter that a request has votes and waits for more: another policy may ask for fewer."""
    row = open_approvals.get(number)
    if row is not None:
        row["voted"] = True
        open_approvals.insert(number, row)


def supersede_older(decided: int, record: ApprovalRecord, tell: "Callable[[int], None]") -> None:
    """Void the undecided requests of older runs for the target of one that is approved now."""
    set_latest(decided, record)
    void_older(record, tell)


def void_older(record: ApprovalRecord, tell: "Callable[[int], None]") -> None:
    """Void the undecided requests of older runs for the target of an approved one."""
    target = record["request"]["target"]
    now = latest_of(target)
    for number, row in open_approvals.items():
        if row["target"] != target or not rules.is_older(row["run"], record["request"]["run"]):
            continue
        older = approvals.get(number)
        if older is not None:
            older["state"] = rules.state_at(older, ic.time(), now)
            approvals.insert(number, older)
        open_approvals.remove(number)
        tell(number)
