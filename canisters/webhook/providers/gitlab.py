"""What GitLab sends, and its two ways to show that it did.

With a *signing token* (`whsec_…`) the delivery's id, its time and its body are signed, as Standard
Webhooks says. With a *secret token* nothing is: the token itself is sent, so that who sees one
delivery can make others. A delivery with a signature is never taken for its token.

Source: GitLab documentation, "Webhooks", "Webhook events"; Standard Webhooks specification 1.0.0.
"""

import base64
import binascii
import hashlib
import hmac

from canisters.webhook.deliveries.payload import text_at
from canisters.webhook.providers import bodies, merge_request
from canisters.webhook.providers.change import Change, change_of
from canisters.webhook.providers.files import changed_paths, count_of
from canisters.webhook.providers.headers import first_header, only_header, values_of
from canisters.webhook.providers.identity import problem_of
from shared.rules.limits import MAX_SIGNATURE_AGE_NS, MAX_SIGNATURES, MIN_SECRET_BYTES, SECOND_NS
from shared.rules.names import clean_text, is_commit_id, is_null_commit
from shared.rules.not_yet import NotYet
from shared.rules.patterns import TAG_PREFIX

SIGNATURE_HEADER = "webhook-signature"
ID_HEADER = "webhook-id"
TIME_HEADER = "webhook-timestamp"
TOKEN_HEADER = "x-gitlab-token"
SIGNATURE = "webhook-signature (of the last 5 minutes) or x-gitlab-token"
# GitLab before 17.4 sends no Idempotency-Key. Its event UUID may stand for several deliveries.
IDS = ("idempotency-key", "x-gitlab-event-uuid")
DELIVERY = "webhook-id, idempotency-key or x-gitlab-event-uuid"
EVENT_HEADER = "x-gitlab-event"
EVENT_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -_")
BODIES = bodies.JSON_ONLY
PING = ""
MERGE_REQUEST = "Merge Request Hook"
RELEASE = "Release Hook"
EVENTS: "tuple[str, ...]" = ("Push Hook", "Tag Push Hook", MERGE_REQUEST, RELEASE)
IGNORED: "dict[str, str]" = {}
PLANNED: "dict[str, NotYet]" = {}

KEY_PREFIX = b"whsec_"
SCHEME = "v1,"
# What base64 makes of a sha256, with the scheme and a blank.
SIGNATURE_CHARS = len(SCHEME) + 44
MAX_TIME_DIGITS = 12


def key_of(secret: bytes) -> "bytes | None":
    """The key in a signing token; None for a secret token."""
    if not secret.startswith(KEY_PREFIX):
        return None
    try:
        return base64.b64decode(secret[len(KEY_PREFIX) :], validate=True)
    except binascii.Error:
        return None


def secret_problem(secret: bytes) -> "str | None":
    """Why a secret that begins as a signing token is none, or None. Never repeats it."""
    if not secret.startswith(KEY_PREFIX):
        return None
    key = key_of(secret)
    if key is None or len(key) < MIN_SECRET_BYTES:
        return (
            "the secret begins with whsec_, but what follows is not the base64 of a key: copy "
            "GitLab's signing token as a whole"
        )
    return None


def is_signed(
    headers: "list[tuple[str, str]]", body: bytes, secrets: "list[bytes]", now_ns: int
) -> bool:
    """Whether the signature is good, or, where none was sent, the token is a live secret."""
    if values_of(headers, SIGNATURE_HEADER):
        return _has_signature(headers, body, secrets, now_ns)
    given = (only_header(headers, TOKEN_HEADER) or "").encode("utf-8", "replace")
    known = False
    for secret in secrets:
        # A signing token is never sent: what is equal to it comes from someone else.
        if not secret.startswith(KEY_PREFIX):
            known = hmac.compare_digest(secret, given) or known
    return known


def _has_signature(
    headers: "list[tuple[str, str]]", body: bytes, secrets: "list[bytes]", now_ns: int
) -> bool:
    delivery = only_header(headers, ID_HEADER)
    moment = only_header(headers, TIME_HEADER)
    given = only_header(headers, SIGNATURE_HEADER)
    if not delivery or not moment or given is None:
        return False
    if len(given) > MAX_SIGNATURES * (SIGNATURE_CHARS + 1) or len(moment) > MAX_TIME_DIGITS:
        return False
    if not (moment.isascii() and moment.isdigit()):
        return False
    if abs(now_ns - int(moment) * SECOND_NS) > MAX_SIGNATURE_AGE_NS:
        return False
    offered = [
        part[len(SCHEME) :].encode("utf-8", "replace")
        for part in given.split(" ")
        if part.startswith(SCHEME) and len(part) == SIGNATURE_CHARS
    ]
    if not offered:
        return False
    text = f"{delivery}.{moment}.".encode("utf-8", "replace") + body
    signed = False
    for secret in secrets:
        key = key_of(secret)
        if key is None:
            continue
        expected = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest())
        for each in offered:
            signed = hmac.compare_digest(expected, each) or signed
    return signed


def hash_count(secrets: "list[bytes]") -> int:
    """One hash a signing token; a secret token is compared without one."""
    return sum(secret.startswith(KEY_PREFIX) for secret in secrets)


def delivery_of(headers: "list[tuple[str, str]]") -> "str | None":
    """The delivery's id, a UUID; retries keep it. With a signature the one that is signed."""
    if values_of(headers, SIGNATURE_HEADER):
        return only_header(headers, ID_HEADER)
    return first_header(headers, IDS)


def digest_of(delivery: str, body: bytes) -> str:
    """The sha256 of id and body.

    GitLab's pushes hold no time: a branch that goes forth and back sends the same bytes again. And
    nothing is won by knowing the body alone: an id under a signature is signed, and who has the
    secret token needs no old delivery.
    """
    return hashlib.sha256(delivery.encode("utf-8", "replace") + b"." + body).hexdigest()


def json_of(body: bytes) -> bytes:
    """The body."""
    return body


def identity_problem(payload: "dict[str, object]", clone_url: str) -> "str | None":
    """Compares the project's `git_http_url`, `web_url`, `path_with_namespace`: the first there."""
    return problem_of(
        (
            text_at(payload, "project", "git_http_url"),
            text_at(payload, "project", "web_url"),
            text_at(payload, "repository", "git_http_url"),
            text_at(payload, "repository", "homepage"),
        ),
        (text_at(payload, "project", "path_with_namespace"),),
        clone_url,
    )


def _commit(payload: "dict[str, object]", sha: str) -> object:
    """The pushed commit, when it is one of those that the payload lists."""
    commits = payload.get("commits")
    for commit in commits if isinstance(commits, list) else []:
        if text_at(commit, "id") == sha:
            return commit
    return None


def _release(payload: "dict[str, object]") -> "list[Change] | str":
    """A release that was made, of the commit of its tag; others start nothing."""
    if text_at(payload, "object_kind") != "release":
        return "field `object_kind` is not release"
    change = change_of(TAG_PREFIX + text_at(payload, "tag"))
    if isinstance(change, str):
        return change.replace("field `ref`", "field `tag`")
    change.kind = "release"
    action = text_at(payload, "action")
    if action != "create":
        change.unwanted = f"release {change.name} was not made, but: {clean_text(action, 40)}"
    change.sha = text_at(payload, "commit", "id")
    if not is_commit_id(change.sha):
        return "field `commit.id` is not a commit id of 40 or 64 lower-case hexadecimal digits"
    commit = payload.get("commit")
    change.tell(text_at(commit, "message"), text_at(commit, "author", "name"))
    return [change]


def read_changes(event: str, payload: "dict[str, object]") -> "list[Change] | str":
    """The one push, merge request or release of a payload, or what is wrong with which field."""
    if event == MERGE_REQUEST:
        return merge_request.read(payload)
    if event == RELEASE:
        return _release(payload)
    # The event's header is signed in no case: the body must say itself that it is a push.
    if text_at(payload, "object_kind") not in ("push", "tag_push"):
        return "field `object_kind` is neither push nor tag_push"
    change = change_of(text_at(payload, "ref"))
    if isinstance(change, str):
        return change
    after = text_at(payload, "after")
    if is_null_commit(after):
        change.deleted = True
        return [change]
    # The `after` of an annotated tag is the tag object; checkout_sha is the commit that it names.
    change.sha = text_at(payload, "checkout_sha") or after
    if not is_commit_id(change.sha):
        return "field `checkout_sha` is not a commit id of 40 or 64 lower-case hexadecimal digits"
    commit = _commit(payload, change.sha)
    author = text_at(commit, "author", "name") or text_at(payload, "user_name")
    change.tell(text_at(commit, "message"), author)
    if not is_null_commit(text_at(payload, "before")):
        count = count_of(payload.get("total_commits_count"))
        change.paths = changed_paths(payload.get("commits"), count)
    options = payload.get("push_options")
    ci = options.get("ci") if isinstance(options, dict) else None
    if isinstance(ci, dict) and ci.get("skip"):
        change.skipped = True
    return [change]
