"""GitLab. Source: its documentation, "Webhooks", "Webhook events"; Standard Webhooks 1.0.0."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

from dcanary.forge.errors import ForgeError

MAX_COMMITS = 20
KEY_PREFIX = b"whsec_"
PULL_EVENT = "Merge Request Hook"
PULL_REF = "refs/merge-requests/{}/head"


def event_of(ref: str) -> str:
    return "Tag Push Hook" if ref.startswith("refs/tags/") else "Push Hook"


def _commit(commit: dict[str, Any]) -> dict[str, Any]:
    told = ("id", "message", "timestamp", "url", "author", "added", "modified", "removed")
    found = {key: commit[key] for key in told if key in commit}
    return {**found, "title": commit["message"].split("\n", 1)[0]}


def _project(repository: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": repository["id"],
        "name": repository["name"],
        "web_url": repository["html_url"],
        "git_http_url": repository["clone_url"],
        "namespace": repository["owner"]["name"],
        "path_with_namespace": repository["full_name"],
        "default_branch": repository["default_branch"],
    }


def payload_of(payload: dict[str, Any]) -> dict[str, Any]:
    kind = "tag_push" if payload["ref"].startswith("refs/tags/") else "push"
    repository, head, user = payload["repository"], payload["head_commit"], payload["pusher"]
    address = repository["html_url"]
    return {
        "object_kind": kind,
        "event_name": kind,
        "before": payload["before"],
        "after": payload["after"],
        "ref": payload["ref"],
        "ref_protected": False,
        "checkout_sha": None if head is None else head["id"],
        "message": None,
        "user_id": 1,
        "user_name": user["name"],
        "user_username": user["name"],
        "user_email": user["email"],
        "project_id": repository["id"],
        "project": _project(repository),
        "repository": {
            "name": repository["name"],
            "homepage": address,
            "git_http_url": repository["clone_url"],
        },
        "commits": [_commit(each) for each in payload["commits"][-MAX_COMMITS:]],
        "total_commits_count": len(payload["commits"]),
    }


def pull_payload_of(payload: dict[str, Any]) -> dict[str, Any]:
    """A pull request as a merge request."""
    pull, is_new = payload["pull_request"], payload["action"] == "opened"
    head, base = pull["head"], pull["base"]
    update = {} if is_new else {"oldrev": base["sha"]}
    return {
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "user": {"name": pull["user"]["login"], "username": pull["user"]["login"]},
        "project": _project(payload["repository"]),
        "object_attributes": {
            "iid": pull["number"],
            "title": pull["title"],
            "description": pull["body"],
            "state": "opened",
            "action": "open" if is_new else "update",
            **update,
            "draft": pull["draft"],
            "source_branch": head["ref"],
            "source_project_id": head["repo"]["id"],
            "source": _project(head["repo"]),
            "target_branch": base["ref"],
            "target_project_id": base["repo"]["id"],
            "target": _project(base["repo"]),
            "last_commit": {"id": head["sha"]},
        },
        "labels": [{"title": each["name"]} for each in pull["labels"]],
        "changes": {},
    }


def headers_of(delivery: str, event: str, body: bytes, secret: bytes, now: int) -> dict[str, str]:
    """A secret that begins with `whsec_` signs, as a signing token; another one is sent.

    Raises ForgeError for a signing token that is none.
    """
    headers = {
        "X-Gitlab-Event": event,
        "X-Gitlab-Event-UUID": delivery,
        "Idempotency-Key": delivery,
    }
    if not secret.startswith(KEY_PREFIX):
        return {**headers, "X-Gitlab-Token": secret.decode("latin-1")}
    try:
        key = base64.b64decode(secret.removeprefix(KEY_PREFIX), validate=True)
    except binascii.Error:
        raise ForgeError("the secret begins with whsec_, but is no signing token") from None
    text = f"{delivery}.{now}.".encode() + body
    signature = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return {
        **headers,
        "webhook-id": delivery,
        "webhook-timestamp": str(now),
        "webhook-signature": f"v1,{signature}",
    }
