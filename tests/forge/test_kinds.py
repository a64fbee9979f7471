"""A repository delivers as the forge that it stands for, and the canister takes what it sends."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import click
import pytest

from canisters.webhook.deliveries.decision import Decision
from canisters.webhook.deliveries.known import Registered
from canisters.webhook.deliveries.rules import decide
from canisters.webhook.providers.supported import SUPPORTED
from dcanary.cli.errors import UsageTrouble
from dcanary.cli.forge import create
from dcanary.cli.operations import forge as operations
from dcanary.forge import Forge, ForgeError
from dcanary.forge.kinds import KINDS
from shared.types.pipeline import Trigger
from tests.canisters.webhook.nothing_known import NothingKnown
from tests.forge.conftest import Receiver, Request, WorkingCopy, ended_deliveries

SECRET = b"a secret of the demo repository"
SIGNING_TOKEN = b"whsec_" + base64.b64encode(bytes(range(32)))


class Known(NothingKnown):
    """A canister that knows one repository of a forge."""

    def __init__(self, provider: str, clone_url: str, secret: bytes) -> None:
        self.found = Registered(provider, clone_url, [secret])

    def registered(self, repository: str) -> Registered | None:
        return self.found

    def triggers_of(self, repository: str) -> list[Trigger]:
        return [{"Push": ["**"]}, {"Tag": ["**"]}]


def taken(known: Known, provider: str, request: Request) -> Decision:
    headers = list(request.headers.items())
    return decide(known, "POST", f"/webhook/{provider}/demo", headers, request.body, time.time_ns())


def test_the_local_forge_stands_for_every_provider_that_is_understood() -> None:
    assert set(KINDS) == set(SUPPORTED)
    (option,) = [each for each in create.params if each.name == "provider"]
    assert isinstance(option.type, click.Choice)
    assert list(option.type.choices) == sorted(KINDS)


@pytest.mark.parametrize(
    ("provider", "secret"), [*((name, SECRET) for name in KINDS), ("gitlab", SIGNING_TOKEN)]
)
def test_pushes_tags_and_deletions_are_sent_as_the_forge_does_and_understood(
    tmp_path: Path, receiver: Receiver, provider: str, secret: bytes
) -> None:
    with Forge(tmp_path / "forge") as forge:
        made = forge.create_repository("demo", provider=provider)
        assert made.provider == provider
        forge.set_webhook("demo", receiver.url(), secret)
        copy = WorkingCopy(tmp_path / "copy", made.clone_url)
        sha = copy.commit("Say hello\n\nAnd more.")
        copy.push()
        copy.git("tag", "-a", "v1", "-m", "First")
        copy.git("push", "--quiet", "origin", "v1")
        copy.git("push", "--quiet", "origin", ":v1")
        deliveries = ended_deliveries(forge, "demo", 3)
    known = Known(provider, made.clone_url, secret)
    pushed, tagged, deleted = (taken(known, provider, each) for each in receiver.requests)
    for decision, ref in ((pushed, "refs/heads/main"), (tagged, "refs/tags/v1")):
        assert decision.status == 202, decision.content
        (push,) = decision.changes
        assert (push.ref, push.sha) == (ref, sha)
        if not (provider == "gitlab" and ref == "refs/tags/v1"):
            assert (push.message.strip(), push.author) == ("Say hello\n\nAnd more.", "Ada")
    assert deleted.content["reason"] == "ignored, because tag v1 was deleted"
    assert [each.delivery for each in deliveries] == [
        pushed.delivery,
        tagged.delivery,
        deleted.delivery,
    ]
    assert [each.event for each in deliveries] == [pushed.event, tagged.event, deleted.event]

    forged = Known(provider, made.clone_url, secret[:-4] + b"AAA=")
    assert taken(forged, provider, receiver.requests[0]).status == 401
    other = Known(provider, made.clone_url.replace("demo", "other"), secret)
    assert taken(other, provider, receiver.requests[0]).status == 400


def test_a_delivery_that_cannot_be_signed_says_why(tmp_path: Path, receiver: Receiver) -> None:
    with Forge(tmp_path / "forge") as forge:
        made = forge.create_repository("demo", provider="gitlab")
        forge.set_webhook("demo", receiver.url(), b"whsec_no base64")
        copy = WorkingCopy(tmp_path / "copy", made.clone_url)
        copy.commit("Say hello")
        copy.push()
        deadline = time.monotonic() + 30
        while not (known := forge.deliveries("demo")) or not known[0].attempts:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert known[0].state == "retrying"
    assert "no signing token" in known[0].error
    assert receiver.requests == []


def test_an_unknown_kind_is_refused_and_an_older_repository_is_githubs(tmp_path: Path) -> None:
    with Forge(tmp_path / "forge") as forge:
        with pytest.raises(ForgeError, match="github, gitlab, bitbucket, gitea"):
            forge.create_repository("demo", provider="gogs")
        made = forge.create_repository("demo")
        (made.path / "dcanary-provider").unlink()
        assert forge.repository("demo").provider == "github"
        assert json.dumps(forge.repositories()) == '["demo"]'


def test_forge_create_keeps_a_repository_but_not_as_another_kind(tmp_path: Path) -> None:
    root = tmp_path / "forge"
    with Forge(root):
        url = operations.create_repository(root, "demo", "gitea")
        assert operations.create_repository(root, "demo") == url
        assert operations.create_repository(root, "demo", "gitea") == url
        with pytest.raises(UsageTrouble, match="delivers as gitea does"):
            operations.create_repository(root, "demo", "gitlab")
