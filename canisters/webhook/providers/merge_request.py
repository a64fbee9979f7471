"""The merge requests of GitLab, as pull requests. Plain Python.

Source: GitLab documentation, "Webhook events: merge request events".
"""

from canisters.webhook.deliveries.payload import text_at
from canisters.webhook.providers.change import Change
from canisters.webhook.providers.pull_request import (
    PullRequestEvent,
    describe,
    labels_at,
    number_at,
    pull_change,
)

ACTIONS = {"open": "opened", "reopen": "reopened"}


def read(payload: "dict[str, object]") -> "list[Change] | str":
    """The merge request of a payload, or a sentence saying which field is wrong."""
    # The event's header is signed in no case: the body must say itself what it is.
    told = payload.get("object_attributes")
    if text_at(payload, "object_kind") != "merge_request" or not isinstance(told, dict):
        return "field `object_kind` is not merge_request, or there are no `object_attributes`"
    number = number_at(told.get("iid"))
    if not number:
        return "field `object_attributes.iid` is no number"
    pull = PullRequestEvent(number, _action(payload, told), text_at(told, "title"))
    pull.draft = _is_draft(told)
    pull.labels = labels_at(payload.get("labels"), "title")
    source, target = told.get("source_project_id"), told.get("target_project_id")
    project = payload.get("project")
    own = project.get("id") if isinstance(project, dict) else None
    if target != own:
        return "field `object_attributes.target_project_id` is not that of `project`"
    pull.fork = own is None or source != own
    branch, into = text_at(told, "source_branch"), text_at(told, "target_branch")
    repository = text_at(told, "source", "path_with_namespace")
    change = pull_change("gitlab", pull, branch, into, repository)
    if isinstance(change, str):
        return change
    author = text_at(told, "last_commit", "author", "name") or text_at(payload, "user", "name")
    sha, body = text_at(told, "last_commit", "id"), text_at(told, "description")
    return describe(change, sha, body, author)


def _is_draft(told: "dict[str, object]") -> bool:
    return told.get("draft") is True or told.get("work_in_progress") is True


def _action(payload: "dict[str, object]", told: "dict[str, object]") -> str:
    """What has happened; an update with `oldrev` brings commits."""
    action = text_at(told, "action")
    if action != "update":
        return ACTIONS.get(action, action)
    if text_at(told, "oldrev"):
        return "synchronize"
    changes = payload.get("changes")
    changed = changes if isinstance(changes, dict) else {}
    if "draft" in changed and not _is_draft(told):
        return "ready_for_review"
    return "labeled" if "labels" in changed else "edited"
