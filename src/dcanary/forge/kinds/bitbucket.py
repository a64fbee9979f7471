"""Bitbucket Cloud. Source: its documentation, "Event payloads", "Manage webhooks".

Bitbucket sends one delivery for a push. This forge sends one for each ref, as it does for all
kinds: what it knows of a ref is whether its moves were told.
"""

from __future__ import annotations

from typing import Any

from dcanary.forge.kinds.signing import hex_signature


def event_of(ref: str) -> str:
    return "repo:push"


def _ref(ref: str, sha: str, head: dict[str, Any] | None) -> dict[str, Any]:
    """A branch or tag; of the commit what is known: that of an old ref is not."""
    kind, _, name = ref.removeprefix("refs/").partition("/")
    target: dict[str, Any] = {"type": "commit", "hash": sha}
    if head is not None:
        author = head["author"]
        target |= {
            "hash": head["id"],
            "message": head["message"],
            "date": head["timestamp"],
            "author": {"type": "author", "raw": f"{author['name']} <{author['email']}>"},
        }
    return {
        "type": {"heads": "branch", "tags": "tag"}.get(kind, kind),
        "name": name,
        "target": target,
    }


def payload_of(payload: dict[str, Any]) -> dict[str, Any]:
    ref, repository = payload["ref"], payload["repository"]
    created, deleted = payload["created"], payload["deleted"]
    change = {
        "created": created,
        "closed": deleted,
        "forced": payload["forced"],
        "truncated": False,
        "old": None if created else _ref(ref, payload["before"], None),
        "new": None if deleted else _ref(ref, payload["after"], payload["head_commit"]),
    }
    return {
        "push": {"changes": [change]},
        "repository": {
            "type": "repository",
            "scm": "git",
            "name": repository["name"],
            "full_name": repository["full_name"],
            "is_private": False,
            "links": {"html": {"href": repository["html_url"]}},
        },
        "actor": {"type": "user", "display_name": payload["pusher"]["name"]},
    }


def headers_of(delivery: str, event: str, body: bytes, secret: bytes, now: int) -> dict[str, str]:
    return {
        "X-Event-Key": event,
        "X-Request-UUID": delivery,
        "X-Attempt-Number": "1",
        "X-Hub-Signature": "sha256=" + hex_signature(secret, body),
    }
