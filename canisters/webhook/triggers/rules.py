"""Which changes start a run, and what a run that is started by hand must name. Plain Python."""

from typing import TYPE_CHECKING

from canisters.webhook.providers.change import Change
from canisters.webhook.triggers import paths, pull_requests
from shared.rules.limits import MAX_FILTER_STEPS, MAX_TEXT_CHARS
from shared.rules.names import is_commit_id
from shared.rules.patterns import BRANCH_PREFIX, TAG_PREFIX, ref_name_problem, takes

if TYPE_CHECKING:
    from shared.types.pipeline import Trigger
    from shared.types.repository import ManualTrigger


def starts_on_hand(triggers: "list[Trigger]") -> bool:
    """Whether people may start runs by hand."""
    return any("Manual" in trigger for trigger in triggers)


def why_not(
    triggers: "list[Trigger]", change: Change, most_steps: int = MAX_FILTER_STEPS
) -> "str | None":
    """Why `change` starts no run ("ignored, because …"), or None when a trigger wants it.

    A filter that could not look at all of the change has its say in `change.note`.
    """
    if change.deleted:
        return f"ignored, because {change.kind} {change.name} was deleted"
    if change.unwanted:
        return f"ignored, because {change.unwanted}"
    if not triggers:
        return "ignored, because no pipeline with triggers is registered for this repository"
    reason = f"no trigger of the pipeline matches {change.kind} {change.name}"
    asked = "pull request" if change.pull_request is not None else "commit message"
    for trigger in triggers:
        filtered = _why_filtered(trigger, change, most_steps)
        if filtered is None:
            if change.skipped:
                return f"ignored, because the {asked} asks to skip it"
            return None
        reason = filtered or reason
    return f"ignored, because {reason}"


def _why_filtered(trigger: "Trigger", change: Change, most_steps: int) -> "str | None":
    """Why a trigger does not want a change: "" when it is no matter of it, None when it does."""
    if change.kind == "branch" and "Push" in trigger:
        return None if takes(trigger["Push"], change.name) else ""
    if change.kind == "tag" and "Tag" in trigger:
        return None if takes(trigger["Tag"], change.name) else ""
    if change.kind == "release" and "Release" in trigger:
        return None if takes(trigger["Release"], change.name) else ""
    if change.kind == "branch" and "FilteredPush" in trigger:
        given = trigger["FilteredPush"]
        if not takes(given["branches"], change.name):
            return ""
        if given["authors"] and not takes(given["authors"], change.author):
            return f"the triggers of branch {change.name} do not want author {change.author}"
        only, ignored = given["paths"] or [], given["paths_ignore"] or []
        wanted, note = paths.wants(change.paths, only, ignored, most_steps)
        if not wanted:
            change.untouched = True
            return f"the triggers of branch {change.name} want none of the changed files"
        change.note = note
        return None
    pull = change.pull_request
    if pull is not None and "PullRequest" in trigger:
        return pull_requests.why_not(pull, trigger["PullRequest"])
    if pull is not None and "FilteredPullRequest" in trigger:
        wants = trigger["FilteredPullRequest"]
        pull.deploys = wants["deploy"] is True and not pull.fork
        return pull_requests.why_not(
            pull, wants["branches"], wants["types"], wants["labels"], wants["drafts"] is True
        )
    return ""


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
