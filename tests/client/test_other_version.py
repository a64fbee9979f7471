"""Canisters of another version than the command line: what is said, and how it is found out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from dcanary.candid import parse_interface
from dcanary.client.actor import interface_text
from dcanary.client.calls.build_executor import BuildExecutor
from dcanary.client.errors import OtherVersion, RejectedError

CANISTER = "rwlgt-iiaaa-aaaaa-aaaaa-cai"
TODAY = interface_text("build_executor.did")
OLD = TODAY.replace("  waiting_for : vec WaitingFor;\n", "")
RUN = {
    "run": "run-1",
    "delivery": "d",
    "pipeline_version": 1,
    "state": {"Queued": None},
    "stages": [],
    "created_ns": 1,
    "updated_ns": 1,
    "approval": None,
    "release": None,
    "started_by": None,
    "targets": None,
    "pull_request": None,
    "resolution": None,
    "source": {
        "repository": "demo",
        "clone_url": "https://example.org/demo",
        "ref": "refs/heads/main",
        "sha": "a" * 40,
        "author": "Ada",
        "message": "One",
    },
}


def canister(query: Any = None, published: str | None = None) -> BuildExecutor:
    """The canister of a network that answers this."""
    text = None if published is None else published.encode()
    network: Any = SimpleNamespace(query=query, metadata=lambda raw, name: text)
    return BuildExecutor(network, CANISTER)


def test_an_answer_of_an_older_form_says_so_and_names_the_command_that_upgrades() -> None:
    assert OLD != TODAY
    reply = parse_interface(OLD).methods["get_run"].results.encode([{"Ok": RUN}])
    with pytest.raises(OtherVersion) as raised:
        canister(lambda raw, method, arg: reply).get_run("run-1")
    told = str(raised.value)
    assert "the canister build_executor is of another version of DCanary" in told
    assert "waiting_for" in told
    assert "`dcanary system deploy` upgrades" in told


def test_a_method_that_an_older_canister_lacks_is_of_another_version() -> None:
    def answer(code: str) -> Any:
        def query(raw: bytes, method: str, arg: bytes) -> bytes:
            raise RejectedError(5, f"Canister has no query method '{method}'", code, "there")

        return query

    with pytest.raises(OtherVersion, match="it has no method has_work"):
        canister(answer("IC0536")).has_work({"holds": [], "room": None})
    with pytest.raises(RejectedError):
        canister(answer("IC0503")).has_work({"holds": [], "room": None})


def test_a_canister_is_of_this_version_when_it_publishes_this_interface() -> None:
    assert canister(published=TODAY).is_of_this_version()
    assert canister(published=TODAY.replace("\n", "\r\n")).is_of_this_version()
    assert not canister(published=OLD).is_of_this_version()
    assert not canister(published=None).is_of_this_version()
