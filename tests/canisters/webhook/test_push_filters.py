"""Which pushes a trigger with filters wants, of every forge, and what it says of the others."""

from __future__ import annotations

from typing import Any

import pytest

from canisters.webhook.providers.files import changed_paths
from canisters.webhook.triggers.paths import NOT_LISTED, TOO_MANY, steps_of, wants
from shared.rules.limits import MAX_FILTER_STEPS
from tests.canisters.installation import OWNER, ok
from tests.canisters.pipeline_config.pipelines import pipeline
from tests.canisters.webhook.forges import BITBUCKET, GITEA, GITHUB, GITLAB, OLD, SHA, ForgeKind
from tests.canisters.webhook.test_forges import NAME, Front

MAIN = "refs/heads/main"
LISTING = pytest.mark.parametrize("kind", [GITHUB, GITLAB, GITEA], ids=lambda kind: kind.name)


def commits(*paths: str) -> list[dict[str, Any]]:
    """One commit that the payload lists with the files that it changed."""
    author = {"name": "Ada"}
    files = {"added": [], "removed": [], "modified": list(paths)}
    return [{"id": SHA, "message": "Count", "author": author, **files}]


class Filtered(Front):
    """With a trigger that has filters."""

    def __init__(self, kind: ForgeKind, **lists: list[str]) -> None:
        super().__init__(kind)
        wanted = pipeline(NAME)
        given = {"branches": ["main", "release/*", "!release/*-alpha"], **lists}
        empty = {"paths": None, "paths_ignore": None, "authors": None}
        wanted["triggers"] = [{"FilteredPush": {**empty, **given}}]
        ok(self.system.pipelines.update("update_pipeline", wanted, caller=OWNER))
        self.system.run_until_idle()

    def pushed(self, *paths: str, ref: str = MAIN, **more: object) -> tuple[str, str | None]:
        """The answer's status and the reason or note that the delivery shows."""
        listed = commits(*paths)
        counts = {"commits": listed, "total_commits": 1, "total_commits_count": 1}
        payload = {**self.kind.push(ref, OLD, SHA, **counts), **more}
        request = self.request(payload, event=self.kind.event_of(ref))
        content = self.post(request)[1]
        delivery = self.system.delivery("d-1", NAME)
        return content["status"], content.get("reason") or delivery["note"]


@LISTING
def test_a_push_that_changes_a_wanted_file_starts_a_run(kind: ForgeKind) -> None:
    front = Filtered(kind, paths=["src/**", "!src/**/*.md"])
    assert front.pushed("docs/a.md", "src/main.mo") == ("accepted", None)
    assert len(front.runs()) == 1


@LISTING
@pytest.mark.parametrize("paths", [("docs/a.md",), ("src/deep/a.md", "README")])
def test_a_push_that_changes_no_wanted_file_starts_nothing_and_says_so(
    kind: ForgeKind, paths: tuple[str, ...]
) -> None:
    front = Filtered(kind, paths=["src/**", "!src/**/*.md"])
    reason = "ignored, because the triggers of branch main want none of the changed files"
    assert front.pushed(*paths) == ("ignored", reason)
    assert front.runs() == []


@LISTING
def test_a_push_of_ignored_files_alone_starts_nothing(kind: ForgeKind) -> None:
    assert Filtered(kind, paths_ignore=["docs/**"]).pushed("docs/a.md")[0] == "ignored"
    front = Filtered(kind, paths_ignore=["docs/**"])
    assert front.pushed("docs/a.md", "main.mo") == ("accepted", None)


def test_what_is_both_wanted_and_ignored_starts_nothing() -> None:
    front = Filtered(GITHUB, paths=["src/**"], paths_ignore=["**/*.md"])
    assert front.pushed("src/a.md", "docs/b.svg")[0] == "ignored"


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (GITHUB, {"created": True}),
        (GITHUB, {"forced": True}),
        (GITHUB, {"commits": []}),
        (GITHUB, {"commits": commits("docs/a.md") * 2_048}),
        (GITHUB, {"commits": [{"id": SHA}]}),
        (GITLAB, {"total_commits_count": 21}),
        (GITLAB, {"before": "0" * 40}),
        (GITEA, {"total_commits": 6}),
        (GITEA, {"total_commits": None}),
        (GITEA, {"before": "0" * 40}),
        (BITBUCKET, {}),
    ],
)
def test_a_payload_that_does_not_list_all_files_counts_as_wanted_and_says_so(
    kind: ForgeKind, more: dict[str, object]
) -> None:
    front = Filtered(kind, paths=["src/**"])
    assert front.pushed("docs/a.md", **more) == ("accepted", NOT_LISTED)


def test_a_branch_that_is_taken_out_starts_nothing() -> None:
    front = Filtered(GITHUB, paths=["src/**"])
    ref = "refs/heads/release/1-alpha"
    assert front.pushed("src/a", ref=ref) == (
        "ignored",
        "ignored, because no trigger of the pipeline matches branch release/1-alpha",
    )


def test_authors_are_those_of_the_head_commit() -> None:
    front = Filtered(GITHUB, authors=["**", "!*[bot]"])
    assert front.pushed("a") == ("accepted", None)
    bot = {"id": SHA, "message": "Bump", "author": {"name": "renovate[bot]"}}
    front = Filtered(GITHUB, authors=["**", "!*[bot]"])
    assert front.pushed("a", head_commit=bot) == (
        "ignored",
        "ignored, because the triggers of branch main do not want author renovate[bot]",
    )


def test_one_trigger_without_filters_is_enough() -> None:
    front = Filtered(GITHUB, paths=["src/**"])
    wanted = pipeline(NAME)
    lists = {"branches": ["main"], "paths": ["src/**"], "paths_ignore": None, "authors": None}
    wanted["triggers"] = [{"FilteredPush": lists}, {"Push": ["main"]}]
    ok(front.system.pipelines.update("update_pipeline", wanted, caller=OWNER))
    front.system.run_until_idle()
    assert front.pushed("docs/a") == ("accepted", None)


def test_more_files_than_filters_may_look_at_count_as_wanted() -> None:
    many = [f"docs/{number:06}" for number in range(MAX_FILTER_STEPS + 1)]
    assert wants(many, ["src/**"], [], MAX_FILTER_STEPS) == (True, TOO_MANY)
    assert wants(many[:-1], ["src/**"], [], MAX_FILTER_STEPS) == (False, None)
    assert wants(many, [], [], 0) == (True, None)


def test_steps_are_looks_and_where_both_ends_fit_letters_times_stars() -> None:
    assert steps_of(["src/**", "!README"], ["ab", "cde"]) == 4
    assert steps_of(["**/*.md", "!a?"], ["ab", "cd.md"]) == 4 + 5 * 4 + 2
    hostile = "**" + "a**" * 60
    paths = ["a" * 60] * 31
    assert wants(paths, [hostile], [], MAX_FILTER_STEPS) == (True, TOO_MANY)


@pytest.mark.parametrize(
    "listed", [None, [], "x", [1], [{"added": []}], [{**commits()[0], "added": [1]}]]
)
def test_a_list_that_is_not_one_of_files_is_no_list(listed: object) -> None:
    assert changed_paths(listed, 1) is None


def test_files_are_listed_once() -> None:
    twice = [{"added": ["a"], "removed": ["b"], "modified": ["a", "c"]}] * 2
    assert changed_paths(twice, 2) == ["a", "b", "c"]
