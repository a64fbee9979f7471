"""The decision about one HTTP request, in the contract's order."""

import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canisters.webhook.deliveries.decision import Decision
from canisters.webhook.deliveries.known import Registered
from canisters.webhook.deliveries.rules import decide
from shared.rules.limits import (
    MAX_DELIVERY_BYTES,
    MAX_OPEN_DELIVERIES,
    MAX_OPEN_DELIVERIES_PER_REPOSITORY,
)
from shared.types.pipeline import Trigger

SECRETS = {"demo": [b"secret of the demo", b"newer secret of it"], "other": [b"secret of other"]}
NOW_NS = 1_790_000_000 * 10**9
SHA = "0123456789abcdef0123456789abcdef01234567"
NAMED: dict[str, object] = {"repository": {"name": "demo"}}
PUSH: dict[str, object] = {
    "ref": "refs/heads/main",
    "after": SHA,
    "head_commit": {"id": SHA, "message": "Count", "author": {"name": "Ada"}},
    **NAMED,
}


class Known:
    """A canister that knows two repositories."""

    def __init__(self) -> None:
        self.deliveries: dict[tuple[str, str], str | None] = {}
        self.bodies: dict[tuple[str, str], str] = {}
        self.triggers: list[Trigger] = [{"Push": ["main", "release/*"]}, {"Tag": ["v*"]}]
        self.open = 0
        self.open_of: dict[str, int] = {}

    def registered(self, repository: str) -> Registered | None:
        secrets = SECRETS.get(repository)
        url = f"https://example.org/{repository}.git"
        return None if secrets is None else Registered("github", url, secrets)

    def run_of(self, repository: str, delivery: str) -> tuple[bool, str | None]:
        key = (repository, delivery)
        return key in self.deliveries, self.deliveries.get(key)

    def is_held(self, repository: str, delivery: str) -> bool:
        return False

    def received_ns(self, repository: str, delivery: str) -> int | None:
        return 0 if (repository, delivery) in self.deliveries else None

    def delivery_of_body(self, repository: str, digest: str) -> str | None:
        return self.bodies.get((repository, digest))

    def triggers_of(self, repository: str) -> list[Trigger]:
        return self.triggers

    def open_deliveries(self) -> int:
        return self.open

    def open_deliveries_of(self, repository: str) -> int:
        return self.open_of.get(repository, 0)


def sign(body: bytes, secret: bytes) -> str:
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def ask(
    known: Known,
    payload: object = PUSH,
    *,
    url: str = "/webhook/github/demo",
    method: str = "POST",
    event: str = "push",
    delivery: str = "d-1",
    body: bytes | None = None,
    secret: bytes = SECRETS["demo"][0],
) -> Decision:
    raw = json.dumps(payload).encode() if body is None else body
    headers = [
        ("x-github-event", event),
        ("X-GitHub-Delivery", delivery),
        ("X-Hub-Signature-256", sign(raw, secret)),
    ]
    return decide(known, method, url, headers, raw, NOW_NS)


def test_a_signed_push_to_a_wanted_branch_is_accepted() -> None:
    decision = ask(Known())
    assert decision.status == 202
    assert decision.content == {"status": "accepted", "delivery": "d-1"}
    assert (decision.repository, decision.event) == ("demo", "push")
    assert [push.sha for push in decision.changes] == [SHA]
    assert decision.ignored is None


@pytest.mark.parametrize("secret", SECRETS["demo"])
def test_both_live_secrets_are_taken_during_a_rotation(secret: bytes) -> None:
    assert ask(Known(), secret=secret).status == 202


def test_a_query_does_not_change_the_path() -> None:
    assert ask(Known(), url="/webhook/github/demo?canisterId=aaaaa-aa").status == 202


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "/webhook",
        "/webhook/github",
        "/webhook/github/",
        "/webhook/github/demo/",
        "/webhook/github/demo#x",
        "/webhook/github/demo/x",
        "/webhook/gitlab/demo",
        "/webhook/gogs/demo",
        "/webhook/github/../demo",
        "/webhook/github/Demo",
        "/webhook/github/%64emo",
        "/webhook/github/unknown",
        "//webhook/github/demo",
        "https://host/webhook/github/demo",
    ],
)
def test_other_paths_and_unknown_repositories_are_not_found(url: str) -> None:
    decision = ask(Known(), url=url)
    assert decision.status == 404
    assert not decision.rejected
    assert not decision.event


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "post", ""])
def test_other_methods_are_not_allowed(method: str) -> None:
    assert ask(Known(), method=method).status == 405


def test_a_body_at_the_limit_is_read_and_one_byte_more_is_not() -> None:
    padded = json.dumps({**PUSH, "x": ""}).encode()
    padding = b"x" * (MAX_DELIVERY_BYTES - len(padded))
    body = padded[:-2] + padding + padded[-2:]
    assert len(body) == MAX_DELIVERY_BYTES
    assert ask(Known(), body=body).status == 202
    decision = ask(Known(), body=body + b" ")
    assert decision.status == 413
    assert "MAX_DELIVERY_BYTES" in (decision.content["error"] or "")
    assert not decision.rejected


@pytest.mark.parametrize("secret", [b"wrong", SECRETS["other"][0]])
def test_a_wrong_signature_and_that_of_another_repository_only_count(secret: bytes) -> None:
    decision = ask(Known(), secret=secret)
    assert decision.status == 401
    assert decision.rejected
    assert decision.repository == "demo"
    assert not decision.changes
    assert not decision.event


def test_a_missing_or_doubled_signature_only_counts() -> None:
    body = json.dumps(PUSH).encode()
    good = ("x-hub-signature-256", sign(body, SECRETS["demo"][0]))
    base = [("x-github-event", "push"), ("x-github-delivery", "d-1")]
    for headers in (base, [*base, good, good]):
        decision = decide(Known(), "POST", "/webhook/github/demo", headers, body, NOW_NS)
        assert (decision.status, decision.rejected) == (401, True)


def test_nothing_is_told_about_deliveries_before_the_signature_is_valid() -> None:
    known = Known()
    known.deliveries["demo", "d-1"] = "run-1"
    assert ask(known, secret=b"wrong").status == 401
    assert ask(known, secret=b"wrong", delivery="bad id").status == 401
    assert ask(known, secret=b"wrong", body=b"no json").status == 401


def test_a_known_delivery_is_answered_with_its_run() -> None:
    known = Known()
    known.deliveries["demo", "d-1"] = "run-7"
    decision = ask(known)
    assert decision.status == 200
    assert decision.content == {"status": "duplicate", "delivery": "d-1", "run": "run-7"}
    assert not decision.event


def test_the_same_delivery_id_of_another_repository_is_another_delivery() -> None:
    known = Known()
    known.deliveries["demo", "d-1"] = "run-7"
    push = {**PUSH, "repository": {"name": "other"}}
    decision = ask(known, push, url="/webhook/github/other", secret=SECRETS["other"][0])
    assert decision.status == 202


@pytest.mark.parametrize("delivery", ["", "a/b", "x" * 101, "\ud800"])
def test_a_missing_or_malformed_delivery_id_is_refused(delivery: str) -> None:
    assert ask(Known(), delivery=delivery).status == 400


@pytest.mark.parametrize("event", ["", "Push", "x" * 65])
def test_a_missing_or_malformed_event_is_refused(event: str) -> None:
    assert ask(Known(), event=event).status == 400


@pytest.mark.parametrize("body", [b"", b"not json", b"[" * 1_000_000, b"\xff", b"[]", b'{"a":NaN}'])
def test_a_signed_body_that_is_not_a_json_object_is_refused(body: bytes) -> None:
    decision = ask(Known(), body=body)
    assert decision.status == 400
    assert "application/json" in (decision.content["error"] or "")
    assert not decision.event


def test_a_ping_is_answered_and_not_recorded() -> None:
    decision = ask(Known(), {"zen": "Keep it simple.", **NAMED}, event="ping")
    assert (decision.status, decision.content["status"]) == (200, "pong")
    assert not decision.event


def test_an_event_without_trigger_is_ignored_and_recorded() -> None:
    decision = ask(Known(), {"action": "opened", **NAMED}, event="issues")
    assert decision.status == 200
    assert (decision.content["reason"] or "").startswith("ignored, because event issues")
    assert decision.event == "issues"
    assert decision.ignored == decision.content["reason"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"ref": "refs/heads/feature"}, "no trigger of the pipeline matches branch feature"),
        ({"ref": "refs/heads/release/1/x"}, "no trigger"),
        ({"ref": "refs/tags/1.0"}, "no trigger of the pipeline matches tag 1.0"),
        ({"deleted": True}, "branch main was deleted"),
        ({"after": "0" * 40}, "branch main was deleted"),
        ({"head_commit": {"id": SHA, "message": "typo [skip ci]"}}, "asks to skip"),
    ],
)
def test_a_push_that_no_trigger_wants_is_ignored_with_the_reason(
    change: dict[str, object], why: str
) -> None:
    decision = ask(Known(), {**PUSH, **change})
    assert decision.status == 200
    assert (decision.content["reason"] or "").startswith("ignored, because")
    assert why in (decision.content["reason"] or "")


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/heads/release/1", "refs/tags/v1.0"])
def test_branch_and_tag_triggers_match_their_own_kind(ref: str) -> None:
    assert ask(Known(), {**PUSH, "ref": ref}).status == 202


def test_a_repository_without_pipeline_ignores_its_pushes() -> None:
    known = Known()
    known.triggers = []
    assert "no pipeline" in (ask(known).content["reason"] or "")
    known.triggers = [{"Manual": None}]
    assert ask(known).status == 200


def test_a_push_with_an_unusable_ref_is_refused() -> None:
    decision = ask(Known(), {**PUSH, "ref": "refs/heads/a b"})
    assert decision.status == 400
    assert "`ref`" in (decision.content["error"] or "")


def test_a_full_outbox_refuses_what_it_would_have_to_send() -> None:
    known = Known()
    known.open = MAX_OPEN_DELIVERIES
    decision = ask(known)
    assert decision.status == 503
    assert not decision.event
    assert ask(known, {**PUSH, "ref": "refs/heads/feature"}).status == 200


def test_one_repository_has_a_share_of_the_outbox_and_leaves_the_rest_to_others() -> None:
    known = Known()
    known.open = MAX_OPEN_DELIVERIES_PER_REPOSITORY
    known.open_of = {"demo": MAX_OPEN_DELIVERIES_PER_REPOSITORY}
    decision = ask(known)
    assert decision.status == 503
    assert "MAX_OPEN_DELIVERIES_PER_REPOSITORY" in (decision.content["error"] or "")
    known.open_of = {"other": MAX_OPEN_DELIVERIES_PER_REPOSITORY}
    assert ask(known).status == 202


@given(
    st.text(max_size=8),
    st.text(max_size=40) | st.just("/webhook/github/demo"),
    st.lists(st.tuples(st.sampled_from(["x-github-event", "X-GitHub-Delivery"]), st.text())),
    st.binary(max_size=60),
    st.booleans(),
)
def test_no_request_can_raise(
    method: str, url: str, headers: list[tuple[str, str]], body: bytes, signed: bool
) -> None:
    if signed:
        headers = [*headers, ("x-hub-signature-256", sign(body, SECRETS["demo"][0]))]
        method = "POST"
    decision = decide(Known(), method, url, headers, body, NOW_NS)
    assert 200 <= decision.status < 600
    assert json.dumps(decision.content)
