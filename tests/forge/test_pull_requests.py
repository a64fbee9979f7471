"""Pull requests of the local forge: refs, numbers, what is told and how it is understood."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from canisters.webhook.providers.supported import SUPPORTED
from dcanary.forge import Forge, ForgeError
from dcanary.forge.kinds import KINDS, PULL_REFS
from dcanary.forge.layout import Layout
from dcanary.forge.recovery import recover
from tests.forge.conftest import Receiver, WorkingCopy, ended_deliveries, run_git

SECRET = b"a secret of the demo repository"
WITH_PULLS = [name for name, kind in KINDS.items() if kind.pull_event]


def opened(forge: Forge, tmp_path: Path, provider: str) -> WorkingCopy:
    """`demo` with the branches main and topic, and its fork `of-eve` with topic."""
    copy = WorkingCopy(
        tmp_path / "copy", forge.create_repository("demo", provider=provider).clone_url
    )
    fork = forge.create_repository("of-eve", provider=provider).clone_url
    copy.commit("First")
    copy.push()
    copy.commit("Topic")
    copy.push("HEAD:topic")
    copy.git("push", "--quiet", fork, "HEAD:topic")
    return copy


@pytest.mark.parametrize("provider", WITH_PULLS)
@pytest.mark.parametrize("fork", [None, "of-eve"])
def test_a_pull_request_is_told_as_its_forge_does_and_understood(
    tmp_path: Path, receiver: Receiver, provider: str, fork: str | None
) -> None:
    with Forge(tmp_path / "forge") as forge:
        copy = opened(forge, tmp_path, provider)
        forge.set_webhook("demo", receiver.url(), SECRET)
        first = forge.open_pull_request("demo", "topic", fork=fork, title="Add", labels=["ci"])
        topic = copy.head()
        assert (first.number, first.sha) == (1, topic)
        listed = run_git(copy.folder, "ls-remote", "origin", first.ref).stdout
        assert listed.split() == [topic, first.ref]
        newer = copy.commit("More")
        copy.git("push", "--quiet", forge.clone_url(fork or "demo"), "HEAD:topic")
        again = forge.open_pull_request("demo", "topic", fork=fork)
        assert (again.number, again.sha, again.title) == (1, newer, "Add")
        ended = ended_deliveries(forge, "demo", 5 if fork is None else 4)
    told = [each for each in ended if each.event == KINDS[provider].pull_event]
    assert [each.after for each in told] == [topic, newer]
    sent = [json.loads(each.body) for each in receiver.requests]
    bodies = [each for each in sent if {"pull_request", "object_attributes"} & set(each)]
    for body, action, sha in zip(bodies, ("opened", "synchronize"), (topic, newer), strict=True):
        read = SUPPORTED[provider].read_changes(KINDS[provider].pull_event, body)
        assert not isinstance(read, str), read
        (change,) = read
        assert change.pull_request is not None
        assert change.sha == sha
        assert change.pull_request.action == action
        assert change.pull_request.fork is (fork is not None)
        assert change.pull_request.head_repository == f"local/{fork or 'demo'}"
        assert change.ref == ("refs/heads/topic" if fork is None else first.ref)


def test_a_pull_request_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with Forge(tmp_path / "forge") as forge:
        opened(forge, tmp_path, "github")
        with pytest.raises(ForgeError, match="demo has no branch 'x': push it first"):
            forge.open_pull_request("demo", "x")
        with pytest.raises(ForgeError, match="there is no repository nobody"):
            forge.open_pull_request("demo", "topic", fork="nobody")
        forge.open_pull_request("demo", "topic")
        with pytest.raises(ForgeError, match="pull request 1 of demo is at"):
            forge.open_pull_request("demo", "topic")
        forge.create_repository("cup", provider="bitbucket")
        with pytest.raises(ForgeError, match="name no whole commit id"):
            forge.open_pull_request("cup", "main")


def test_heads_of_pull_requests_are_not_pushed_and_are_no_pushes(tmp_path: Path) -> None:
    with Forge(tmp_path / "forge") as forge:
        copy = opened(forge, tmp_path, "github")
        forge.open_pull_request("demo", "topic")
        for prefix in PULL_REFS:
            refused = copy.git("push", "origin", f"HEAD:{prefix}9/head", check=False)
            assert refused.returncode != 0 and "hidden ref" in refused.stderr
        deadline = time.monotonic() + 20
        while len(forge.deliveries("demo")) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    layout = Layout(tmp_path / "forge")
    assert recover(layout, "demo")
    assert list(layout.spool.iterdir()) == []
