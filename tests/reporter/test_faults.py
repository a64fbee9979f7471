"""What a forge answers, what follows, and what people see of it: the table of errors."""

from __future__ import annotations

from typing import Any

import pytest

from dcanary.reporter import posting
from tests.reporter.conftest import World


def posting_of(world: World, number: int = 0) -> Any:
    return world.reports()[number]["posting"]


@pytest.mark.parametrize(
    ("fault", "reason", "first_wait"),
    [
        ("401", "HTTP 401 Bad credentials (the token is wrong or has expired)", 30),
        ("403", "HTTP 403 Resource not accessible by personal access token (the token may", 30),
        ("404", "HTTP 404 Not Found (there is no such repository, or the token may not", 30),
        ("500", "HTTP 500 Server Error", 2),
        ("429", "HTTP 429 Too Many Requests: rate limit", 2),
        ("403 limit", "HTTP 403 API rate limit exceeded (the token may not post", 2),
    ],
)
def test_a_failure_is_recorded_with_its_reason_and_tried_again(
    world: World, fault: str, reason: str, first_wait: int
) -> None:
    world.tell("Queued")
    world.faults.next(fault)
    world.post()
    found = posting_of(world)
    assert (found["state"], found["attempts"]) == ({"Waiting": None}, 1)
    assert found["last_error"].startswith(reason)
    wait = found["next_try_ns"] / 1e9 - world.clock()
    assert first_wait - 1.5 <= wait <= first_wait + 2
    assert world.statuses() == []
    world.pass_time(first_wait + 2)
    world.post()
    assert (world.shown(), world.postings()) == (["dcanary/main pending"], ["Posted"])
    assert posting_of(world)["attempts"] == 2


def test_what_a_forge_does_not_take_is_refused_with_its_reason(world: World) -> None:
    world.tell("Queued")
    world.faults.next("422")
    world.post(600)
    assert posting_of(world)["state"] == {"Refused": "HTTP 422 Validation Failed"}
    assert len(world.faults.posts()) == 1
    world.tell("Succeeded")
    world.post()
    assert world.postings() == ["Refused", "Posted"]


def test_a_commit_that_the_forge_does_not_have_is_refused(world: World) -> None:
    world.sha = "1" * 40
    world.tell("Queued")
    world.post()
    assert posting_of(world)["state"] == {
        "Refused": f"HTTP 422 No commit found for SHA: {'1' * 40}"
    }


def test_a_post_whose_answer_was_lost_is_not_posted_again(world: World) -> None:
    world.tell("Queued")
    world.faults.next("lost")
    world.post(10)
    assert world.shown() == ["dcanary/main pending"]
    assert (world.postings(), len(world.faults.posts())) == (["Posted"], 1)


def test_a_post_whose_answer_is_slow_is_weather_and_not_posted_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "REQUEST_SECONDS", 0.5)
    world.faults.slow_seconds = 1.5
    world.faults.next("slow")
    world.tell("Queued")
    world.post()
    assert posting_of(world)["last_error"].startswith("no answer: ")
    world.post(10)
    assert (world.shown(), world.postings()) == (["dcanary/main pending"], ["Posted"])


def test_a_forge_that_is_away_is_waited_for_longer_and_longer(world: World) -> None:
    world.tell("Queued")
    world.tell("Queued", run="run-2")
    world.forge.stop()
    world.post(120)
    found = posting_of(world, 1)
    assert found["last_error"].startswith("no answer: ")
    assert 4 <= found["attempts"] <= 8
    world.forge.start()
    world.post(300)
    assert world.postings() == ["Superseded", "Posted"]


def test_waits_for_weather_grow_to_an_end(world: World) -> None:
    world.faults.always("500")
    world.tell("Queued")
    waits = []
    for _ in range(12):
        world.post()
        waits.append(posting_of(world)["next_try_ns"] / 1e9 - world.clock())
        world.pass_time(waits[-1] + 0.1)
    assert waits[:3] == [pytest.approx(2), pytest.approx(4), pytest.approx(8)]
    assert waits[-1] == pytest.approx(300)


def test_after_a_day_a_report_is_given_up_with_the_last_reason(world: World) -> None:
    world.faults.always("401")
    world.tell("Queued")
    world.post()
    world.pass_time(24 * 3_600 + 60)
    world.post()
    assert posting_of(world)["state"] == {
        "Refused": "given up after a day: HTTP 401 Bad credentials "
        "(the token is wrong or has expired)"
    }


def test_a_wrong_token_is_not_tried_with_every_report(world: World) -> None:
    stages = {f"stage-{number}": "Succeeded" for number in range(10)}
    world.tell("Running", stages=stages)
    reporter = world.reporter(tokens=world.tokens("a wrong token"))
    reporter.round()
    assert len(world.faults.calls) == 1
    reporter.close()
    told = [each["posting"]["last_error"] for each in world.reports()]
    assert [bool(error) for error in told].count(True) == 1


def test_a_rate_limit_holds_all_posts_until_it_ends(world: World) -> None:
    world.tell("Running", stages={"build": "Building", "test": "Building"})
    world.faults.next("403 limit")
    world.post()
    assert len(world.faults.posts()) == 1
    world.post(10)
    assert len(world.faults.posts()) == 4
    assert set(world.postings()) == {"Posted"}


def test_one_commit_that_fails_does_not_hold_up_the_others(world: World) -> None:
    first = world.sha
    world.faults.next("404")
    world.tell("Failed")
    world.sha = world.copy.commit("another")
    world.copy.push()
    world.tell("Succeeded", run="run-2")
    world.post()
    assert [each.sha for each in world.statuses()] == [world.sha]
    world.pass_time(40)
    world.post()
    assert [each.sha for each in world.statuses()] == [world.sha, first]


def test_a_forge_that_sends_the_token_back_does_not_get_it_written_down(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = world.forge.token_file().read_text().strip()
    monkeypatch.setitem(
        __import__("dcanary.testing.forge_faults", fromlist=["ANSWERS"]).ANSWERS,
        "422",
        (422, {}, {"message": f"the token {token} is not allowed"}),
    )
    world.faults.next("422")
    world.tell("Queued")
    world.post()
    assert token not in str(world.reports()) + str(world.lines)
    assert "the token *** is not allowed" in str(world.reports())
