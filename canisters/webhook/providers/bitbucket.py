"""What Bitbucket Cloud sends: one delivery for a push, with a change for each ref that it moved.

The body is signed; the delivery's id and its event are not.

Source: Bitbucket Cloud documentation, "Manage webhooks" (secure webhooks), "Event payloads".
"""

import hashlib

from canisters.webhook.deliveries.payload import text_at
from canisters.webhook.providers import bodies
from canisters.webhook.providers.change import Change, change_of
from canisters.webhook.providers.headers import only_header
from canisters.webhook.providers.identity import problem_of
from canisters.webhook.providers.signing import is_hex_signature
from shared.rules.limits import MAX_CHANGES_PER_DELIVERY
from shared.rules.names import is_commit_id
from shared.rules.not_yet import OTHER_EVENTS
from shared.rules.patterns import BRANCH_PREFIX, TAG_PREFIX

SIGNATURE = "x-hub-signature"
SIGNATURE_PREFIX = "sha256="
DELIVERY = "x-request-uuid"
EVENT_HEADER = "x-event-key"
EVENT_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_:-")
BODIES = bodies.JSON_ONLY
PING = ""
EVENTS: "tuple[str, ...]" = ("repo:push",)
IGNORED: "dict[str, str]" = {}
PLANNED = {
    "pullrequest:created": OTHER_EVENTS,
    "pullrequest:updated": OTHER_EVENTS,
    "repo:refs_changed": OTHER_EVENTS,
}
PREFIXES = {"branch": BRANCH_PREFIX, "tag": TAG_PREFIX}


def is_signed(
    headers: "list[tuple[str, str]]", body: bytes, secrets: "list[bytes]", now_ns: int
) -> bool:
    """Whether the header is `sha256=<hex>` of the raw body under one of the live secrets."""
    return is_hex_signature(body, only_header(headers, SIGNATURE), SIGNATURE_PREFIX, secrets)


def hash_count(secrets: "list[bytes]") -> int:
    """One hash a secret."""
    return len(secrets)


def delivery_of(headers: "list[tuple[str, str]]") -> "str | None":
    """The delivery's id, a UUID; further attempts keep it.

    One with a dot is none: the changes after a delivery's first are recorded as `<id>.2` and so on,
    and nobody may take their place.
    """
    given = only_header(headers, DELIVERY)
    return None if given is None or "." in given else given.strip("{}")


def digest_of(delivery: str, body: bytes) -> str:
    """The sha256 of the body: who saw one delivery could post it again under any other id."""
    return hashlib.sha256(body).hexdigest()


def json_of(body: bytes) -> bytes:
    """The body."""
    return body


def identity_problem(payload: "dict[str, object]", clone_url: str) -> "str | None":
    """Compares the repository's page, else its `full_name`; there is no clone URL in a payload."""
    return problem_of(
        (text_at(payload, "repository", "links", "html", "href"),),
        (text_at(payload, "repository", "full_name"),),
        clone_url,
    )


def _author(ref: object) -> str:
    """The name in `Name <mail>`, which is how Git has it."""
    return text_at(ref, "target", "author", "raw").split(" <", 1)[0]


def _change(change: object, actor: str) -> "Change | str":
    now = change.get("new") if isinstance(change, dict) else None
    told = now
    if now is None and isinstance(change, dict):
        told = change.get("old")
    prefix = PREFIXES.get(text_at(told, "type"))
    if prefix is None:
        return "a change of `push.changes` has neither branch nor tag as `new` or `old`"
    push = change_of(prefix + text_at(told, "name"))
    if isinstance(push, str):
        return push.replace("field `ref`", "field `name` of a change")
    if now is None:
        push.deleted = True
        return push
    push.sha = text_at(now, "target", "hash")
    if not is_commit_id(push.sha):
        return "field `new.target.hash` of a change is not a commit id of 40 hexadecimal digits"
    push.tell(text_at(now, "target", "message"), _author(now) or actor)
    return push


def read_changes(event: str, payload: "dict[str, object]") -> "list[Change] | str":
    """The changes of a push, or a sentence saying which field is wrong.

    One more than MAX_CHANGES_PER_DELIVERY are read at most: that is too many, whatever follows.
    """
    told = payload.get("push")
    changes = told.get("changes") if isinstance(told, dict) else None
    if not isinstance(changes, list):
        return "field `push.changes` is missing"
    actor = text_at(payload, "actor", "display_name")
    pushes = []
    for change in changes[: MAX_CHANGES_PER_DELIVERY + 1]:
        push = _change(change, actor)
        if isinstance(push, str):
            return push
        pushes.append(push)
    return pushes
