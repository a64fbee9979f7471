"""Stored targets as the public sees them."""

from typing import TYPE_CHECKING

from canisters.deployment.targets.rules import holder

if TYPE_CHECKING:
    from canisters.deployment.records import TargetRecord
    from shared.types.target import Target


def shown(record: "TargetRecord", now_ns: int) -> "Target":
    return {
        "target": record["target"],
        "repository": record["repository"],
        "network": record["network"],
        "canister": record["canister"],
        "controllers": record["controllers"],
        "cycles": record["cycles"],
        "module_hash": record["module_hash"],
        "last_release": record["last_release"],
        "busy": holder(record, now_ns),
        "last_change": record["last_change"],
        "topped_up": record["topped_up"],
    }
