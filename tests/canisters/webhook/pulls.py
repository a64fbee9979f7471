"""Pull requests as forges send them, from a branch of the repository and from a fork.

Sources: GitHub documentation, "Webhook events and payloads: pull_request"; GitLab documentation,
"Webhook events: merge request events"; Gitea's `modules/structs/hook.go` and `pull.go`.
"""

from __future__ import annotations

from typing import Any

from tests.canisters.webhook.forges import (
    GITEA,
    GITEA_REPOSITORY,
    GITHUB,
    GITLAB,
    GITLAB_PROJECT,
    OLD,
    SHA,
    ForgeKind,
)

EVENTS = {"github": "pull_request", "gitlab": "Merge Request Hook", "gitea": "pull_request"}
REFS = {
    "github": "refs/pull/7/head",
    "gitlab": "refs/merge-requests/7/head",
    "gitea": "refs/pull/7/head",
}
KINDS = (GITHUB, GITLAB, GITEA)
BASES: dict[str, dict[str, Any]] = {
    "github": {
        "id": 140,
        "full_name": "mike/diaspora",
        "clone_url": "https://example.com/mike/diaspora.git",
    },
    "gitea": GITEA_REPOSITORY,
}


def pull_of(
    kind: ForgeKind,
    *,
    fork: bool = False,
    action: str = "opened",
    sha: str = SHA,
    target: str = "main",
    draft: bool = False,
    labels: tuple[str, ...] = (),
    title: str = "Count in threes",
    body: str | None = None,
) -> dict[str, Any]:
    """Pull request 7, of branch `threes`."""
    if kind.provider == "gitlab":
        return _merge_request(fork, action, sha, target, draft, labels, title, body)
    base = BASES[kind.provider]
    repository = {**base, "id": 99, "full_name": "eve/diaspora"} if fork else base
    owner = "" if kind.provider == "gitea" else f"{repository['full_name'].split('/')[0]}:"
    pull = {
        "number": 7,
        "title": title,
        "body": body,
        "draft": draft,
        "user": {"login": "eve"},
        "labels": [{"name": label} for label in labels],
        "head": {"label": f"{owner}threes", "ref": "threes", "sha": sha, "repo": repository},
        "base": {"label": f"mike:{target}", "ref": target, "sha": OLD, "repo": base},
    }
    return {"action": action, "number": 7, "pull_request": pull, "repository": base}


def _merge_request(
    fork: bool,
    action: str,
    sha: str,
    target: str,
    draft: bool,
    labels: tuple[str, ...],
    title: str,
    body: str | None,
) -> dict[str, Any]:
    words = {"opened": "open", "reopened": "reopen", "synchronize": "update", "closed": "close"}
    place = "eve/diaspora" if fork else "mike/diaspora"
    told: dict[str, Any] = {
        "iid": 7,
        "title": title,
        "description": body,
        "action": words.get(action, "update"),
        "draft": draft,
        "source_branch": "threes",
        "source_project_id": 99 if fork else GITLAB_PROJECT["id"],
        "source": {"path_with_namespace": place},
        "target_branch": target,
        "target_project_id": GITLAB_PROJECT["id"],
        "last_commit": {"id": sha, "message": "Count", "author": {"name": "Eve"}},
    }
    changes = {"ready_for_review": {"draft": {}}, "labeled": {"labels": {}}}.get(action, {})
    if action == "synchronize":
        told["oldrev"] = OLD
    return {
        "object_kind": "merge_request",
        "user": {"name": "Eve"},
        "project": GITLAB_PROJECT,
        "object_attributes": told,
        "labels": [{"title": label} for label in labels],
        "changes": changes,
    }
