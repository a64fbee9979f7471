"""Headers, signatures and pushes of GitHub deliveries."""

import hashlib
import hmac
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canisters.webhook.deliveries.payload import PayloadError
from canisters.webhook.deliveries.signed import is_delivery_id, is_event_name
from canisters.webhook.providers import github
from canisters.webhook.providers.change import SKIP_MARKS, Change
from canisters.webhook.providers.github import (
    EVENT_LETTERS,
    identity_problem,
    json_of,
    read_changes,
)
from canisters.webhook.providers.headers import only_header

SECRET = b"correct horse battery"
OTHER = b"another repository's secret"
SHA = "0123456789abcdef0123456789abcdef01234567"


def signature(secret: bytes, body: bytes) -> str:
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def is_signed(body: bytes, given: str | None, secrets: list[bytes]) -> bool:
    headers = [] if given is None else [("X-Hub-Signature-256", given)]
    return github.is_signed(headers, body, secrets, 0)


def read_push(payload: dict[str, object]) -> Change | str:
    read = read_changes("push", payload)
    if isinstance(read, str):
        return read
    (push,) = read
    return push


def pushed(value: Change | str) -> Change:
    assert isinstance(value, Change), value
    return value


def test_githubs_documented_example_signature_is_valid() -> None:
    # Source: GitHub documentation, "Validating webhook deliveries", "Testing the webhook payload".
    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert is_signed(b"Hello, World!", expected, [b"It's a Secret to Everybody"])


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=64))
def test_a_signature_of_the_live_secret_is_valid_and_of_another_is_not(
    body: bytes, secret: bytes
) -> None:
    assert is_signed(body, signature(secret, body), [OTHER, secret])
    assert not is_signed(body, signature(secret + b"x", body), [OTHER, secret])
    assert not is_signed(body + b" ", signature(secret, body), [secret])


@pytest.mark.parametrize(
    "given_signature",
    [None, "", "sha256=", "sha1=abc", "sha256=" + "0" * 64, "sha256=é", "\ud800", "x" * 100_000],
)
def test_a_missing_or_malformed_signature_is_not_valid(given_signature: str | None) -> None:
    assert not is_signed(b"body", given_signature, [SECRET])


def test_an_upper_case_or_unprefixed_digest_is_not_valid() -> None:
    good = signature(SECRET, b"body")
    assert is_signed(b"body", good, [SECRET])
    assert not is_signed(b"body", good.upper(), [SECRET])
    assert not is_signed(b"body", good.removeprefix("sha256="), [SECRET])


def test_no_secret_means_no_valid_signature() -> None:
    assert not is_signed(b"body", signature(b"", b"body"), [])


def test_headers_are_found_whatever_their_case_and_only_when_single() -> None:
    headers = [("X-GitHub-Event", " push "), ("Accept", "*/*"), ("accept", "text/html")]
    assert only_header(headers, "x-github-event") == "push"
    assert only_header(headers, "accept") is None
    assert only_header(headers, "host") is None


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12)), max_size=8))
def test_any_list_of_headers_can_be_searched(headers: list[tuple[str, str]]) -> None:
    found = only_header(headers, "x-github-event")
    assert found is None or any(value.strip() == found for _, value in headers)


def test_delivery_ids_are_short_and_hold_no_separator() -> None:
    assert is_delivery_id("72d3162e-cc78-11e3-81ab-4c9367dc0958")
    for bad in (None, "", "a/b", "a b", "é", "x" * 101, "../x/"):
        assert not is_delivery_id(bad)


def test_event_names_are_lower_case_words() -> None:
    assert is_event_name("pull_request", EVENT_LETTERS)
    for bad in (None, "", "Push", "push/x", "x" * 65):
        assert not is_event_name(bad, EVENT_LETTERS)


def test_a_branch_push_is_read() -> None:
    push = pushed(
        read_push(
            {
                "ref": "refs/heads/feature/x",
                "after": SHA,
                "head_commit": {"id": SHA, "message": "Say hello", "author": {"name": "Ada"}},
                "pusher": {"name": "ada"},
            }
        )
    )
    assert (push.kind, push.name, push.sha) == ("branch", "feature/x", SHA)
    assert (push.message, push.author, push.deleted) == ("Say hello", "Ada", False)


def test_an_annotated_tag_names_its_commit_not_the_tag_object() -> None:
    other = SHA[::-1]
    push = pushed(read_push({"ref": "refs/tags/v1", "after": other, "head_commit": {"id": SHA}}))
    assert (push.kind, push.name, push.sha) == ("tag", "v1", SHA)
    lone = pushed(read_push({"ref": "refs/tags/v1", "after": other, "head_commit": None}))
    assert lone.sha == other


def test_a_deletion_is_recognised_by_flag_and_by_null_commit() -> None:
    payloads: list[dict[str, object]] = [
        {"ref": "refs/heads/main", "after": "0" * 40},
        {"ref": "refs/heads/main", "after": SHA, "deleted": True},
    ]
    for payload in payloads:
        assert pushed(read_push(payload)).deleted


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({}, "ref"),
        ({"ref": 7, "after": SHA}, "ref"),
        ({"ref": "main", "after": SHA}, "ref"),
        ({"ref": "refs/heads/", "after": SHA}, "ref"),
        ({"ref": "refs/heads/a..b", "after": SHA}, "ref"),
        ({"ref": "refs/heads/a b", "after": SHA}, "ref"),
        ({"ref": "refs/heads/\ud800", "after": SHA}, "ref"),
        ({"ref": "refs/heads/" + "x" * 500, "after": SHA}, "ref"),
        ({"ref": "refs/heads/main"}, "after"),
        ({"ref": "refs/heads/main", "after": ["x"]}, "after"),
        ({"ref": "refs/heads/main", "after": SHA[:-1]}, "after"),
        ({"ref": "refs/heads/main", "after": SHA.upper()}, "after"),
        ({"ref": "refs/heads/main", "after": "$(reboot)" + SHA[9:]}, "after"),
    ],
)
def test_a_push_with_a_wrong_field_is_refused_by_that_fields_name(
    payload: dict[str, object], field: str
) -> None:
    problem = read_push(payload)
    assert isinstance(problem, str)
    assert f"`{field}`" in problem


def test_a_message_is_cut_and_lone_surrogates_are_replaced() -> None:
    push = pushed(
        read_push(
            {
                "ref": "refs/heads/main",
                "after": SHA,
                "head_commit": {"message": "\ud800" + "x" * 5_000, "author": {"name": "\udfff"}},
            }
        )
    )
    assert len(push.message) == 1_000
    assert push.message.encode()
    assert push.author == "?"


@pytest.mark.parametrize("mark", SKIP_MARKS)
@pytest.mark.parametrize("before", [0, 900, 5_000, 60_000])
def test_a_commit_can_ask_to_be_skipped_anywhere_in_its_message(mark: str, before: int) -> None:
    def read(message: str) -> Change:
        commit = {"id": SHA, "message": message}
        return pushed(read_push({"ref": "refs/heads/main", "after": SHA, "head_commit": commit}))

    assert read("x" * before + mark).skipped
    assert not read("x" * before + mark[:-1]).skipped


@pytest.mark.parametrize("more", [b"", b" ", "é€😀".encode(), b'"%&=+"'])
def test_the_json_in_a_form_is_that_of_the_plain_body(more: bytes) -> None:
    plain = b'{"ref":"refs/heads/main","x":"' + more + b'"}'
    form = urlencode({"payload": plain}).encode()
    assert json_of(form) == plain
    assert json_of(plain) == plain


def test_a_form_with_a_second_field_is_refused() -> None:
    for form in (b"payload={}&payload={}", b"payload={}&x=1"):
        with pytest.raises(PayloadError, match="other fields"):
            json_of(form)


@pytest.mark.parametrize(
    "repository",
    [
        {"clone_url": "https://github.com/Ada/Shop.git", "full_name": "Ada/Shop"},
        {"clone_url": "http://GITHUB.com/ada/shop"},
        {"html_url": "https://github.com/ada/shop"},
        {"full_name": "ada/shop"},
        {"name": "shop"},
    ],
)
def test_a_payload_of_the_registered_repository_is_its_own(repository: object) -> None:
    payload: dict[str, object] = {"repository": repository}
    assert identity_problem(payload, "https://github.com/ada/shop.git") is None


@pytest.mark.parametrize(
    "repository",
    [
        {"clone_url": "https://github.com/ada/other.git", "full_name": "ada/shop"},
        {"clone_url": "https://elsewhere.org/ada/shop.git"},
        {"html_url": "https://github.com/eve/shop"},
        {"full_name": "eve/shop"},
        {"full_name": "da/shop"},
        {"name": "hop"},
    ],
)
def test_a_payload_of_another_repository_is_told(repository: object) -> None:
    payload: dict[str, object] = {"repository": repository}
    problem = identity_problem(payload, "https://github.com/ada/shop.git")
    assert problem is not None
    assert "not of https://github.com/ada/shop.git" in problem


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"repository": None},
        {"repository": "ada/shop"},
        {"repository": {}},
        {"repository": {"clone_url": None, "full_name": ["ada/shop"], "name": ""}},
        {"clone_url": "https://github.com/ada/shop.git", "name": "shop"},
    ],
)
def test_a_payload_that_names_no_repository_is_of_none(payload: dict[str, object]) -> None:
    problem = identity_problem(payload, "https://github.com/ada/shop.git")
    assert problem == "it names no repository"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
fields = st.sampled_from(["ref", "after", "deleted", "head_commit", "pusher", "id", "message"])


@given(st.dictionaries(fields, json_values | st.just("refs/heads/main") | st.just(SHA)))
def test_a_push_of_any_shape_is_read_or_refused(payload: dict[str, object]) -> None:
    read = read_push(payload)
    if isinstance(read, Change):
        assert read.deleted or read.sha
        assert (read.message + read.author + read.name).encode()
