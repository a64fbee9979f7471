"""What each kind of forge sends, as its documentation has it: headers, signatures, payloads.

Payloads are cut to what tells a delivery apart; those of GitHub are whole, see
`tests/fixtures/payloads`. Sources:

- GitLab documentation, "Webhooks" and "Webhook events"
  (https://docs.gitlab.com/user/project/integrations/webhook_events/);
- Standard Webhooks 1.0.0
  (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md);
- Bitbucket Cloud documentation, "Event payloads" and "Manage webhooks"
  (https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/);
- Gitea documentation, "Webhooks" (https://docs.gitea.com/usage/webhooks), Forgejo documentation,
  "Webhooks" (https://forgejo.org/docs/latest/user/webhooks/).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import zstandard

Headers = list[tuple[str, str]]

SECRET = b"secret of the repository demo"
SIGNING_TOKEN = b"whsec_" + base64.b64encode(b"a key of thirty-two bytes, of 32")
SHA = "da1560886d4f094c3e6c9ef40349f7d38b5d27d7"
OLD = "95790bf891e76fee5e1747ab589903a6a1f80f22"
NONE = "0" * 40


def hex_of(body: bytes, secret: bytes) -> str:
    return hmac.new(secret, body, hashlib.sha256).hexdigest()


def github_headers(body: bytes, delivery: str, event: str, secret: bytes, now: int) -> Headers:
    return [
        ("X-GitHub-Event", event),
        ("X-GitHub-Delivery", delivery),
        ("X-Hub-Signature-256", "sha256=" + hex_of(body, secret)),
    ]


def gitlab_headers(body: bytes, delivery: str, event: str, secret: bytes, now: int) -> Headers:
    """With a secret token."""
    return [
        ("X-Gitlab-Event", event),
        ("X-Gitlab-Event-UUID", f"event-of-{delivery}"),
        ("Idempotency-Key", delivery),
        ("X-Gitlab-Instance", "https://example.com"),
        ("X-Gitlab-Token", secret.decode("latin-1")),
    ]


def standard_headers(body: bytes, delivery: str, event: str, secret: bytes, now: int) -> Headers:
    """GitLab's with a signing token, and with another secret token beside it."""
    key = base64.b64decode(secret.removeprefix(b"whsec_"))
    text = f"{delivery}.{now}.".encode() + body
    signature = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return [
        *gitlab_headers(body, delivery, event, b"another token", now),
        ("webhook-id", delivery),
        ("webhook-timestamp", str(now)),
        ("webhook-signature", f"v1,{signature}"),
    ]


def bitbucket_headers(body: bytes, delivery: str, event: str, secret: bytes, now: int) -> Headers:
    return [
        ("X-Event-Key", event),
        ("X-Hook-UUID", "a hook"),
        ("X-Request-UUID", delivery),
        ("X-Attempt-Number", "1"),
        ("X-Hub-Signature", "sha256=" + hex_of(body, secret)),
    ]


def gitea_headers(body: bytes, delivery: str, event: str, secret: bytes, now: int) -> Headers:
    """Those of Gitea, which sends GitHub's beside its own."""
    return [
        ("X-Gitea-Delivery", delivery),
        ("X-Gitea-Event", event),
        ("X-Gitea-Signature", hex_of(body, secret)),
        ("X-Gogs-Signature", hex_of(body, secret)),
        ("X-GitHub-Delivery", delivery),
        ("X-GitHub-Event", event),
        ("X-Hub-Signature", "sha1=0"),
        ("X-Hub-Signature-256", "sha256=" + hex_of(body, secret)),
    ]


def forgejo_headers(body: bytes, delivery: str, event: str, secret: bytes, now: int) -> Headers:
    """Those of Forgejo: its own first, and Gitea's."""
    return [
        ("X-Forgejo-Delivery", delivery),
        ("X-Forgejo-Event", event),
        ("X-Forgejo-Signature", hex_of(body, secret)),
        *gitea_headers(body, delivery, event, secret, now),
    ]


def github_push(ref: str, before: str, after: str, **more: object) -> dict[str, Any]:
    head = {"id": after, "message": "fixed readme", "author": {"name": "John Smith"}}
    return {
        "ref": ref,
        "before": before,
        "after": after,
        "deleted": after == NONE,
        "head_commit": None if after == NONE else head,
        "pusher": {"name": "jsmith"},
        "repository": {
            "full_name": "mike/diaspora",
            "clone_url": "https://example.com/mike/diaspora.git",
        },
        **more,
    }


GITLAB_PROJECT = {
    "id": 15,
    "name": "Diaspora",
    "web_url": "http://example.com/mike/diaspora",
    "git_ssh_url": "git@example.com:mike/diaspora.git",
    "git_http_url": "http://example.com/mike/diaspora.git",
    "namespace": "Mike",
    "path_with_namespace": "mike/diaspora",
    "default_branch": "master",
}


def gitlab_push(ref: str, before: str, after: str, **more: object) -> dict[str, Any]:
    kind = "tag_push" if ref.startswith("refs/tags/") else "push"
    commit = {
        "id": after,
        "message": "fixed readme",
        "title": "fixed readme",
        "author": {"name": "GitLab dev user", "email": "gitlabdev@dv6700.(none)"},
    }
    older = {**commit, "id": OLD, "message": "Update Catalan translation [skip ci]"}
    return {
        "object_kind": kind,
        "event_name": kind,
        "before": before,
        "after": after,
        "ref": ref,
        "checkout_sha": None if after == NONE else after,
        "user_id": 4,
        "user_name": "John Smith",
        "user_username": "jsmith",
        "project_id": 15,
        "project": GITLAB_PROJECT,
        "repository": {"name": "Diaspora", "homepage": "http://example.com/mike/diaspora"},
        "commits": [] if kind == "tag_push" or after == NONE else [older, commit],
        "total_commits_count": 2,
        **more,
    }


BITBUCKET_REPOSITORY = {
    "type": "repository",
    "scm": "git",
    "name": "diaspora",
    "full_name": "mike/diaspora",
    "links": {"html": {"href": "https://example.com/mike/diaspora"}},
    "uuid": "{bc771cbf-829e-4c4b-b71f-a0eb3ac2b860}",
}


def bitbucket_ref(ref: str, sha: str) -> dict[str, Any]:
    """A branch or tag as `new` and `old` have it."""
    kind, name = ref.removeprefix("refs/").split("/", 1)
    return {
        "type": {"heads": "branch", "tags": "tag"}[kind],
        "name": name,
        "target": {
            "type": "commit",
            "hash": sha,
            "message": "fixed readme\n",
            "author": {"type": "author", "raw": "John Smith <john@example.com>"},
        },
    }


def bitbucket_change(ref: str, before: str, after: str) -> dict[str, Any]:
    return {
        "forced": False,
        "old": None if before == NONE else bitbucket_ref(ref, before),
        "new": None if after == NONE else bitbucket_ref(ref, after),
        "created": before == NONE,
        "closed": after == NONE,
        "truncated": False,
    }


def bitbucket_pushes(*changes: dict[str, Any], **more: object) -> dict[str, Any]:
    return {
        "push": {"changes": list(changes)},
        "repository": BITBUCKET_REPOSITORY,
        "actor": {"type": "user", "display_name": "John"},
        **more,
    }


def bitbucket_push(ref: str, before: str, after: str, **more: object) -> dict[str, Any]:
    return bitbucket_pushes(bitbucket_change(ref, before, after), **more)


GITEA_REPOSITORY = {
    "id": 140,
    "name": "diaspora",
    "full_name": "mike/diaspora",
    "html_url": "http://example.com/mike/diaspora",
    "ssh_url": "mike@example.com:mike/diaspora.git",
    "clone_url": "http://example.com/mike/diaspora.git",
}


def gitea_push(ref: str, before: str, after: str, **more: object) -> dict[str, Any]:
    commit = {
        "id": after,
        "message": "Webhooks Yay!\n",
        "author": {"name": "Gitea", "email": "someone@gitea.io", "username": "gitea"},
    }
    return {
        "ref": ref,
        "before": before,
        "after": after,
        "compare_url": f"http://example.com/mike/diaspora/compare/{before}...{after}",
        "commits": [] if after == NONE else [commit],
        "head_commit": None if after == NONE else commit,
        "repository": GITEA_REPOSITORY,
        "pusher": {"id": 1, "login": "gitea", "full_name": "Gitea"},
        "sender": {"id": 1, "login": "gitea", "full_name": "Gitea"},
        **more,
    }


@dataclass(frozen=True)
class ForgeKind:
    """One way of sending. `events` are documented events that start nothing, with a payload's part
    beside the repository."""

    name: str
    provider: str
    variant: str
    secret: bytes
    headers: Callable[[bytes, str, str, bytes, int], Headers]
    push: Callable[..., dict[str, Any]]
    push_event: str
    tag_event: str
    events: tuple[str, ...]

    def path(self, repository: str = "diaspora") -> str:
        return f"/webhook/{self.provider}/{repository}"

    def event_of(self, ref: str) -> str:
        return self.tag_event if ref.startswith("refs/tags/") else self.push_event

    def other_payload(self) -> dict[str, Any]:
        """A payload that is no push, of the repository."""
        whole = self.push("refs/heads/main", OLD, SHA)
        place = {key: whole[key] for key in ("repository", "project") if key in whole}
        return {"object_kind": "other", "action": "opened", "ref": "main", **place}


GITLAB_EVENTS = (
    "Issue Hook",
    "Confidential Issue Hook",
    "Work Item Hook",
    "Note Hook",
    "Confidential Note Hook",
    "Wiki Page Hook",
    "Pipeline Hook",
    "Job Hook",
    "Deployment Hook",
    "Feature Flag Hook",
    "Milestone Hook",
    "Emoji Hook",
    "Resource Access Token Hook",
    "Vulnerability Hook",
    "Member Hook",
    "Project Hook",
    "Subgroup Hook",
    "System Hook",
)
BITBUCKET_EVENTS = (
    "repo:fork",
    "repo:updated",
    "repo:transfer",
    "repo:commit_comment_created",
    "repo:commit_status_created",
    "repo:commit_status_updated",
    "issue:created",
    "issue:updated",
    "issue:comment_created",
    "pullrequest:created",
    "pullrequest:updated",
    "pullrequest:approved",
    "pullrequest:unapproved",
    "pullrequest:fulfilled",
    "pullrequest:rejected",
    "pullrequest:comment_created",
    "pullrequest:comment_deleted",
    "pullrequest:changes_request_created",
)
GITEA_EVENTS = (
    "create",
    "delete",
    "fork",
    "issues",
    "issue_assign",
    "issue_label",
    "issue_milestone",
    "issue_comment",
    "pull_request_assign",
    "pull_request_comment",
    "pull_request_review_approved",
    "release",
    "repository",
    "wiki",
    "package",
    "status",
    "workflow_run",
    "workflow_job",
)
GITHUB_EVENTS = ("create", "delete", "release", "workflow_dispatch", "issues")

GITHUB = ForgeKind(
    name="github",
    provider="github",
    variant="GitHub",
    secret=SECRET,
    headers=github_headers,
    push=github_push,
    push_event="push",
    tag_event="push",
    events=GITHUB_EVENTS,
)
GITLAB = ForgeKind(
    name="gitlab with a secret token",
    provider="gitlab",
    variant="GitLab",
    secret=SECRET,
    headers=gitlab_headers,
    push=gitlab_push,
    push_event="Push Hook",
    tag_event="Tag Push Hook",
    events=GITLAB_EVENTS,
)
GITLAB_SIGNED = replace(
    GITLAB,
    name="gitlab with a signing token",
    secret=SIGNING_TOKEN,
    headers=standard_headers,
)
BITBUCKET = ForgeKind(
    name="bitbucket",
    provider="bitbucket",
    variant="Bitbucket",
    secret=SECRET,
    headers=bitbucket_headers,
    push=bitbucket_push,
    push_event="repo:push",
    tag_event="repo:push",
    events=BITBUCKET_EVENTS,
)
GITEA = ForgeKind(
    name="gitea",
    provider="gitea",
    variant="Gitea",
    secret=SECRET,
    headers=gitea_headers,
    push=gitea_push,
    push_event="push",
    tag_event="push",
    events=GITEA_EVENTS,
)
FORGEJO = replace(GITEA, name="forgejo", headers=forgejo_headers)
KINDS = (GITHUB, GITLAB, GITLAB_SIGNED, BITBUCKET, GITEA, FORGEJO)


def github_samples() -> list[tuple[str, dict[str, Any]]]:
    """(event, payload) of every sample of `@octokit/webhooks-examples`."""
    root = Path(__file__).resolve().parents[2]
    packed = (root / "fixtures" / "payloads" / "github.json.zst").read_bytes()
    samples = json.loads(zstandard.ZstdDecompressor().decompress(packed))
    return [(each["event"], each["payload"]) for each in samples]
