"""Pull requests: which start a run, of which commit, and what is held until an admin allows it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from canisters.webhook.providers import bitbucket, github, gitlab
from tests.canisters.installation import OWNER, error, ok
from tests.canisters.pipeline_config.pipelines import pipeline
from tests.canisters.webhook.forges import (
    GITEA,
    GITHUB,
    GITLAB,
    OLD,
    SHA,
    ForgeKind,
    github_samples,
)
from tests.canisters.webhook.pulls import EVENTS, KINDS, REFS, pull_of
from tests.canisters.webhook.test_forges import CLONE_URL, NAME, Front

GITHUBS = "https://github.com/Codertocat/Hello-World.git"
SAMPLES = {"accepted": 7, "ignored": 22}
FILTER: dict[str, Any] = {
    "branches": ["main"],
    "types": None,
    "labels": None,
    "drafts": None,
    "deploy": None,
}


class Pulls(Front):
    """With triggers of pull requests."""

    def __init__(
        self, kind: ForgeKind, *triggers: dict[str, Any], clone_url: str = CLONE_URL
    ) -> None:
        super().__init__(kind, clone_url)
        wanted = pipeline(NAME)
        wanted["triggers"] = list(triggers) or [{"PullRequest": ["main"]}]
        wanted["stages"][0]["secrets"] = ["TOKEN"]
        wanted["stages"][1]["cache"] = {"inputs": ["src/"]}
        ok(self.system.pipelines.update("update_pipeline", wanted, caller=OWNER))
        self.system.run_until_idle()

    def pulled(self, delivery: str = "d-1", **how: Any) -> tuple[int, dict[str, Any]]:
        payload = pull_of(self.kind, **how)
        event = EVENTS[self.kind.provider]
        return self.post(self.request(payload, event=event, delivery=delivery))

    def shown(self, delivery: str = "d-1") -> dict[str, Any]:
        found: dict[str, Any] = self.system.delivery(delivery, NAME)
        return found

    def allow(self, delivery: str = "d-1", sha: str = SHA) -> Any:
        return self.webhook.update("allow_delivery", NAME, delivery, sha, caller=OWNER)


each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@each_kind
def test_a_pull_request_of_a_branch_is_built_at_once_and_deploys_nothing(kind: ForgeKind) -> None:
    front = Pulls(kind)
    assert front.pulled()[1]["status"] == "accepted"
    (run,) = front.runs()
    assert (run["source"]["ref"], run["source"]["sha"]) == ("refs/heads/threes", SHA)
    assert run["source"]["message"] == "Count in threes"
    assert run["pull_request"] == {
        "number": 7,
        "title": "Count in threes",
        "target": "main",
        "head": "threes",
        "head_repository": "mike/diaspora",
        "fork": False,
        "deploys": False,
    }
    assert run["pipeline"]["deploy"] is None
    assert run["pipeline"]["stages"][0]["secrets"] == ["TOKEN"]
    assert run["pipeline"]["stages"][1]["cache"] == {"inputs": ["src/"]}


@each_kind
def test_a_pull_request_of_a_branch_deploys_when_its_trigger_says_so(kind: ForgeKind) -> None:
    front = Pulls(kind, {"FilteredPullRequest": {**FILTER, "deploy": True}})
    front.pulled()
    (run,) = front.runs()
    assert run["pull_request"]["deploys"] is True
    assert run["pipeline"]["deploy"] is not None


@each_kind
def test_a_pull_request_of_a_fork_is_held_and_starts_nothing(kind: ForgeKind) -> None:
    front = Pulls(kind)
    status, content = front.pulled(fork=True)
    assert (status, content["status"]) == (202, "held")
    assert "pull request 7 comes from a fork" in content["reason"]
    assert front.runs() == []
    shown = front.shown()
    assert shown["state"] == {"Held": content["reason"]}
    assert (shown["run"], shown["allowed_by"], shown["sha"]) == (None, None, SHA)
    assert shown["ref"] == REFS[kind.provider]
    assert shown["pull_request"]["head_repository"] == "eve/diaspora"


@each_kind
def test_a_fork_that_is_allowed_is_built_without_secrets_cache_and_deploys(kind: ForgeKind) -> None:
    front = Pulls(kind, {"FilteredPullRequest": {**FILTER, "deploy": True}})
    front.pulled(fork=True)
    run_id = ok(front.allow())
    (run,) = front.runs()
    assert run["run"] == run_id
    assert (run["source"]["ref"], run["source"]["sha"]) == (REFS[kind.provider], SHA)
    assert run["pull_request"]["fork"] is True
    assert run["pull_request"]["deploys"] is False
    assert (run["pipeline"]["deploy"], run["pipeline"]["deploys"]) == (None, None)
    for stage in run["pipeline"]["stages"]:
        assert (stage["secrets"], stage["cache"]) == (None, None)
    shown = front.shown()
    assert shown["run"] == run_id
    assert str(shown["allowed_by"]) == str(OWNER)
    assert shown["state"] == {"Dispatched": None}


@each_kind
def test_the_next_commit_of_a_fork_is_held_again(kind: ForgeKind) -> None:
    front = Pulls(kind)
    front.pulled(fork=True)
    ok(front.allow())
    answer = front.pulled("d-2", fork=True, action="synchronize", sha=OLD)
    assert answer[1]["status"] == "held"
    assert front.shown("d-2")["sha"] == OLD
    assert len(front.runs()) == 1


def test_what_is_allowed_is_the_commit_that_was_looked_at() -> None:
    front = Pulls(GITHUB)
    front.pulled(fork=True)
    assert f"is of commit {SHA}" in error(front.allow(sha=OLD), "Conflict")
    assert front.runs() == []
    ok(front.allow())
    assert "is not held" in error(front.allow(), "Conflict")
    assert len(front.runs()) == 1
    error(front.allow("d-9"), "NotFound")


def test_a_held_delivery_that_comes_again_stays_held_also_under_another_id() -> None:
    front = Pulls(GITHUB)
    front.pulled(fork=True)
    before = front.shown()
    for delivery in ("d-1", "d-2"):
        answer = {"status": "duplicate", "delivery": "d-1", "run": None}
        assert front.pulled(delivery, fork=True) == (200, answer)
    assert front.shown() == before
    run = ok(front.allow())
    assert front.pulled("d-3", fork=True)[1] == {
        "status": "duplicate",
        "delivery": "d-1",
        "run": run,
    }


def test_a_held_delivery_is_not_replayed() -> None:
    front = Pulls(GITHUB)
    front.pulled(fork=True)
    answer = front.webhook.update("replay_delivery", NAME, "d-1", caller=OWNER)
    assert "allow_delivery" in error(answer, "Conflict")


@each_kind
@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"target": "other"}, "no trigger of the pipeline matches pull request 7 into other"),
        ({"action": "closed"}, "do not want what has happened to it (close"),
        ({"action": "labeled"}, "do not want what has happened to it (labeled)"),
        ({"draft": True}, "pull request 7 is a draft"),
        ({"title": "Draft [skip ci]"}, "the pull request asks to skip it"),
        ({"body": "no need\n[ci skip]"}, "the pull request asks to skip it"),
    ],
)
def test_a_pull_request_that_is_not_wanted_says_why(
    kind: ForgeKind, how: dict[str, Any], reason: str
) -> None:
    front = Pulls(kind)
    answer = front.pulled(**how)[1]
    assert answer["status"] == "ignored"
    assert reason in answer["reason"]
    assert front.runs() == []


@each_kind
def test_types_labels_and_drafts_are_wanted_by_the_trigger(kind: ForgeKind) -> None:
    trigger = {**FILTER, "types": ["labeled"], "labels": ["ci/*", "!ci/no"], "drafts": True}
    front = Pulls(kind, {"FilteredPullRequest": trigger})
    assert "want a label" in front.pulled("a", action="labeled", labels=("ci/no",))[1]["reason"]
    wanted = {"action": "labeled", "labels": ("x", "ci/full"), "draft": True}
    assert front.pulled("b", **wanted)[1]["status"] == "accepted"
    assert front.pulled("c", labels=("ci/full",))[1]["status"] == "ignored"


def test_a_trigger_of_pushes_wants_no_pull_request() -> None:
    front = Pulls(GITHUB, {"Push": ["**"]})
    assert "no trigger of the pipeline matches pull request 7" in front.pulled()[1]["reason"]


@each_kind
@pytest.mark.parametrize("change", ["number", "sha", "target"])
def test_a_pull_request_that_cannot_be_read_is_refused(kind: ForgeKind, change: str) -> None:
    front = Pulls(kind)
    sha, target = "x" if change == "sha" else SHA, "a b" if change == "target" else "main"
    payload = pull_of(kind, sha=sha, target=target)
    if change == "number":
        text = json.dumps(payload).replace('"number": 7', '"number": "7"')
        payload = json.loads(text.replace('"iid": 7', '"iid": true'))
    asked = front.request(payload, event=EVENTS[kind.provider])
    front.refuses(asked, 400)


def test_every_sample_of_github_has_an_answer_where_pull_requests_are_wanted() -> None:
    """All of `@octokit/webhooks-examples`."""
    front = Pulls(GITHUB, {"PullRequest": ["**"]}, clone_url=GITHUBS)
    answers: Counter[str] = Counter()
    for number, (event, payload) in enumerate(github_samples()):
        place = payload.get("repository") or {}
        if event != "pull_request" or place.get("full_name") != "Codertocat/Hello-World":
            continue
        asked = front.request(payload, event=event, delivery=f"d-{number}")
        status, content = front.post(asked)
        answers[content["status"]] += 1
        if content["status"] == "accepted":
            assert payload["action"] in ("opened", "synchronize", "reopened")
        else:
            assert status == 200 and "do not want what has happened to it" in content["reason"]
    assert answers["accepted"] == len(front.runs())
    assert answers == SAMPLES


def foreign(**head: object) -> bool:
    """Whether a pull request of Gitea with this head counts as a fork's."""
    payload = pull_of(GITEA)
    payload["pull_request"]["head"].update(head)
    read = github.read_changes("pull_request", payload)
    assert not isinstance(read, str), read
    (change,) = read
    assert change.pull_request is not None
    assert (change.ref == "refs/heads/threes") is not change.pull_request.fork
    return change.pull_request.fork


def test_a_head_that_is_not_surely_a_branch_of_the_repository_counts_as_a_forks() -> None:
    own = pull_of(GITEA)["repository"]
    assert not foreign()
    assert foreign(repo=None)
    assert foreign(repo={**own, "id": 1})
    assert foreign(repo={**own, "full_name": "eve/diaspora"})
    # Gitea and Forgejo: made by a push to refs/for/main, which everyone may who may read.
    assert foreign(label="", ref="refs/pull/7/head")
    assert foreign(label="")


def test_gitlab_says_itself_that_it_is_a_merge_request_of_this_project() -> None:
    payload = pull_of(GITLAB)
    event = "Merge Request Hook"
    assert isinstance(gitlab.read_changes(event, {**payload, "object_kind": "push"}), str)
    told = {**payload["object_attributes"], "target_project_id": 16}
    assert isinstance(gitlab.read_changes(event, {**payload, "object_attributes": told}), str)
    read = gitlab.read_changes(event, {**payload, "project": {**payload["project"], "id": 15}})
    assert not isinstance(read, str) and read[0].pull_request is not None


def test_bitbucket_names_no_whole_commit_so_its_pull_requests_are_not_supported_yet() -> None:
    assert {"pullrequest:created", "pullrequest:updated"} <= set(bitbucket.PLANNED)
