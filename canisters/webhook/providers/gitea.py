"""What Gitea and Forgejo send: GitHub's bodies under headers of their own.

The JSON is signed, also when it is sent as a form; the delivery's id and its event are not. Each
signs under several names; all of them are of the same bytes and secret.

Source: Gitea documentation, "Usage: Webhooks"; Forgejo documentation, "User guide: Webhooks";
Gitea's `services/webhook/deliver.go` and `services/repository/push.go`.
"""

import hashlib

from canisters.webhook.deliveries.payload import PayloadError, text_at
from canisters.webhook.providers import bodies
from canisters.webhook.providers.change import Change, change_of
from canisters.webhook.providers.files import changed_paths, count_of
from canisters.webhook.providers.headers import first_header, only_header, values_of
from canisters.webhook.providers.identity import problem_of
from canisters.webhook.providers.pull_request import read_like_github
from canisters.webhook.providers.signing import is_hex_signature
from shared.rules.limits import MAX_INSPECTED_BYTES
from shared.rules.names import is_commit_id, is_null_commit
from shared.rules.not_yet import RELEASES

# The first one that there is decides. Forgejo sends Gitea's as well, old versions nothing else.
SIGNATURES = (
    ("x-gitea-signature", ""),
    ("x-forgejo-signature", ""),
    ("x-hub-signature-256", "sha256="),
)
SIGNATURE = "x-gitea-signature, x-forgejo-signature or x-hub-signature-256"
DELIVERIES = ("x-gitea-delivery", "x-forgejo-delivery")
DELIVERY = "x-gitea-delivery or x-forgejo-delivery"
EVENT_HEADER = "x-gitea-event"
EVENT_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
BODIES = bodies.JSON_OR_FORM
PING = ""
PULL_REQUESTS = ("pull_request", "pull_request_sync", "pull_request_label")
EVENTS: "tuple[str, ...]" = ("push", *PULL_REQUESTS)
IGNORED = {
    "create": "the push of a new branch or tag starts its run, not its creation",
    "delete": "a branch or tag was deleted",
}
PLANNED = {"release": RELEASES}


def is_signed(
    headers: "list[tuple[str, str]]", body: bytes, secrets: "list[bytes]", now_ns: int
) -> bool:
    """Whether the first of the signatures that is there is that of the JSON in the body."""
    if body.startswith(bodies.FORM_START) and len(body) > MAX_INSPECTED_BYTES:
        # The form would have to be read before its signature is checked, which is too much work for
        # anybody's body.
        return False
    for name, prefix in SIGNATURES:
        if values_of(headers, name):
            try:
                signed = json_of(body)
            except PayloadError:
                return False
            return is_hex_signature(signed, only_header(headers, name), prefix, secrets)
    return False


def hash_count(secrets: "list[bytes]") -> int:
    """One hash a secret."""
    return len(secrets)


def delivery_of(headers: "list[tuple[str, str]]") -> "str | None":
    """The delivery's id, a UUID; "Replay" keeps it."""
    return first_header(headers, DELIVERIES)


def digest_of(delivery: str, body: bytes) -> str:
    """The sha256 of the JSON: who saw one delivery could post it again under any other id, and
    write it as another form of the same JSON."""
    return hashlib.sha256(json_of(body)).hexdigest()


def json_of(body: bytes) -> bytes:
    """The JSON of either form."""
    return bodies.json_or_form(body)


def identity_problem(payload: "dict[str, object]", clone_url: str) -> "str | None":
    """Compares `clone_url`, `html_url`, `full_name`: the first that there is."""
    return problem_of(
        (text_at(payload, "repository", "clone_url"), text_at(payload, "repository", "html_url")),
        (text_at(payload, "repository", "full_name"),),
        clone_url,
    )


def _head(payload: "dict[str, object]", after: str) -> object:
    """The pushed commit: `head_commit`, or the one of `commits` with that id (old Gitea)."""
    head = payload.get("head_commit")
    if isinstance(head, dict):
        return head
    commits = payload.get("commits")
    for commit in commits if isinstance(commits, list) else []:
        if text_at(commit, "id") == after:
            return commit
    return None


def read_changes(event: str, payload: "dict[str, object]") -> "list[Change] | str":
    """The one push or pull request in a payload, or a sentence saying which field is wrong."""
    if event in PULL_REQUESTS:
        return read_like_github("gitea", payload)
    change = change_of(text_at(payload, "ref"))
    if isinstance(change, str):
        return change
    after = text_at(payload, "after")
    if is_null_commit(after):
        change.deleted = True
        return [change]
    head = _head(payload, after)
    # The `after` of an annotated tag is the tag object; head_commit is the commit that it names.
    commit = text_at(head, "id") if change.kind == "tag" else ""
    change.sha = commit or after
    if not is_commit_id(change.sha):
        return "field `after` is not a commit id of 40 or 64 lower-case hexadecimal digits"
    author = text_at(head, "author", "name") or text_at(payload, "pusher", "login")
    change.tell(text_at(head, "message"), author)
    if not is_null_commit(text_at(payload, "before")):
        count = count_of(payload.get("total_commits"))
        change.paths = changed_paths(payload.get("commits"), count)
    return [change]
