"""Requests that 0.1.0 stored in the middle of something, and what becomes of them afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.canisters.deployment.management import Canister
from tests.canisters.installation import error, ok
from tests.canisters.upgrade.recorded import recorded
from tests.canisters.upgrade.test_upgrade import TOLD, Upgraded, told
from tests.fixtures.stable.record import PAGE, content_of

VERSION = "0.1.0"
RELEASED, PENDING = 0, 5
"""Numbers of approval-1, which release-1 released, and of approval-6, which people may decide."""


@pytest.fixture
def world() -> Upgraded:
    return Upgraded(recorded(VERSION))


@contextlib.contextmanager
def changing(world: Upgraded) -> Iterator[Any]:
    """The records of `verification`, to be put as a moment of before left them. It is upgraded to
    them."""
    canister = world.canisters["verification"]
    found = canister.module("canisters.verification.store")
    with canister.looking():
        yield found
        stable = bytes(canister.stable.data)
    canister.go_on_from(stable)


@contextlib.contextmanager
def reading(world: Upgraded) -> Iterator[Any]:
    """The records of `verification`."""
    canister = world.canisters["verification"]
    found = canister.module("canisters.verification.store")
    with canister.looking():
        yield found


def put_approved(world: Upgraded, number: int, **request: Any) -> None:
    """Make a request one whose order is to be sent, as 0.1.0 stored it."""
    with changing(world) as store:
        record = store.approvals.stored.get(number)
        assert record["version"] == 1
        record["state"] = {"Approved": None}
        record["request"].update(request)
        store.approvals.stored.insert(number, record)
        message = {"version": 1, "generation": 1, "attempts": 0, "due_ns": 0, "last_error": ""}
        store.outgoing.insert(f"release:{number}", message)


def test_an_order_whose_answer_was_lost_is_not_carried_out_twice(world: Upgraded) -> None:
    put_approved(world, RELEASED)
    deployment = world.canisters["deployment"]
    target = ok(deployment.query("get_target", "demo"))["canister"]
    world.management.add(Canister(target.bytes, [deployment.id.bytes], 10**13, content_of(1)))
    world.network.advance(120)
    found = told(world)
    assert found["approval-1"] == TOLD["approval-1"]
    releases = ok(deployment.query("list_releases", None, PAGE))["items"]
    assert [one["order"]["approval"] for one in releases].count("approval-1") == 1


def test_an_approval_that_no_order_can_be_made_for_fails_and_is_not_tried_for_ever(
    world: Upgraded,
) -> None:
    put_approved(world, PENDING, target="gone")
    world.network.advance(120)
    with reading(world) as store:
        messages = [key for key, _ in store.outgoing.items()]
    assert not [key for key in messages if key.startswith(("plan", "release"))]
    shown = ok(world.canisters["verification"].query("get_approval", "approval-6"))
    assert "no order could be made" in shown["state"]["ReleaseFailed"]


def messages_of(world: Upgraded, *kinds: str) -> list[str]:
    """The open messages of these kinds."""
    with reading(world) as store:
        return [key for key, _ in store.outgoing.items() if key.startswith(kinds)]


def test_an_approval_whose_target_cannot_be_read_fails_and_is_not_tried_for_ever(
    world: Upgraded,
) -> None:
    # No canister answers there: deployment calls that passing.
    put_approved(world, PENDING)
    world.network.advance(240)
    assert messages_of(world, "plan") == ["plan:5"]
    world.network.advance(1_200)
    assert messages_of(world, "plan", "release") == []
    shown = ok(world.canisters["verification"].query("get_approval", "approval-6"))
    reason = shown["state"]["ReleaseFailed"]
    assert reason.startswith("no order could be made: the status of target demo")
    run = ok(world.canisters["build_executor"].query("get_run", shown["request"]["run"]))
    assert "no order could be made" in run["state"]["Failed"]
    assert "Ok" in world.own("build_executor", "retry_run", shown["request"]["run"])


def test_no_order_is_made_for_a_request_that_has_expired(world: Upgraded) -> None:
    world.network.advance(60)
    assert "its order is being made" in error(world.vote_on(11), "Unavailable")
    world.network.advance(60)
    assert "(the status of target demo" in error(world.vote_on(11), "Unavailable")
    assert messages_of(world, "plan") == ["plan:5"]
    world.network.advance(36 * 3_600)
    shown = ok(world.canisters["verification"].query("get_approval", "approval-6"))
    assert shown["state"] == {"Expired": None}
    assert messages_of(world, "plan", "release") == []


def test_no_vote_counts_before_it_is_known_what_was_released(world: Upgraded) -> None:
    refused = error(world.vote_on(11), "Unavailable")
    assert "what 0.1.0 had released is being brought over, no vote was counted" in refused
    world.network.advance(60)
    assert "its order is being made" in error(world.vote_on(11), "Unavailable")


def test_no_vote_counts_when_the_oldest_request_was_written_before_its_turn(
    world: Upgraded,
) -> None:
    with changing(world) as store:
        store.approvals.insert(RELEASED, store.approvals.get(RELEASED))
        assert store.approvals.stored.get(RELEASED)["version"] == 2
        message = {"version": 1, "generation": 1, "attempts": 0, "due_ns": 0, "last_error": ""}
        store.outgoing.insert(f"earlier:{store.approvals.len() - 1}", message)
    assert "is being brought over" in error(world.vote_on(11), "Unavailable")
    world.network.advance(60)
    assert "its order is being made" in error(world.vote_on(11), "Unavailable")


def test_a_request_that_was_voted_on_before_its_turn_is_told_of_too(world: Upgraded) -> None:
    with changing(world) as store:
        store.approvals.insert(PENDING, store.approvals.get(PENDING))
        assert store.approvals.stored.get(PENDING)["version"] == 2
    world.network.advance(60)
    assert told(world) == TOLD
    with reading(world) as store:
        assert store.open_approvals.contains_key(PENDING)
    world.network.advance(25 * 3_600)
    # What nobody decided ends in time, or when the release that was under way ends.
    assert told(world)["approval-6"][:2] in {("Expired", "Rejected"), ("Superseded", "Rejected")}
