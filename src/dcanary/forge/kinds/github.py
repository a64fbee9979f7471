"""GitHub. Source: its documentation, "Validating webhook deliveries"."""

from __future__ import annotations

from typing import Any

from dcanary.forge.kinds.signing import hex_signature

PULL_EVENT = "pull_request"


def event_of(ref: str) -> str:
    return "push"


def payload_of(payload: dict[str, Any]) -> dict[str, Any]:
    return payload


def headers_of(delivery: str, event: str, body: bytes, secret: bytes, now: int) -> dict[str, str]:
    return {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": "sha256=" + hex_signature(secret, body),
    }
