"""What GitHub sends: its headers, its signature, and the parts of a push that matter.

Source: GitHub documentation, "Validating webhook deliveries", "Webhook events and payloads: push".
"""

import hashlib
import hmac

from canisters.webhook.payload import text_at
from shared.rules.limits import MAX_DELIVERY_ID_CHARS, MAX_NAME_CHARS, MAX_TEXT_CHARS
from shared.rules.names import clean_text, is_commit_id, is_null_commit
from shared.rules.patterns import BRANCH_PREFIX, TAG_PREFIX, ref_name_fault

SIGNATURE_HEADER = "x-hub-signature-256"
DELIVERY_HEADER = "x-github-delivery"
EVENT_HEADER = "x-github-event"
SIGNATURE_PREFIX = "sha256="
SIGNATURE_CHARS = len(SIGNATURE_PREFIX) + 64
SKIP_MARKS = ("[skip ci]", "[ci skip]", "[no ci]")

_ID_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
_EVENT_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz_")


def only_header(headers: "list[tuple[str, str]]", name: str) -> "str | None":
    """The value of header `name` (given in lower case); None unless it is there exactly once."""
    values = [value for key, value in headers if key.lower() == name]
    return values[0].strip() if len(values) == 1 else None


def is_signed(body: bytes, signature: "str | None", secrets: "list[bytes]") -> bool:
    """Whether `signature` is `sha256=<hex>` of the raw body under one of the live secrets.

    Every secret is tried and compared in constant time, whichever fits; what cannot be a signature
    is not worth hashing a body for.
    """
    given = (signature or "").encode("utf-8", "replace")
    if len(given) != SIGNATURE_CHARS:
        return False
    signed = False
    for secret in secrets:
        expected = SIGNATURE_PREFIX + hmac.new(secret, body, hashlib.sha256).hexdigest()
        signed = hmac.compare_digest(expected.encode(), given) or signed
    return signed


def is_delivery_id(delivery: "str | None") -> bool:
    """1 to MAX_DELIVERY_ID_CHARS letters, digits, `-`, `_`, `.` (GitHub sends a UUID)."""
    if delivery is None or not 0 < len(delivery) <= MAX_DELIVERY_ID_CHARS:
        return False
    return all(letter in _ID_LETTERS for letter in delivery)


def is_event_name(event: "str | None") -> bool:
    if event is None or not 0 < len(event) <= MAX_NAME_CHARS:
        return False
    return all(letter in _EVENT_LETTERS for letter in event)


class Push:
    """One ref that moved. `kind` is `branch` or `tag`, `name` the ref without its prefix."""

    __slots__ = ("author", "deleted", "kind", "message", "name", "ref", "sha")

    def __init__(self, ref: str, kind: str, name: str) -> None:
        self.ref = ref
        self.kind = kind
        self.name = name
        self.sha = ""
        self.deleted = False
        self.message = ""
        self.author = ""

    def asks_to_skip(self) -> bool:
        return any(mark in self.message for mark in SKIP_MARKS)


def read_push(payload: "dict[str, object]") -> "Push | str":
    """The push in a parsed payload, or a sentence saying which field is wrong."""
    ref = text_at(payload, "ref")
    if ref.startswith(BRANCH_PREFIX):
        push = Push(ref, "branch", ref[len(BRANCH_PREFIX) :])
    elif ref.startswith(TAG_PREFIX):
        push = Push(ref, "tag", ref[len(TAG_PREFIX) :])
    else:
        return "field `ref` does not start with refs/heads/ or refs/tags/"
    fault = ref_name_fault(push.name)
    if fault is not None:
        return f"field `ref`: {fault}"
    after = text_at(payload, "after")
    if payload.get("deleted") is True or is_null_commit(after):
        push.deleted = True
        return push
    # The `after` of an annotated tag is the tag object; head_commit is the commit that it names.
    commit = text_at(payload, "head_commit", "id") if push.kind == "tag" else ""
    push.sha = commit or after
    if not is_commit_id(push.sha):
        return "field `after` is not a commit id of 40 or 64 lower-case hexadecimal digits"
    push.message = clean_text(text_at(payload, "head_commit", "message"), MAX_TEXT_CHARS)
    author = text_at(payload, "head_commit", "author", "name") or text_at(payload, "pusher", "name")
    push.author = clean_text(author, MAX_NAME_CHARS)
    return push
