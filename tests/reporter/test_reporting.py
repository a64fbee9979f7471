"""Reports become statuses of their commit, each once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dcanary.client.errors import ClientError, RefusedError
from dcanary.reporter.places import Tokens
from dcanary.testing.native import user_principal
from tests.canisters.installation import OWNER, SECRET, ok
from tests.reporter.conftest import PROVIDERS, NativeChain, World

WORDS = {
    "github": ("pending", "pending", "success", "failure"),
    "gitea": ("pending", "pending", "success", "failure"),
    "gitlab": ("pending", "running", "success", "failed"),
    "bitbucket": ("INPROGRESS", "INPROGRESS", "SUCCESSFUL", "FAILED"),
}
each_provider = pytest.mark.parametrize("provider", sorted(PROVIDERS))


@each_provider
def test_a_run_is_followed_on_its_commit_until_it_succeeds(
    worlds: Callable[[str], World], provider: str
) -> None:
    world = worlds(provider)
    pending, running, success, _ = WORDS[provider]
    world.tell("Queued")
    world.post()
    assert world.shown() == [f"dcanary/main {pending}"]
    world.tell("Running", stages={"build": "Building"})
    world.post()
    world.tell("Succeeded", stages={"build": "Succeeded"})
    world.post()
    assert sorted(world.shown()[1:3]) == [f"dcanary/build {running}", f"dcanary/main {running}"]
    assert world.shown()[3:] == [f"dcanary/build {success}", f"dcanary/main {success}"]
    assert set(world.postings()) == {"Posted"}
    last = world.statuses()[-1]
    assert (last.sha, last.description) == (world.sha, "run-1 has succeeded")
    assert last.target_url == "https://ci.example/run-1"


@each_provider
def test_a_failure_is_said_with_its_reason_and_what_was_not_built_hangs_nobody(
    worlds: Callable[[str], World], provider: str
) -> None:
    world = worlds(provider)
    world.tell("Failed", stages={"build": "Failed", "test": "Skipped"})
    world.post()
    found = {each.context: each for each in world.statuses()}
    assert found["dcanary/main"].state == WORDS[provider][3]
    assert found["dcanary/main"].description == "run-1 has failed: for a reason"
    assert found["dcanary/test"].state not in (*WORDS[provider][:3], "")


@each_provider
def test_what_a_commit_shows_already_is_not_posted_again(
    worlds: Callable[[str], World], provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = worlds(provider)
    first = world.sha
    world.tell("Queued")
    world.post()
    # The mark of the chain goes with the report: the same is reported under another number.
    monkeypatch.setattr(world.webhook.module("canisters.webhook.reports.tables"), "MAX_REPORTS", 1)
    world.sha = world.copy.commit("another")
    world.copy.push()
    world.tell("Queued", run="run-2")
    world.post()
    world.sha = first
    world.tell("Queued")
    world.post()
    assert [each.sha for each in world.statuses()].count(first) == 1
    assert (world.postings(), world.reports()[0]["number"]) == (["Posted"], 2)
    assert any("it was there already" in line for line in world.lines)


def test_of_one_context_only_the_last_report_is_posted(world: World) -> None:
    world.tell("Queued")
    world.tell("Running")
    world.tell("Succeeded")
    world.post()
    assert world.shown() == ["dcanary/main success"]
    assert world.postings() == ["Superseded", "Superseded", "Posted"]


def test_runs_of_other_commits_do_not_overtake_each_other(world: World) -> None:
    first = world.sha
    world.tell("Failed")
    world.sha = world.copy.commit("another")
    world.copy.push()
    world.tell("Succeeded", run="run-2")
    world.post()
    found = [(each.sha, each.state) for each in world.statuses()]
    assert found == [(first, "failure"), (world.sha, "success")]


def test_more_reports_than_one_round_takes_are_all_posted(world: World) -> None:
    stages = {f"stage-{number}": "Succeeded" for number in range(30)}
    world.tell("Succeeded", stages=stages)
    world.tell("Succeeded", run="run-2", stages=stages)
    world.post()
    assert len({each.context for each in world.statuses()}) == 31
    assert world.postings().count("Posted") == 31
    assert world.postings().count("Superseded") == 31


def test_one_reporter_posts_and_the_other_goes_on_when_its_lease_has_run_out(
    world: World,
) -> None:
    first, second = world.reporter("one"), world.reporter("two")
    world.tell("Queued")
    first.round()
    assert second.round() > 0
    assert any(line.startswith("standing by: reporter one of ") for line in world.lines)
    world.tell("Succeeded")
    # The first is gone without a word.
    world.pass_time(61)
    second.round()
    assert world.shown() == ["dcanary/main pending", "dcanary/main success"]
    assert first.round() > 0
    second.close()
    first.close()


def test_a_reporter_that_was_asleep_for_long_begins_anew_and_posts_nothing_twice(
    world: World,
) -> None:
    first, second = world.reporter("one"), world.reporter("two")
    world.tell("Queued")
    first.round()
    world.pass_time(100)
    world.tell("Succeeded")
    second.round()
    second.close()
    first.round()
    assert world.shown() == ["dcanary/main pending", "dcanary/main success"]
    first.close()


def test_once_posts_what_is_due_and_says_what_waits(world: World) -> None:
    world.tell("Queued")
    assert world.reporter().run_once() == 0
    assert world.postings() == ["Posted"]
    world.reporter("two").round()
    with pytest.raises(ClientError, match="reporter two of"):
        world.reporter("one").run_once()


def test_without_the_role_nothing_is_read(world: World) -> None:
    chain = NativeChain(world.webhook, user_principal(99))
    with pytest.raises(RefusedError, match="Denied"):
        world.reporter(chain=chain).round()


def test_a_repository_without_a_token_is_refused_and_said(world: World) -> None:
    world.tell("Queued")
    reporter = world.reporter(tokens=Tokens())
    reporter.round()
    (found,) = world.reports()
    assert "there is no token for 127.0.0.1:" in found["posting"]["state"]["Refused"]
    assert world.faults.calls == []


def test_a_repository_that_is_gone_is_refused_and_said(world: World) -> None:
    world.tell("Queued")
    ok(world.webhook.update("delete_repository", "demo", caller=OWNER))
    world.post()
    assert "demo is not registered" in world.reports()[0]["posting"]["state"]["Refused"]


def test_a_clone_url_elsewhere_does_not_get_the_token_of_this_forge(world: World) -> None:
    value = {
        "repository": "evil",
        "provider": {"GitHub": None},
        "clone_url": "http://127.0.0.2:9/evil.git",
        "secret": SECRET,
    }
    ok(world.webhook.update("register_repository", value, caller=OWNER))
    world.tell("Queued", repository="evil")
    world.post()
    assert "there is no token for 127.0.0.2:9" in str(world.reports()[0]["posting"])


def test_a_long_outage_of_the_reporter_is_said_by_how_much_it_has_missed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = world.webhook.module("canisters.webhook.reports.tables")
    monkeypatch.setattr(tables, "MAX_REPORTS", 2)
    reporter = world.reporter()
    world.tell("Queued")
    reporter.round()
    for number in range(2, 6):
        world.tell("Queued", run=f"run-{number}")
    reporter.round()
    assert "2 reports are not kept any more: they were not posted" in world.lines
    reporter.close()
