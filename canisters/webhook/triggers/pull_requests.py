"""Whether a trigger wants a pull request. Plain Python."""

from canisters.webhook.providers.pull_request import PullRequestEvent
from shared.rules.patterns import takes
from shared.rules.pull_requests import USUAL_TYPES


def why_not(
    pull: PullRequestEvent,
    branches: "list[str]",
    types: "list[str] | None" = None,
    labels: "list[str] | None" = None,
    drafts: bool = False,
) -> "str | None":
    """Why not: "" when its target branch is no matter of the trigger, None when it is wanted."""
    if not takes(branches, pull.target):
        return ""
    named = f"pull request {pull.number}"
    if pull.action not in (types or USUAL_TYPES):
        return f"the triggers of {named} do not want what has happened to it ({pull.action})"
    if pull.draft and not drafts:
        return f"{named} is a draft"
    if labels and not any(takes(labels, label) for label in pull.labels):
        return f"the triggers of {named} want a label that it does not have"
    return None


def why_held(pull: "PullRequestEvent | None") -> "str | None":
    """What a change waits for before it may start a run; None when it may start one now."""
    if pull is None or not pull.fork:
        return None
    return (
        f"pull request {pull.number} comes from a fork: an admin must look at this commit and "
        "allow it, with dcanary delivery allow"
    )
