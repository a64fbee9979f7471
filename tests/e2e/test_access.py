"""Who is let in: every update of the five canisters refuses strangers and anonymous callers.

Roles method by method: tests/canisters.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcanary.client.errors import RefusedError, RejectedError
from dcanary.client.identity import Anonymous
from dcanary.client.management import Management
from dcanary.client.principal import from_text
from dcanary.client.system import CANISTERS
from dcanary.client.transport import Connection
from tests.e2e.world import World

OPEN = {"webhook": {"http_request_update"}}
"""Updates that are for everyone: what comes in there is signed by other means."""

PRIVILEGED: dict[str, list[tuple[str, tuple[Any, ...]]]] = {
    "webhook": [
        ("rotate_secret", ("demo", b"0123456789abcdef")),
        ("drop_old_secret", ("demo",)),
        ("delete_repository", ("demo",)),
        ("replay_delivery", ("demo", "d-1")),
        ("sync_triggers", ("demo", [])),
    ],
    "pipeline_config": [
        ("delete_pipeline", ("demo",)),
        ("set_pipeline_triggers", ("demo", [{"Manual": None}])),
        ("update_pipeline_stages", ("demo", [])),
    ],
    "build_executor": [
        ("cancel_run", ("run-1",)),
        ("lease_work", ({"holds": [], "room": None},)),
        (
            "release_work",
            (
                {
                    "job": "run-1/build/0",
                    "attempt": 1,
                    "cause": {"Weather": None},
                    "reason": "no reason",
                },
            ),
        ),
        ("finish_upload", ("run-1", "build", "app.wasm")),
    ],
    "verification": [
        ("close_commits", ("run-1", "build")),
        ("cancel_round", ("run-1", "build")),
        ("retry_release", ("approval-1",)),
        (
            "decide_approval",
            ({"approval": "approval-1", "digest": "0" * 64, "approve": True, "comment": ""},),
        ),
    ],
    "deployment": [
        ("rollback_release", ("release-1", None)),
        ("plan_rollback", ("release-1",)),
        ("cancel_release", ("release-1",)),
        ("set_network", ("mainnet",)),
        ("stop_target", ("demo",)),
        ("create_target_canister", ("demo",)),
        ("start_target", ("demo",)),
        ("delete_target", ("demo",)),
    ],
}


@pytest.fixture(scope="module")
def world(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Nothing but the network."""
    made = World(template, tmp_path_factory.mktemp("access"))
    yield made
    made.stop()


@pytest.mark.parametrize("canister", CANISTERS)
def test_no_update_of_a_canister_is_accepted_from_an_anonymous_caller(
    world: World, canister: str
) -> None:
    actor = world.as_(Anonymous()).actor(canister)
    updates = {n for n, found in actor.interface.methods.items() if not found.is_query}
    assert len(updates) > 4
    with Connection(world.address, Anonymous()) as connection:
        for method in updates - OPEN.get(canister, set()):
            with pytest.raises(RejectedError) as rejected:
                connection.update(from_text(world.canisters[canister]), method, b"DIDL\0\0")
            # Before the argument is even looked at.
            assert rejected.value.error_code == "IC0406", (method, rejected.value)


@pytest.mark.parametrize("canister", CANISTERS)
def test_a_stranger_is_refused_by_privileged_updates(world: World, canister: str) -> None:
    actor = world.as_(world.stranger).actor(canister)
    common: list[tuple[str, tuple[Any, ...]]] = [
        ("grant_role", (world.stranger.principal, "Owner")),
        ("revoke_role", (world.owner.principal, "Owner")),
        ("wire", (dict(world.canisters),)),
    ]
    for method, arguments in common + PRIVILEGED[canister]:
        with pytest.raises(RefusedError) as refused:
            actor.ask(method, *arguments)
        # What is not there may be told as such: nothing can be learnt that is not public.
        assert refused.value.kind in ("Denied", "NotFound"), (method, refused.value)
        assert refused.value.sentence
    grants = actor.ask("list_grants", {"cursor": None, "limit": 10})["items"]
    assert world.stranger.principal not in repr(grants)
    assert world.owner.principal in repr(grants)


@pytest.mark.parametrize("canister", CANISTERS)
def test_only_controllers_change_a_canister(world: World, canister: str) -> None:
    connection = world.as_(world.stranger).connection
    raw = from_text(world.canisters[canister])
    before = world.module_hash(world.canisters[canister])
    assert world.owner.principal in connection.controllers(raw)
    assert world.stranger.principal not in connection.controllers(raw)
    management = Management(connection)
    with pytest.raises(RejectedError):
        management.install(world.canisters[canister], b"\0asm\1\0\0\0", b"", "reinstall")
    with pytest.raises(RejectedError):
        management.stop(world.canisters[canister])
    assert world.module_hash(world.canisters[canister]) == before
    assert world.system.actor(canister).call("health")["wired"] is True
