"""Gitea, and Forgejo, which sends the same under two names. Source: their documentation,
"Webhooks", and Gitea's `services/webhook/deliver.go`."""

from __future__ import annotations

from typing import Any

from dcanary.forge.kinds.signing import hex_signature

PULL_EVENT = "pull_request"


def event_of(ref: str) -> str:
    return "push"


def payload_of(payload: dict[str, Any]) -> dict[str, Any]:
    """Newest commit first, no flags; who pushed is a user."""
    user = {"id": 1, "login": payload["sender"]["login"], "full_name": "", "username": "local"}
    return {
        "ref": payload["ref"],
        "before": payload["before"],
        "after": payload["after"],
        "compare_url": payload["compare"],
        "commits": payload["commits"][::-1],
        "total_commits": len(payload["commits"]),
        "head_commit": payload["head_commit"],
        "repository": payload["repository"],
        "pusher": user,
        "sender": user,
    }


def pull_payload_of(payload: dict[str, Any]) -> dict[str, Any]:
    """The same, with Gitea's word for new commits, and labels of branches without their owner."""
    pull = payload["pull_request"]
    ends = {end: {**pull[end], "label": pull[end]["ref"]} for end in ("head", "base")}
    action = {"synchronize": "synchronized"}.get(payload["action"], payload["action"])
    return {**payload, "action": action, "pull_request": {**pull, **ends}}


def headers_of(delivery: str, event: str, body: bytes, secret: bytes, now: int) -> dict[str, str]:
    signature = hex_signature(secret, body)
    return {
        "X-Forgejo-Delivery": delivery,
        "X-Forgejo-Event": event,
        "X-Forgejo-Signature": signature,
        "X-Gitea-Delivery": delivery,
        "X-Gitea-Event": event,
        "X-Gitea-Event-Type": event,
        "X-Gitea-Signature": signature,
        "X-GitHub-Delivery": delivery,
        "X-GitHub-Event": event,
        "X-Hub-Signature-256": f"sha256={signature}",
    }
