"""Which pushes start a run, and what a run that is started by hand must name. Plain Python."""

from typing import TYPE_CHECKING

from canisters.webhook.providers.change import Change
from shared.rules.limits import MAX_TEXT_CHARS
from shared.rules.names import is_commit_id
from shared.rules.patterns import BRANCH_PREFIX, TAG_PREFIX, matches_any, ref_name_problem

if TYPE_CHECKING:
    from shared.types.pipeline import Trigger
    from shared.types.repository import ManualTrigger


def starts_on_hand(triggers: "list[Trigger]") -> bool:
    """Whether people may start runs by hand."""
    return any("Manual" in trigger for trigger in triggers)


def why_not(triggers: "list[Trigger]", change: Change) -> "str | None":
    """Why `change` starts no run ("ignored, because …"), or None when a trigger matches it."""
    if change.deleted:
        return f"ignored, because {change.kind} {change.name} was deleted"
    if not triggers:
        return "ignored, because no pipeline with triggers is registered for this repository"
    for trigger in triggers:
        if change.kind == "branch" and "Push" in trigger:
            patterns = trigger["Push"]
        elif change.kind == "tag" and "Tag" in trigger:
            patterns = trigger["Tag"]
        else:
            continue
        if matches_any(patterns, change.name):
            if change.skipped:
                return "ignored, because the commit message asks to skip it"
            return None
    return f"ignored, because no trigger of the pipeline matches {change.kind} {change.name}"


def manual_problem(value: "ManualTrigger") -> "str | None":
    """Why a run cannot be started by hand with these words, or None."""
    for prefix in (BRANCH_PREFIX, TAG_PREFIX):
        if value["ref"].startswith(prefix):
            problem = ref_name_problem(value["ref"][len(prefix) :])
            break
    else:
        problem = "write it as refs/heads/<branch> or refs/tags/<tag>"
    if problem is not None:
        return f"ref: {problem}"
    if value["sha"] and not is_commit_id(value["sha"]):
        return (
            "sha must be a full commit id, 40 or 64 lower-case hexadecimal digits, or empty: then "
            "operators read which commit the ref names"
        )
    if len(value["message"]) > MAX_TEXT_CHARS:
        return f"message has more than {MAX_TEXT_CHARS} characters (MAX_TEXT_CHARS)"
    return None
