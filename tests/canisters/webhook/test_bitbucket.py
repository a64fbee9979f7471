"""Signatures and pushes of Bitbucket, whose one delivery may start several runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from canisters.webhook.deliveries.rules import part_ids
from canisters.webhook.providers.bitbucket import (
    delivery_of,
    identity_problem,
    is_signed,
    read_changes,
)
from shared.rules.limits import MAX_CHANGES_PER_DELIVERY, MAX_OPEN_DELIVERIES_PER_REPOSITORY
from tests.canisters.installation import OWNER, ok
from tests.canisters.webhook.forges import (
    BITBUCKET,
    NONE,
    OLD,
    SHA,
    bitbucket_change,
    bitbucket_push,
    bitbucket_pushes,
)
from tests.canisters.webhook.test_forges import NAME, Front

MASTER = bitbucket_change("refs/heads/master", OLD, SHA)
RELEASE = bitbucket_change("refs/heads/release/1", NONE, SHA[::-1])
TAG = bitbucket_change("refs/tags/v1.0", NONE, SHA)
FEATURE = bitbucket_change("refs/heads/feature", OLD, SHA)
GONE = bitbucket_change("refs/heads/master", SHA, NONE)


@pytest.fixture
def front() -> Front:
    return Front(BITBUCKET)


def deliver(front: Front, *changes: dict[str, Any], delivery: str = "d-1") -> tuple[int, Any]:
    payload = bitbucket_pushes(*changes)
    return front.post(front.request(payload, event="repo:push", delivery=delivery))


def deliveries(front: Front) -> list[str]:
    page = {"cursor": None, "limit": 100}
    listed = ok(front.webhook.query("list_deliveries", NAME, page))["items"]
    return [item["delivery"] for item in listed]


def test_the_documented_example_signature_is_valid() -> None:
    """Source: Bitbucket Cloud documentation, "Manage webhooks", "Testing webhook payload
    validation"."""
    given = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    headers = [("X-Hub-Signature", given)]
    assert is_signed(headers, b"Hello World!", [b"It's a Secret to Everybody"], 0)
    assert not is_signed(headers, b"Hello, World!", [b"It's a Secret to Everybody"], 0)
    assert not is_signed([("X-Hub-Signature-256", given)], b"Hello World!", [b"It's"], 0)


def test_each_change_that_a_trigger_wants_is_a_run_of_its_own(front: Front) -> None:
    status, content = deliver(front, FEATURE, MASTER, GONE, RELEASE, TAG)
    assert status == 202
    assert content == {
        "status": "accepted",
        "delivery": "d-1",
        "run": "run-1",
        "runs": ["run-1", "run-2", "run-3"],
    }
    assert deliveries(front) == ["d-1.3", "d-1.2", "d-1"]
    runs = front.runs()
    assert [
        (run["run"], run["delivery"], run["source"]["ref"], run["source"]["sha"]) for run in runs
    ] == [
        ("run-1", "d-1", "refs/heads/master", SHA),
        ("run-2", "d-1.2", "refs/heads/release/1", SHA[::-1]),
        ("run-3", "d-1.3", "refs/tags/v1.0", SHA),
    ]
    for delivery in deliveries(front):
        assert front.system.delivery(delivery, NAME)["state"] == {"Dispatched": None}
    assert front.webhook.query("health")["open"] == 0


def test_a_delivery_of_several_changes_that_comes_again_starts_nothing_more(front: Front) -> None:
    deliver(front, MASTER, TAG)
    again = {"status": "duplicate", "delivery": "d-1", "run": "run-1"}
    assert deliver(front, MASTER, TAG) == (200, again)
    assert deliver(front, MASTER, TAG, delivery="d-2") == (200, again)
    assert len(front.runs()) == 2


def test_all_changes_are_taken_or_none(front: Front) -> None:
    """Two more fit, three do not: nothing is recorded, and the delivery may come again."""
    front.system.executor.update("answer_with", "enqueue_run", "Unavailable")
    for number in range(MAX_OPEN_DELIVERIES_PER_REPOSITORY - 2):
        sha = f"{number + 1:040x}"
        change = bitbucket_change("refs/heads/master", OLD, sha)
        assert deliver(front, change, delivery=f"e-{number}")[0] == 202
    status, content = deliver(front, MASTER, RELEASE, TAG)
    assert status == 503
    assert "MAX_OPEN_DELIVERIES_PER_REPOSITORY" in content["error"]
    assert not [each for each in deliveries(front) if each.startswith("d-")]
    assert deliver(front, MASTER, RELEASE, delivery="d-2")[0] == 202


def test_an_upgrade_before_the_runs_were_sent_loses_none(front: Front) -> None:
    deliver(front, MASTER, RELEASE, TAG)
    front.webhook.upgrade()
    assert len(front.runs()) == 3


def test_each_change_can_be_sent_again_by_hand(front: Front) -> None:
    front.system.executor.update("answer_with", "enqueue_run", "Invalid")
    deliver(front, MASTER, TAG)
    front.system.run_until_idle()
    front.system.executor.update("answer_with", "enqueue_run", "Ok")
    replay = front.webhook.update("replay_delivery", NAME, "d-1.2", caller=OWNER)
    assert replay == {"Ok": "run-2"}
    assert [run["run"] for run in front.runs()] == ["run-2"]


def test_a_push_whose_changes_all_start_nothing_is_one_ignored_record(front: Front) -> None:
    status, content = deliver(front, FEATURE, GONE)
    assert status == 200
    assert content["reason"] == (
        "ignored, because no trigger of the pipeline matches branch feature; "
        "its other changes start nothing either"
    )
    assert deliveries(front) == ["d-1"]
    assert front.system.delivery("d-1", NAME)["ref"] == "refs/heads/feature"
    status, content = deliver(front, delivery="d-2")
    assert content["reason"] == "ignored, because the push changes no branch and no tag"


def test_more_changes_than_the_limit_start_nothing_and_say_so(front: Front) -> None:
    """Also when there are far more: they are not even read."""
    many = [bitbucket_change(f"refs/heads/release/{n}", OLD, SHA) for n in range(40)]
    status, content = deliver(front, *many[:MAX_CHANGES_PER_DELIVERY], delivery="fits")
    assert (status, len(content["runs"])) == (202, MAX_CHANGES_PER_DELIVERY)
    status, content = deliver(front, *many[: MAX_CHANGES_PER_DELIVERY + 1])
    assert status == 200
    assert "MAX_CHANGES_PER_DELIVERY" in content["reason"]
    read = read_changes("repo:push", bitbucket_pushes(*many))
    assert len(read) == MAX_CHANGES_PER_DELIVERY + 1
    assert len(front.runs()) == MAX_CHANGES_PER_DELIVERY


def test_nobody_can_take_the_place_of_a_later_change(front: Front) -> None:
    """The id is not signed: a captured delivery must not be posted as another one's `.2`."""
    payload = bitbucket_pushes(FEATURE)
    front.refuses(front.request(payload, event="repo:push", delivery="d-1.2"), 400)
    assert delivery_of([("X-Request-UUID", "{a-b}")]) == "a-b"


def test_one_bad_change_refuses_the_whole_delivery(front: Front) -> None:
    bad = bitbucket_change("refs/heads/a..b", OLD, SHA)
    payload = bitbucket_pushes(MASTER, bad)
    front.refuses(front.request(payload, event="repo:push"), 400)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"new": None, "old": None}, "neither"),
        ({"new": {"type": "bookmark", "name": "x"}}, "neither"),
        ({"new": "master"}, "neither"),
        ({"new": {"type": "branch", "name": "a b"}}, "`name`"),
        ({"new": {"type": "branch", "name": "a", "target": {"hash": "abc"}}}, "target.hash"),
        ({"new": {"type": "branch", "name": "a", "target": None}}, "target.hash"),
        (None, "neither"),
        (7, "neither"),
    ],
)
def test_a_change_with_a_wrong_field_is_told(change: object, word: str) -> None:
    problem = read_changes("repo:push", {"push": {"changes": [change]}})
    assert isinstance(problem, str)
    assert word in problem


@pytest.mark.parametrize("push", [None, [], {}, {"changes": None}, {"changes": {"new": MASTER}}])
def test_a_push_without_changes_is_told(push: object) -> None:
    assert read_changes("repo:push", {"push": push}) == "field `push.changes` is missing"


def test_the_author_is_the_commits_or_else_who_pushed() -> None:
    read = read_changes(
        "repo:push", json.loads(json.dumps(bitbucket_push("refs/heads/main", OLD, SHA)))
    )
    assert not isinstance(read, str)
    assert (read[0].message, read[0].author) == ("fixed readme\n", "John Smith")
    change = bitbucket_change("refs/heads/main", OLD, SHA)
    del change["new"]["target"]["author"]
    read = read_changes("repo:push", bitbucket_pushes(change))
    assert not isinstance(read, str)
    assert read[0].author == "John"


def test_the_repository_must_be_the_registered_one() -> None:
    url = "https://bitbucket.org/ada/shop.git"
    page = {"links": {"html": {"href": "https://bitbucket.org/Ada/shop"}}}
    assert identity_problem({"repository": page}, url) is None
    assert identity_problem({"repository": {"full_name": "ada/shop"}}, url) is None
    for other in (
        {"links": {"html": {"href": "https://bitbucket.org/eve/shop"}}, "full_name": "ada/shop"},
        {"full_name": "eve/shop"},
        {"name": "shop"},
    ):
        assert identity_problem({"repository": other}, url) is not None


def test_parts_pass_over_ids_that_are_taken() -> None:
    """As of another forge, before the repository was registered anew."""
    taken = {"d-1.2", "d-1.4"}
    assert part_ids("d-1", 1, taken.__contains__) == ["d-1"]
    assert part_ids("d-1", 3, taken.__contains__) == ["d-1", "d-1.3", "d-1.5"]
