"""Contexts, descriptions, states, places, tokens and waits: what a reporter decides by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dcanary.client.errors import ConfigError
from dcanary.client.types import webhook
from dcanary.reporter import weather
from dcanary.reporter.forges import FORGES, bitbucket, github, gitlab
from dcanary.reporter.places import Place, PlaceProblem, Tokens, place_of, read_tokens
from dcanary.reporter.statuses import MAX_DESCRIPTION_CHARS, WORDS, status_of
from dcanary.reporter.weather import outcome_of, wait_seconds

NOW = 1_700_000_000.0


def report(**changed: Any) -> Any:
    made = {
        "number": 1,
        "at_ns": 1,
        "repository": "demo",
        "ref": "refs/heads/main",
        "sha": "a" * 40,
        "run": "run-7",
        "pipeline": "main",
        "subject": {"Run": None},
        "state": {"Queued": None},
        "record": None,
        "posting": None,
    }
    return {**made, **changed}


@pytest.mark.parametrize(
    ("changed", "context"),
    [
        ({}, "dcanary/main"),
        ({"pipeline": ""}, "dcanary/demo"),
        ({"subject": {"Stage": "build"}}, "dcanary/build"),
        ({"subject": {"Stage": "main"}}, "dcanary/main/main"),
        ({"subject": {"Target": "counter"}}, "dcanary/deploy/counter"),
    ],
)
def test_each_subject_has_a_context_of_its_own(changed: Any, context: str) -> None:
    assert status_of(report(**changed)).context == context


def test_every_state_of_a_report_is_told_and_every_forge_has_a_word_for_it() -> None:
    assert set(WORDS) == set(webhook.ReportState.__annotations__)
    for word in WORDS:
        why = "so" if word in ("Failed", "Refused") else None
        status = status_of(report(state={word: why}))
        for forge in FORGES.values():
            assert forge.wanted(status).state


def test_providers_are_those_of_the_canister() -> None:
    assert set(FORGES) == set(webhook.Provider.__annotations__)


def test_a_description_is_one_short_line_whatever_the_reason_is() -> None:
    reason = "line one\nline two\x1b[31m " + "é" * 300
    status = status_of(report(state={"Failed": reason}))
    assert status.description.startswith("run-7 has failed: line one line two [31m é")
    assert len(status.description) == MAX_DESCRIPTION_CHARS
    assert status.description.isprintable()


def test_people_are_told_which_request_waits_for_them() -> None:
    asked = report(state={"Approving": None}, record="approval-3")
    assert status_of(asked).description == "run-7 waits for approval: approval-3"


def test_a_link_names_the_run() -> None:
    link = "https://ci.example/{repository}/{run}?{sha}"
    assert status_of(report(), link).url == f"https://ci.example/demo/run-7?{'a' * 40}"


@pytest.mark.parametrize(
    ("provider", "clone_url", "begin"),
    [
        ("GitHub", "https://github.com/o/r.git", "https://api.github.com/repos/o/r/statuses/"),
        ("GitHub", "https://git.corp:8443/o/r", "https://git.corp:8443/api/v3/repos/o/r/statuses/"),
        ("Gitea", "https://codeberg.org/o/r.git", "https://codeberg.org/api/v1/repos/o/r/statuses"),
        (
            "GitLab",
            "https://gitlab.com/group/sub/r.git",
            "https://gitlab.com/api/v4/projects/group%2Fsub%2Fr/statuses/",
        ),
        (
            "Bitbucket",
            "https://bitbucket.org/w/r.git",
            "https://api.bitbucket.org/2.0/repositories/w/r/commit/",
        ),
        ("GitHub", "http://127.0.0.1:70/r.git", "http://127.0.0.1:70/api/v3/repos/local/r/"),
    ],
)
def test_statuses_are_posted_to_the_forge_of_the_clone_url(
    provider: str, clone_url: str, begin: str
) -> None:
    place = place_of(provider, clone_url)
    url, body = FORGES[provider].post_of(place, status_of(report()))
    assert url.startswith(begin)
    assert body["state"] in ("pending", "INPROGRESS")


@pytest.mark.parametrize(
    "clone_url",
    ["http://github.com/o/r.git", "ssh://git@github.com/o/r", "https:///r", "https://github.com/"],
)
def test_no_token_goes_to_a_place_in_the_clear_or_to_none(clone_url: str) -> None:
    with pytest.raises(PlaceProblem):
        place_of("GitHub", clone_url)


def test_the_token_that_was_given_for_the_most_of_a_place_is_its_own() -> None:
    tokens = Tokens()
    tokens.add("github.com", "wide")
    tokens.add("github.com/Acme", "narrow")
    assert tokens.for_place(place_of("GitHub", "https://github.com/acme/r.git"))[1] == "narrow"
    assert tokens.for_place(place_of("GitHub", "https://github.com/acmes/r.git"))[1] == "wide"
    with pytest.raises(PlaceProblem, match=r"--token-file github\.com\.evil\.example=FILE"):
        tokens.for_place(place_of("GitHub", "https://github.com.evil.example/a/r.git"))
    with pytest.raises(PlaceProblem):
        tokens.for_place(place_of("GitHub", "https://github.com:8443/a/r.git"))
    assert "wide" not in repr(tokens)


def test_tokens_come_from_files_and_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-a-file\n")
    environment = {"DCANARY_REPORTER_TOKENS": "github.com=one gitlab.com=two=2"}
    tokens = read_tokens([f"github.com={file}"], environment)
    assert tokens.for_place(place_of("GitHub", "https://github.com/o/r"))[1] == "from-a-file"
    assert tokens.for_place(place_of("GitLab", "https://gitlab.com/o/r"))[1] == "two=2"


@pytest.mark.parametrize(
    ("option", "content", "told"),
    [
        ("no-separator", None, "is not PLACE=FILE"),
        ("github.com=missing", None, "cannot read the token file"),
        ("https://github.com={file}", "x", "is no place for a token"),
        ("github.com={file}", "", "is empty or not one line"),
        ("github.com={file}", "two\nlines", "is empty or not one line"),
        ("github.com={file}", "sécret", "it is not ASCII"),
    ],
)
def test_a_wrong_token_option_is_told_without_the_token(
    tmp_path: Path, option: str, content: str | None, told: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError) as raised:
        read_tokens([option.format(file=file)], {})
    assert told in raised.value.message
    assert "lines" not in raised.value.message.replace("not one line", "")


@pytest.mark.parametrize(
    ("status", "headers", "kind", "until"),
    [
        (201, {}, "posted", None),
        (401, {}, "again", None),
        (403, {}, "again", None),
        (403, {"retry-after": "120"}, "again", 120),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000300"}, "again", 300),
        (403, {"x-ratelimit-remaining": "7", "x-ratelimit-reset": "1700000300"}, "again", None),
        (429, {"ratelimit-remaining": "0", "ratelimit-reset": "1700000030"}, "again", 30),
        (429, {"retry-after": "Tue, 14 Nov 2023 22:14:20 GMT"}, "again", 60),
        (429, {"retry-after": "soon"}, "again", 60),
        (429, {"retry-after": "999999999"}, "again", 86_400),
        (429, {"retry-after": "0"}, "again", 1),
        (404, {}, "again", None),
        (301, {"location": "https://elsewhere"}, "again", None),
        (408, {}, "again", None),
        (503, {}, "again", None),
        (400, {}, "refused", None),
        (422, {}, "refused", None),
    ],
)
def test_what_an_answer_means(
    status: int, headers: dict[str, str], kind: str, until: int | None
) -> None:
    found = outcome_of(status, headers, "{}", NOW)
    assert (found.kind, found.until) == (kind, None if until is None else NOW + until)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"message": "Validation Failed"}', "HTTP 422 Validation Failed"),
        ('{"type": "error", "error": {"message": "no"}}', "HTTP 422 no"),
        ('{"message": {"base": ["is bad"]}}', 'HTTP 422 {"message": {"base": ["is bad"]}}'),
        ("<h1>oh\x1b[2J</h1>", "HTTP 422 <h1>oh [2J</h1>"),
        ("", "HTTP 422"),
        ("[1]", "HTTP 422 [1]"),
    ],
)
def test_the_forges_own_words_are_kept_in_one_line(body: str, reason: str) -> None:
    assert weather.reason_of(422, body) == reason


def test_waits_grow_with_jitter_and_have_an_end() -> None:
    outcome = outcome_of(500, {}, "", NOW)
    assert [wait_seconds(outcome, tries, NOW, 0.5) for tries in (1, 2, 3, 50)] == [2, 4, 8, 300]
    assert wait_seconds(outcome, 1, NOW, 0.0) == 1.5
    assert wait_seconds(outcome, 1, NOW, 1.0) == 2.5


def test_bitbucket_knows_a_long_context_by_a_key_of_forty_characters() -> None:
    one, other = (bitbucket.key_of(f"dcanary/{'x' * 50}{end}") for end in "ab")
    assert (len(one), one != other, bitbucket.key_of("dcanary/x")) == (40, True, "dcanary/x")


def test_gitlab_is_told_the_branch_and_its_refusal_of_a_repetition_is_known() -> None:
    place = Place("GitLab", "https://gitlab.com", "gitlab.com", "o/r")
    assert gitlab.post_of(place, status_of(report()))[1]["ref"] == "main"
    assert gitlab.is_repeat(400, '{"message":"Cannot transition status via :run from :running"}')
    assert not gitlab.is_repeat(400, "state does not have a valid value")


def test_github_tells_contexts_apart_without_case() -> None:
    status = status_of(report(subject={"Stage": "Build"}))
    answer = {"statuses": [{"context": "DCanary/build", "state": "pending", "description": None}]}
    assert github.page_of(answer).items[0].context == github.wanted(status).context
