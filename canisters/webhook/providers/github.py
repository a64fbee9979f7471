"""What GitHub sends: its headers, its signature, its two forms of bodies, its pushes.

The body is signed; the delivery's id and its event are not.

Source: GitHub documentation, "Validating webhook deliveries", "Webhook events and payloads",
"Skipping workflow runs".
"""

import hashlib

from canisters.webhook.deliveries.payload import text_at
from canisters.webhook.providers import bodies
from canisters.webhook.providers.change import Change, change_of
from canisters.webhook.providers.files import changed_paths
from canisters.webhook.providers.headers import only_header
from canisters.webhook.providers.identity import problem_of
from canisters.webhook.providers.pull_request import read_like_github
from canisters.webhook.providers.signing import is_hex_signature
from shared.rules.names import is_commit_id, is_null_commit
from shared.rules.not_yet import OTHER_EVENTS, RELEASES

SIGNATURE = "x-hub-signature-256"
SIGNATURE_PREFIX = "sha256="
DELIVERY = "x-github-delivery"
EVENT_HEADER = "x-github-event"
EVENT_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
BODIES = bodies.JSON_OR_FORM
PING = "ping"
PULL_REQUESTS = ("pull_request",)
EVENTS: "tuple[str, ...]" = ("push", *PULL_REQUESTS)
IGNORED = {
    "create": "the push of a new branch or tag starts its run, not its creation",
    "delete": "a branch or tag was deleted",
}
MAX_COMMITS = 2_048
"""As many commits as a payload lists at most."""
PLANNED = {
    "check_run": OTHER_EVENTS,
    "check_suite": OTHER_EVENTS,
    "release": RELEASES,
    "repository_dispatch": OTHER_EVENTS,
    "workflow_dispatch": OTHER_EVENTS,
}


def is_signed(
    headers: "list[tuple[str, str]]", body: bytes, secrets: "list[bytes]", now_ns: int
) -> bool:
    """Whether the header is `sha256=<hex>` of the raw body under one of the live secrets."""
    return is_hex_signature(body, only_header(headers, SIGNATURE), SIGNATURE_PREFIX, secrets)


def hash_count(secrets: "list[bytes]") -> int:
    """One hash a secret."""
    return len(secrets)


def delivery_of(headers: "list[tuple[str, str]]") -> "str | None":
    """The delivery's id, a UUID; redeliveries keep it."""
    return only_header(headers, DELIVERY)


def digest_of(delivery: str, body: bytes) -> str:
    """The sha256 of the body: who saw one delivery could post it again under any other id."""
    return hashlib.sha256(body).hexdigest()


def json_of(body: bytes) -> bytes:
    """The JSON of either form."""
    return bodies.json_or_form(body)


def identity_problem(payload: "dict[str, object]", clone_url: str) -> "str | None":
    """Compares `clone_url`, `html_url`, `full_name`, `name`: the first that there is."""
    return problem_of(
        (text_at(payload, "repository", "clone_url"), text_at(payload, "repository", "html_url")),
        (text_at(payload, "repository", "full_name"), text_at(payload, "repository", "name")),
        clone_url,
    )


def _paths(payload: "dict[str, object]") -> "list[str] | None":
    """All files that a push changed; None of a new branch, a forced push, and a cut list."""
    commits = payload.get("commits")
    count = len(commits) if isinstance(commits, list) else 0
    if payload.get("created") is True or payload.get("forced") is True or count >= MAX_COMMITS:
        return None
    return changed_paths(commits, count)


def read_changes(event: str, payload: "dict[str, object]") -> "list[Change] | str":
    """The one push or pull request in a payload, or a sentence saying which field is wrong."""
    if event in PULL_REQUESTS:
        return read_like_github("github", payload)
    change = change_of(text_at(payload, "ref"))
    if isinstance(change, str):
        return change
    after = text_at(payload, "after")
    if payload.get("deleted") is True or is_null_commit(after):
        change.deleted = True
        return [change]
    # The `after` of an annotated tag is the tag object; head_commit is the commit that it names.
    commit = text_at(payload, "head_commit", "id") if change.kind == "tag" else ""
    change.sha = commit or after
    if not is_commit_id(change.sha):
        return "field `after` is not a commit id of 40 or 64 lower-case hexadecimal digits"
    author = text_at(payload, "head_commit", "author", "name") or text_at(payload, "pusher", "name")
    change.tell(text_at(payload, "head_commit", "message"), author)
    change.paths = _paths(payload)
    if change.paths is not None:
        change.before = text_at(payload, "before")
    return [change]
