"""What GitHub sends: its headers, its signature, its two forms of bodies, its pushes.

Source: GitHub documentation, "Validating webhook deliveries", "Webhook events and payloads: push",
"Skipping workflow runs".
"""

import hashlib
import hmac
from urllib.parse import unquote_to_bytes

from canisters.webhook.deliveries.payload import PayloadError, text_at
from canisters.webhook.providers.push import Push
from shared.rules.limits import MAX_NAME_CHARS, MAX_TEXT_CHARS
from shared.rules.names import clean_text, is_commit_id, is_null_commit
from shared.rules.patterns import BRANCH_PREFIX, TAG_PREFIX, ref_name_problem

SIGNATURE_HEADER = "x-hub-signature-256"
DELIVERY_HEADER = "x-github-delivery"
EVENT_HEADER = "x-github-event"
SIGNATURE_PREFIX = "sha256="
SIGNATURE_CHARS = len(SIGNATURE_PREFIX) + 64
PING = "ping"
PUSH = "push"
SKIP_MARKS = ("[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]")
FORM_START = b"payload="


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


def json_of(body: bytes) -> bytes:
    """The JSON in a body: the body itself, or the field `payload` of a form (GitHub's default).

    The body tells which it is, for it is signed and the content type is not.
    """
    if not body.startswith(FORM_START):
        return body
    if b"&" in body:
        raise PayloadError("the form has other fields beside `payload`")
    return unquote_to_bytes(body[len(FORM_START) :].replace(b"+", b" "))


def _place(url: str) -> str:
    """Host and path of a repository's URL, in the one spelling that is compared."""
    place = url.split("://", 1)[-1].lower().rstrip("/")
    return place[: -len(".git")] if place.endswith(".git") else place


def identity_problem(payload: "dict[str, object]", clone_url: str) -> "str | None":
    """Why the payload is not of the repository with this clone URL, or None.

    One secret may serve several repositories of a forge: the signature alone does not tell them
    apart. The most exact name that the payload has decides.
    """
    wanted = _place(clone_url)
    for field in ("clone_url", "html_url"):
        url = text_at(payload, "repository", field)
        if url:
            if _place(url) == wanted:
                return None
            return f"it is of {clean_text(url, 200)}, not of {clone_url}"
    for field in ("full_name", "name"):
        name = text_at(payload, "repository", field)
        if name:
            if f"/{wanted}".endswith(f"/{name.lower()}"):
                return None
            return f"it is of {clean_text(name, 200)}, not of {clone_url}"
    return "it names no repository"


def read_push(payload: "dict[str, object]") -> "Push | str":
    """The push in a parsed payload, or a sentence saying which field is wrong."""
    ref = text_at(payload, "ref")
    if ref.startswith(BRANCH_PREFIX):
        push = Push(ref, "branch", ref[len(BRANCH_PREFIX) :])
    elif ref.startswith(TAG_PREFIX):
        push = Push(ref, "tag", ref[len(TAG_PREFIX) :])
    else:
        return "field `ref` does not start with refs/heads/ or refs/tags/"
    problem = ref_name_problem(push.name)
    if problem is not None:
        return f"field `ref`: {problem}"
    after = text_at(payload, "after")
    if payload.get("deleted") is True or is_null_commit(after):
        push.deleted = True
        return push
    # The `after` of an annotated tag is the tag object; head_commit is the commit that it names.
    commit = text_at(payload, "head_commit", "id") if push.kind == "tag" else ""
    push.sha = commit or after
    if not is_commit_id(push.sha):
        return "field `after` is not a commit id of 40 or 64 lower-case hexadecimal digits"
    message = text_at(payload, "head_commit", "message")
    push.skipped = any(mark in message for mark in SKIP_MARKS)
    push.message = clean_text(message, MAX_TEXT_CHARS)
    author = text_at(payload, "head_commit", "author", "name") or text_at(payload, "pusher", "name")
    push.author = clean_text(author, MAX_NAME_CHARS)
    return push
