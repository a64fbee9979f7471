"""Releases: GitLab's start a run of their tag's commit, others say why they do not."""

from __future__ import annotations

from typing import Any

import pytest

from canisters.webhook.providers import gitlab
from tests.canisters.installation import OWNER, ok
from tests.canisters.pipeline_config.pipelines import pipeline
from tests.canisters.webhook.forges import GITEA, GITHUB, GITLAB, GITLAB_PROJECT, SHA, ForgeKind
from tests.canisters.webhook.test_forges import NAME, Front

EVENT = "Release Hook"


def released(**more: object) -> dict[str, Any]:
    """Source: GitLab documentation, "Webhook events: release events"."""
    return {
        "object_kind": "release",
        "id": 1,
        "name": "v1.1",
        "tag": "v1.1",
        "action": "create",
        "project": GITLAB_PROJECT,
        "commit": {
            "id": SHA,
            "message": "Release v1.1",
            "author": {"name": "Example User", "email": "user@example.com"},
        },
        **more,
    }


class Releases(Front):
    def __init__(self, kind: ForgeKind, *triggers: dict[str, Any]) -> None:
        super().__init__(kind)
        wanted = pipeline(NAME)
        wanted["triggers"] = list(triggers) or [{"Release": ["v*", "!v*-rc*"]}]
        ok(self.system.pipelines.update("update_pipeline", wanted, caller=OWNER))
        self.system.run_until_idle()

    def told(self, **more: object) -> dict[str, Any]:
        return self.post(self.request(released(**more), event=EVENT))[1]


def test_a_release_of_gitlab_is_built_from_the_commit_of_its_tag_and_deploys() -> None:
    front = Releases(GITLAB)
    assert front.told()["status"] == "accepted"
    (run,) = front.runs()
    assert (run["source"]["ref"], run["source"]["sha"]) == ("refs/tags/v1.1", SHA)
    assert (run["source"]["message"], run["source"]["author"]) == ("Release v1.1", "Example User")
    assert run["pull_request"] is None
    assert run["pipeline"]["deploy"] is not None


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"action": "update"}, "release v1.1 was not made, but: update"),
        ({"action": "delete"}, "release v1.1 was not made, but: delete"),
        ({"tag": "v1.1-rc1"}, "no trigger of the pipeline matches release v1.1-rc1"),
        ({"commit": {"id": SHA, "message": "[skip ci]"}}, "asks to skip it"),
    ],
)
def test_a_release_that_is_not_wanted_says_why(more: dict[str, object], reason: str) -> None:
    front = Releases(GITLAB)
    answer = front.told(**more)
    assert answer["status"] == "ignored" and reason in answer["reason"]
    assert front.runs() == []


def test_a_trigger_of_tags_wants_no_release() -> None:
    assert "no trigger" in Releases(GITLAB, {"Tag": ["v*"]}).told()["reason"]


@pytest.mark.parametrize(
    "more", [{"object_kind": "tag_push"}, {"tag": "a b"}, {"commit": None}, {"commit": {"id": "1"}}]
)
def test_a_release_that_cannot_be_read_is_refused(more: dict[str, object]) -> None:
    assert isinstance(gitlab.read_changes(EVENT, released(**more)), str)


@pytest.mark.parametrize("kind", [GITHUB, GITEA], ids=lambda kind: kind.name)
def test_releases_that_name_no_commit_say_that_a_trigger_of_tags_does_it(kind: ForgeKind) -> None:
    front = Releases(kind)
    payload = {**kind.other_payload(), "action": "published", "release": {"tag_name": "v1.1"}}
    answer = front.post(front.request(payload, event="release"))[1]
    assert answer["reason"] == (
        "ignored, because releases of this forge are not supported yet: the delivery names a tag "
        "and not its commit. A trigger of tags starts a run when the tag is pushed"
    )
