"""A reporter that is killed at any step: the next one posts what is missing, and nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from dcanary.client.errors import NetworkError, RefusedError, RejectedError
from dcanary.reporter import posting
from tests.canisters.installation import OWNER, ok
from tests.reporter.conftest import PROVIDERS, REPORTER, Killed, World


class Steps:
    """Counts the steps of a reporter, and kills it at one of them: before or after each call of the
    chain, and before or after each request to the forge."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.count = 0
        self.names: list[str] = []

    def step(self, name: str) -> None:
        self.count += 1
        self.names.append(name)
        if self.count == self.last:
            raise Killed


def killed_at(world: World, last: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Let a reporter work until that step; whether it came so far."""
    steps = Steps(last)
    chain = world.chain()
    chain.before = lambda name: steps.step(f"before {name}")
    chain.after = lambda name: steps.step(f"after {name}")
    request = posting.Poster.exchange

    def stepping(self: Any, method: str, *arguments: Any) -> Any:
        steps.step(f"before {method}")
        answer = request(self, method, *arguments)
        steps.step(f"after {method}")
        return answer

    reporter = world.reporter(f"victim-{last}", chain)
    with monkeypatch.context() as patched:
        patched.setattr(posting.Poster, "exchange", stepping)
        try:
            while not reporter.round():
                pass
        except Killed:
            # A process that was killed tells the chain nothing more.
            return True
        finally:
            chain.dead = True
            with suppress(Killed):
                reporter.close()
    return False


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_nothing_is_lost_and_nothing_is_posted_twice(
    worlds: Callable[[str], World], provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = worlds(provider)
    last = 0
    while True:
        last += 1
        run = f"run-{last}"
        world.sha = world.copy.commit(f"commit {last}")
        world.copy.push()
        world.tell("Succeeded", run=run, stages={"build": "Succeeded", "test": "Failed"})
        came_so_far = killed_at(world, last, monkeypatch)
        # Its lease runs out; another one goes on.
        world.pass_time(61)
        world.post()
        posted = Counter(each.context for each in world.statuses() if each.sha == world.sha)
        assert posted == {"dcanary/build": 1, "dcanary/test": 1, "dcanary/main": 1}, (run, posted)
        assert set(world.postings()[-3:]) == {"Posted"}
        if not came_so_far:
            break
    assert last > 15


def test_the_reporter_that_is_ended_in_an_orderly_way_gives_its_lease_back(world: World) -> None:
    world.tell("Queued")
    chain = world.chain()
    rounds = 0

    def read(name: str) -> None:
        nonlocal rounds
        rounds += name == "read"
        if name == "read" and rounds == 3:
            raise KeyboardInterrupt

    chain.before = read
    with pytest.raises(KeyboardInterrupt):
        world.reporter("one", chain).run_forever()
    assert chain.calls[-1] == "leave"
    second = world.reporter("two")
    assert second.round() >= 0
    second.close()
    assert "standing by" not in "".join(world.lines)


@pytest.mark.parametrize(
    "trouble",
    [
        NetworkError("the network did not answer"),
        RejectedError(5, "the canister is stopped", "IC0508", "webhook"),
        RefusedError("Conflict", "another reporter posts", "webhook.record_posts"),
        RefusedError("Unavailable", "not now", "webhook.lease_reports"),
    ],
    ids=["network", "stopped", "lost lease", "unavailable"],
)
@pytest.mark.parametrize("where", ["lease", "read", "record"])
def test_trouble_of_the_chain_is_waited_out_and_nothing_is_posted_twice(
    world: World, trouble: Exception, where: str
) -> None:
    world.tell("Queued")
    chain = world.chain()
    told = []

    def fail(name: str) -> None:
        if world.postings() == ["Posted"]:
            raise KeyboardInterrupt
        if name == where and len(told) < 2:
            told.append(name)
            raise trouble

    chain.before = fail
    with pytest.raises(KeyboardInterrupt):
        world.reporter("one", chain).run_forever()
    assert (len(told), world.shown()) == (2, ["dcanary/main pending"])


def test_a_reporter_without_the_role_ends_with_the_reason(world: World) -> None:
    chain = world.chain()
    ok(world.webhook.update("revoke_role", REPORTER, "Reporter", caller=OWNER))
    with pytest.raises(RefusedError, match="Reporter"):
        world.reporter("one", chain).run_forever()
