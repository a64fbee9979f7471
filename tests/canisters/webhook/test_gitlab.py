"""Tokens, signatures and pushes of GitLab."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canisters.webhook.providers.change import Change
from canisters.webhook.providers.gitlab import (
    delivery_of,
    digest_of,
    hash_count,
    identity_problem,
    is_signed,
    read_changes,
)
from shared.rules.limits import MAX_SIGNATURE_AGE_NS
from tests.canisters.webhook.forges import (
    NONE,
    OLD,
    SECRET,
    SHA,
    SIGNING_TOKEN,
    Headers,
    gitlab_headers,
    gitlab_push,
    standard_headers,
)

NOW = 1_790_000_000
NOW_NS = NOW * 10**9
BODY = b'{"object_kind": "push"}'


def signed_headers(now: int = NOW, secret: bytes = SIGNING_TOKEN) -> Headers:
    return standard_headers(BODY, "d-1", "Push Hook", secret, now)


def without(headers: Headers, name: str) -> Headers:
    return [each for each in headers if each[0] != name]


def changed(headers: Headers, name: str, value: str) -> Headers:
    return [(key, value if key == name else old) for key, old in headers]


def one(payload: dict[str, object]) -> Change:
    read = read_changes("Push Hook", payload)
    assert not isinstance(read, str), read
    (push,) = read
    return push


def test_the_documented_example_of_standard_webhooks_is_valid() -> None:
    """Source: the test vector of the Standard Webhooks reference libraries."""
    headers = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ]
    secret = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    assert is_signed(headers, body, [secret], 1_614_265_330 * 10**9)
    assert not is_signed(headers, body + b" ", [secret], 1_614_265_330 * 10**9)


def test_a_secret_token_is_compared_as_a_whole() -> None:
    headers = gitlab_headers(BODY, "d-1", "Push Hook", SECRET, NOW)
    assert is_signed(headers, BODY, [b"another secret token", SECRET], NOW_NS)
    assert not is_signed(headers, BODY, [SECRET[:-1]], NOW_NS)
    assert not is_signed(headers, BODY, [SECRET + b"x"], NOW_NS)
    assert not is_signed(headers, BODY, [], NOW_NS)
    assert not is_signed([*headers, headers[-1]], BODY, [SECRET], NOW_NS)


@pytest.mark.parametrize("seconds", [-301, -300, -1, 0, 1, 300, 301])
def test_a_signature_is_good_for_five_minutes_before_and_after(seconds: int) -> None:
    good = abs(seconds) * 10**9 <= MAX_SIGNATURE_AGE_NS
    assert good == (abs(seconds) <= 300)
    assert is_signed(signed_headers(NOW + seconds), BODY, [SIGNING_TOKEN], NOW_NS) == good


def test_id_time_and_body_are_signed() -> None:
    headers = signed_headers()
    assert is_signed(headers, BODY, [SIGNING_TOKEN], NOW_NS)
    assert not is_signed(headers, BODY + b"\n", [SIGNING_TOKEN], NOW_NS)
    for name, value in (("webhook-id", "d-2"), ("webhook-timestamp", str(NOW + 1))):
        assert not is_signed(changed(headers, name, value), BODY, [SIGNING_TOKEN], NOW_NS)
        assert not is_signed(without(headers, name), BODY, [SIGNING_TOKEN], NOW_NS)
    # What is beside them is not.
    assert is_signed(changed(headers, "X-Gitlab-Event", "x"), BODY, [SIGNING_TOKEN], NOW_NS)


@pytest.mark.parametrize(
    "moment", ["", "now", "-1790000000", "1790000000.0", "\u0661790000000", "9" * 40]
)
def test_a_time_that_is_no_number_of_seconds_is_refused(moment: str) -> None:
    headers = changed(signed_headers(), "webhook-timestamp", moment)
    assert not is_signed(headers, BODY, [SIGNING_TOKEN], NOW_NS)


def test_one_of_several_signatures_is_enough_as_in_a_rotation_at_gitlab() -> None:
    headers = signed_headers()
    good = headers[-1][1]
    other = "v1," + base64.b64encode(bytes(32)).decode()
    for several in (f"{other} {good}", f"v1a,x {good} {other}"):
        assert is_signed(
            changed(headers, "webhook-signature", several), BODY, [SIGNING_TOKEN], NOW_NS
        )
    for several in (other, good.replace("v1,", "v2,"), good[:-1], f"{other} " * 8 + good, "\ud800"):
        assert not is_signed(
            changed(headers, "webhook-signature", several), BODY, [SIGNING_TOKEN], NOW_NS
        )


def test_where_both_are_sent_the_signature_decides() -> None:
    """Else who saw one delivery could drop the signature and change the body."""
    headers = [*without(signed_headers(), "X-Gitlab-Token"), ("X-Gitlab-Token", SECRET.decode())]
    both = [SECRET, SIGNING_TOKEN]
    assert is_signed(headers, BODY, both, NOW_NS)
    assert not is_signed(headers, BODY + b" ", both, NOW_NS)
    assert not is_signed(changed(headers, "webhook-signature", ""), BODY, both, NOW_NS)
    assert not is_signed(headers, BODY, [SECRET], NOW_NS)


def test_a_signing_token_is_no_secret_token() -> None:
    headers = gitlab_headers(BODY, "d-1", "Push Hook", SIGNING_TOKEN, NOW)
    assert not is_signed(headers, BODY, [SIGNING_TOKEN], NOW_NS)


def test_only_signing_tokens_cost_a_hash_of_the_body() -> None:
    assert hash_count([SECRET, SIGNING_TOKEN]) == 1
    assert hash_count([SECRET]) == 0


def test_the_id_is_the_signed_one_or_else_that_of_retries() -> None:
    headers = changed(signed_headers(), "Idempotency-Key", "other")
    assert delivery_of(headers) == "d-1"
    plain = gitlab_headers(BODY, "d-1", "Push Hook", SECRET, NOW)
    assert delivery_of(plain) == "d-1"
    assert delivery_of(without(plain, "Idempotency-Key")) == "event-of-d-1"
    assert delivery_of([]) is None
    assert delivery_of([*plain, ("idempotency-key", "d-2")]) is None


def test_the_same_bytes_under_another_id_are_another_delivery() -> None:
    assert digest_of("a", BODY) != digest_of("b", BODY)
    assert digest_of("a", BODY) == digest_of("a", BODY)


def test_the_pushed_commit_is_the_one_that_tells_message_and_author() -> None:
    push = one(gitlab_push("refs/heads/feature/x", OLD, SHA))
    assert (push.kind, push.name, push.sha) == ("branch", "feature/x", SHA)
    assert (push.message, push.author) == ("fixed readme", "GitLab dev user")
    assert not push.skipped
    alone = one(gitlab_push("refs/heads/new", NONE, SHA, commits=[]))
    assert (alone.message, alone.author, alone.sha) == ("", "John Smith", SHA)


def test_an_annotated_tag_names_its_commit_not_the_tag_object() -> None:
    push = one(gitlab_push("refs/tags/v1", NONE, OLD, checkout_sha=SHA))
    assert (push.kind, push.name, push.sha) == ("tag", "v1", SHA)


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/tags/v1"])
def test_a_deletion_has_no_commit(ref: str) -> None:
    push = one(gitlab_push(ref, SHA, NONE))
    assert (push.deleted, push.sha) == (True, "")


def test_a_push_can_ask_to_be_skipped_by_message_or_option() -> None:
    commit = {"id": SHA, "message": "typo [ci skip]"}
    assert one(gitlab_push("refs/heads/main", OLD, SHA, commits=[commit])).skipped
    for options, skipped in (({"ci": {"skip": True}}, True), ({"ci": {}}, False), ("skip", False)):
        push = one(gitlab_push("refs/heads/main", OLD, SHA, push_options=options))
        assert push.skipped == skipped


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"object_kind": "pipeline"}, "object_kind"),
        ({"object_kind": None}, "object_kind"),
        ({"ref": "main"}, "ref"),
        ({"ref": "refs/heads/a..b"}, "ref"),
        ({"checkout_sha": SHA[:-1]}, "checkout_sha"),
        ({"checkout_sha": None, "after": "HEAD"}, "checkout_sha"),
    ],
)
def test_a_push_with_a_wrong_field_is_refused_by_that_fields_name(
    change: dict[str, object], field: str
) -> None:
    problem = read_changes("Push Hook", {**gitlab_push("refs/heads/main", OLD, SHA), **change})
    assert isinstance(problem, str)
    assert f"`{field}`" in problem


@pytest.mark.parametrize(
    ("payload", "own"),
    [
        ({"project": {"git_http_url": "https://gitlab.com/Ada/Shop.git"}}, True),
        ({"project": {"web_url": "https://gitlab.com/ada/shop"}}, True),
        ({"project": {"path_with_namespace": "ada/shop"}}, True),
        ({"repository": {"homepage": "https://gitlab.com/ada/shop"}}, True),
        ({"project": {"git_http_url": "https://gitlab.com/ada/x/shop.git"}}, False),
        ({"project": {"git_http_url": "https://elsewhere.org/ada/shop.git"}}, False),
        ({"project": {"path_with_namespace": "eve/shop"}}, False),
        ({"project": {"name": "shop"}}, False),
        ({}, False),
    ],
)
def test_the_project_must_be_the_registered_one(payload: dict[str, object], own: bool) -> None:
    assert (identity_problem(payload, "https://gitlab.com/ada/shop.git") is None) == own


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["webhook-id", "webhook-timestamp", "webhook-signature", "x-gitlab-token"]
            ),
            st.text(max_size=60) | st.just("v1," + "A" * 43 + "=") | st.just(str(NOW)),
        ),
        max_size=6,
    ),
    st.binary(max_size=40),
)
def test_no_headers_are_taken_for_a_signature_or_raise(headers: Headers, body: bytes) -> None:
    assert not is_signed(headers, body, [SIGNING_TOKEN, SECRET], NOW_NS)
