"""Doors to what nobody may ask deployment for: they say how it is done."""

from canisters.deployment.targets.service import find
from shared.rules.refused import conflict


def refuse_unapproved(target: str) -> None:
    """Raise Conflict: no module goes into a target but by an approved order, not even by hand."""
    repository = find(target)["repository"]
    raise conflict(
        f"only what was approved is installed into target {target}: start a run of repository "
        f"{repository} with trigger_run (or push), look at what it asks with list_approvals, and "
        "approve that order by its digest"
    )
