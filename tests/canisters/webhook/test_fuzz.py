"""Requests of any shape at every forge's path: none raises, and none without a signature counts."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from canisters.webhook.deliveries.decision import Decision
from canisters.webhook.deliveries.inspection import is_worth_an_update
from canisters.webhook.deliveries.known import Registered
from canisters.webhook.deliveries.rules import decide
from shared.types.pipeline import Trigger
from tests.canisters.webhook.forges import KINDS, NONE, OLD, SHA, ForgeKind, Headers
from tests.canisters.webhook.nothing_known import NothingKnown

NOW = 1_790_000_000
NOW_NS = NOW * 10**9
CLONE_URL = "https://example.com/mike/diaspora.git"

HEADER_NAMES = sorted(
    {name for kind in KINDS for name, _ in kind.headers(b"", "", "", b"whsec_AAAA", NOW)}
)
header_values = (
    st.text(max_size=80)
    | st.sampled_from(["d-1", "push", "Push Hook", "repo:push", str(NOW), "sha256=" + "0" * 64])
    | st.sampled_from(["v1," + "A" * 43 + "=", "v1,", "0" * 64])
)
any_headers = st.lists(st.tuples(st.sampled_from(HEADER_NAMES), header_values), max_size=12)
kinds = st.sampled_from(KINDS)

WORDS = (
    *("ref", "after", "before", "deleted", "head_commit", "commits", "pusher", "push", "changes"),
    *("new", "old", "type", "name", "target", "hash", "message", "author", "raw", "links", "html"),
    *("href", "object_kind", "checkout_sha", "project", "repository", "id", "clone_url"),
    *("full_name", "git_http_url", "push_options", "ci", "skip"),
)
words = st.sampled_from(WORDS)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.text(max_size=12)
    | st.sampled_from(["refs/heads/main", "refs/tags/v1", "branch", "tag", "push", SHA, NONE]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5),
    max_leaves=15,
)


class Known(NothingKnown):
    """A canister that knows one repository and no delivery."""

    def __init__(self, kind: ForgeKind) -> None:
        self.kind = kind

    def registered(self, repository: str) -> Registered | None:
        if repository != "diaspora":
            return None
        return Registered(
            self.kind.provider, CLONE_URL, [b"an older secret of it", self.kind.secret]
        )

    def triggers_of(self, repository: str) -> list[Trigger]:
        return [{"Push": ["**"]}, {"Tag": ["v*"]}]


def ask(kind: ForgeKind, headers: Headers, body: bytes) -> Decision:
    decision = decide(Known(kind), "POST", kind.path(), headers, body, NOW_NS)
    assert 200 <= decision.status < 600
    assert json.dumps(decision.content)
    worth = is_worth_an_update(Known(kind), "POST", kind.path(), headers, body, NOW_NS)
    assert worth == (decision.event != "")
    return decision


@given(kinds, any_headers, st.binary(max_size=80))
def test_without_a_signature_nothing_is_recorded(
    kind: ForgeKind, headers: Headers, body: bytes
) -> None:
    decision = ask(kind, headers, body)
    assert (decision.status, decision.rejected) == (401, True)
    assert not decision.event
    assert not decision.changes


@given(kinds, values, st.booleans())
def test_a_signed_payload_of_any_shape_is_answered(
    kind: ForgeKind, value: Any, as_push: bool
) -> None:
    """Merged into a good push it is either read, or refused before anything is recorded, unless it
    is of another repository: that is shown."""
    payload = value
    if as_push and isinstance(value, dict):
        payload = {**kind.push("refs/heads/main", OLD, SHA), **value}
    body = json.dumps(payload).encode()
    decision = ask(kind, kind.headers(body, "d-1", kind.push_event, kind.secret, NOW), body)
    assert decision.status in (200, 202, 400)
    of_another = "not of repository" in str(decision.content.get("error"))
    assert (decision.event != "") == (decision.status != 400 or of_another)
    assert not of_another or (decision.ignored is not None and decision.changes == [])
    for push in decision.changes:
        assert push.deleted or len(push.sha) in (40, 64)
        assert (push.message + push.author + push.ref).encode()
    if decision.status == 202:
        assert 1 <= len(decision.changes) <= 25


@given(kinds, st.data())
def test_a_signed_delivery_that_is_changed_anywhere_starts_nothing(
    kind: ForgeKind, data: st.DataObject
) -> None:
    """A byte of the body, or the signature; GitLab's: the token."""
    body = json.dumps(kind.push("refs/heads/main", OLD, SHA)).encode()
    headers = kind.headers(body, "d-1", kind.push_event, kind.secret, NOW)
    assert ask(kind, headers, body).status == 202
    proofs = [
        at
        for at, (name, _) in enumerate(headers)
        if name.lower().endswith(("signature", "signature-256", "-token", "webhook-id"))
    ]
    token_only = kind.name == "gitlab with a secret token"
    if not token_only and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(body) - 1))
        new = data.draw(st.binary(max_size=1).filter(lambda byte: byte != body[at : at + 1]))
        body = body[:at] + new + body[at + 1 :]
    else:
        spoilt = data.draw(st.text(max_size=90))
        headers = [(n, spoilt if i in proofs else v) for i, (n, v) in enumerate(headers)]
    assert ask(kind, headers, body).status == 401
