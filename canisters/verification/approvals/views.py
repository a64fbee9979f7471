"""Stored approval requests as the public sees them."""

from typing import TYPE_CHECKING

from canisters.verification.approvals.orders import bound_arguments
from canisters.verification.approvals.rules import counted_votes, state_at
from shared.rules.orders import order_digest

if TYPE_CHECKING:
    from canisters.verification.records import ApprovalRecord, LatestRecord
    from shared.types.approval import Approval, Order
    from shared.types.pipeline import ApprovalPolicy


def shown(
    record: "ApprovalRecord",
    now_ns: int,
    order: "Order | None",
    policy: "ApprovalPolicy",
    latest: "LatestRecord | None",
) -> "Approval":
    """The public view, with the resolved mode in its request, and the argument of the order."""
    request = record["request"]
    install_arg, upgrade_arg = request["install_arg"], request["upgrade_arg"]
    if order is not None:
        install_arg, upgrade_arg = bound_arguments(request, order)
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
            "install_arg": install_arg,
            "upgrade_arg": upgrade_arg,
            "policy": request["policy"],
            "gates": request["gates"],
            "attempt": request["attempt"],
            "install_references": request["install_references"],
            "upgrade_references": request["upgrade_references"],
            "assets": request["assets"],
        },
        "gates": record["gates"],
        "state": state_at(record, now_ns, latest),
        "votes": record["votes"],
        "created_ns": record["created_ns"],
        "expires_ns": record["expires_ns"],
        "order": order,
        "digest": None if order is None else order_digest(order),
        "release": record["release"],
        "policy": policy,
        "counted": [vote["approver"] for vote in counted_votes(record["votes"], policy)],
    }
