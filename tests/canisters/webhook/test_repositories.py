"""Rules for registering repositories and their secrets."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canisters.webhook.repositories.rules import (
    clone_url_problem,
    registration_problem,
    secret_problem,
    with_new_secret,
)

SECRET = b"sixteen bytes ok"


def test_a_good_registration_has_no_problem() -> None:
    assert registration_problem("demo", "github", "https://example.org/demo.git", SECRET) is None
    assert (
        registration_problem("a.b_c-1", "github", "http://127.0.0.1:8000/demo.git", SECRET) is None
    )


@pytest.mark.parametrize(
    "name", ["", "Demo", "a/b", "..", "a..b", ".a", "-a", "x" * 65, "é", "a b"]
)
def test_names_that_cannot_stand_in_a_path_are_refused(name: str) -> None:
    assert registration_problem(name, "github", "https://example.org/d.git", SECRET) is not None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "git@example.org:a/b.git",
        "ssh://example.org/a",
        "file:///etc/passwd",
        "ext::sh -c reboot",
        "--upload-pack=reboot",
        "https://",
        "https:///x",
        "https://user:password@example.org/a.git",
        "https://example.org/a b",
        "https://example.org/é",
        "https://example.org/\n",
        "https://example.org/" + "x" * 1_000,
    ],
)
def test_clone_urls_that_executors_must_not_use_are_refused(url: str) -> None:
    assert clone_url_problem(url) is not None


@pytest.mark.parametrize("provider", ["github", "gitlab", "bitbucket", "gitea"])
def test_repositories_of_every_provider_are_taken(provider: str) -> None:
    assert registration_problem("demo", provider, "https://example.org/demo.git", SECRET) is None


def test_a_signing_token_of_gitlab_is_taken_as_a_whole_or_not_at_all() -> None:
    """Cut or retyped it would be a secret that nothing is signed with."""
    token = b"whsec_" + base64.b64encode(bytes(32))
    assert secret_problem(token, "gitlab") is None
    for bad in (token[:-1], b"whsec_" + b"!" * 40, b"whsec_" + base64.b64encode(bytes(12))):
        problem = secret_problem(bad, "gitlab")
        assert problem is not None
        assert "signing token" in problem
        assert bad.decode() not in problem
        assert secret_problem(bad, "github") is None


@given(st.binary(max_size=300))
def test_a_secret_has_16_to_256_bytes_and_is_never_repeated(secret: bytes) -> None:
    problem = secret_problem(secret, "github")
    assert (problem is None) == (16 <= len(secret) <= 256)
    if problem is not None and len(secret) > 3:
        assert repr(secret)[2:-1] not in problem


@given(st.lists(st.binary(min_size=16, max_size=20), min_size=1, max_size=8))
def test_after_any_rotations_the_newest_and_at_most_one_before_it_are_live(
    rotations: list[bytes],
) -> None:
    live: list[bytes] = []
    for secret in rotations:
        live = with_new_secret(live, secret)
        assert live[-1] == secret
        assert len(live) <= 2
        assert len(set(live)) == len(live)
