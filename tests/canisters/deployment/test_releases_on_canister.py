"""Releases through the real canister: install, upgrade, reinstall, refusals, failures, rollback."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from dcanary.testing.native import user_principal
from tests.canisters.deployment.deployment_installation import (
    NEW,
    OLD,
    OWNER,
    TARGET_ID,
    Installation,
)
from tests.canisters.deployment.management import TRAPPING, sha256

if TYPE_CHECKING:
    pass


@pytest.fixture
def canary() -> Installation:
    return Installation()


def touching(calls: list[str]) -> list[str]:
    """The calls that change a target."""
    looking = ("canister_status", "canister_info", "list_canister_snapshots")
    return [one for one in calls if one not in looking]


def test_a_first_release_creates_the_canister_and_installs_the_approved_bytes(
    canary: Installation,
) -> None:
    canary.target()
    release = canary.release(mode="Install")
    assert canary.state(release) == {"Succeeded": None}
    (created,) = canary.management.canisters.values()
    assert created.module == NEW
    assert created.status == "running"
    assert created.args == [b"install"]
    assert created.cycles == 3_000_000_000_000
    assert created.controllers == [canary.deployment.id.bytes, OWNER.bytes]
    target = canary.shown()
    assert target["canister"].bytes == created.id
    assert target["module_hash"] == sha256(NEW)
    assert target["last_release"] == release
    assert target["busy"] is None
    assert len(canary.deployment.query("list_targets", {"cursor": None, "limit": 0})["Ok"])


def test_an_upgrade_takes_a_snapshot_and_keeps_the_state(canary: Installation) -> None:
    canister = canary.existing()
    release = canary.release()
    assert canary.state(release) == {"Succeeded": None}
    assert (canister.module, canister.state) == (NEW, "old upgraded")
    assert canister.args == [b"upgrade"]
    assert canister.status == "running"
    shown = canary.deployment.query("get_release", release)["Ok"]
    assert shown["previous_hash"] == sha256(OLD)
    assert shown["module_hash"] == sha256(NEW)
    assert shown["snapshot"] == canister.snapshots[0].id
    assert canary.management.calls == [
        "canister_info",
        "canister_status",
        "stop_canister",
        "list_canister_snapshots",
        "take_canister_snapshot",
        "clear_chunk_store",
        "upload_chunk",
        "canister_info",
        "canister_status",
        "install_chunked_code",
        "start_canister",
        "canister_info",
        "canister_status",
    ]


def test_a_module_of_several_chunks_arrives_whole(canary: Installation) -> None:
    canister = canary.existing()
    module = random.Random(7).randbytes(2_500_000)
    release = canary.release(module)
    assert canary.state(release) == {"Succeeded": None}
    assert canister.module == module
    assert canary.management.calls.count("upload_chunk") == 3
    assert canary.deployment.module("canisters.deployment.store").staging is not None


@pytest.mark.parametrize(
    ("memory", "expected"),
    [("Default", None), ("Keep", {"keep": None}), ("Replace", {"replace": None})],
)
def test_memory_persistence_is_passed_on(canary: Installation, memory: str, expected: Any) -> None:
    canister = canary.existing()
    canary.release(memory={memory: None})
    (mode,) = canister.modes
    flags = mode["upgrade"]
    assert (None if flags is None else flags["wasm_memory_persistence"]) == expected


def test_a_reinstall_replaces_the_state_only_when_the_order_says_so(
    canary: Installation,
) -> None:
    canister = canary.existing()
    release = canary.release(mode="Reinstall")
    assert canary.state(release) == {"Succeeded": None}
    assert (canister.module, canister.state) == (NEW, "fresh")
    assert canister.args == [b"install"]
    assert len(canister.snapshots) == 1


def test_no_argument_is_sent_as_empty_candid(canary: Installation) -> None:
    canister = canary.existing()
    canary.release(upgrade_arg=b"")
    assert canister.args == [b"DIDL\x00\x00"]


def test_bytes_whose_hash_is_not_the_approved_one_touch_nothing(canary: Installation) -> None:
    canister = canary.existing()
    order = canary.order()
    order["sha256"] = sha256(b"what was approved").hex()
    release = canary.start(canary.bound(order))["Ok"]
    canary.run_until_idle()
    assert "approved is" in canary.failure(release)
    assert "Nothing was touched" in canary.failure(release)
    assert canary.management.calls == []
    assert (canister.module, canister.state, canister.status) == (OLD, "old", "running")
    assert canary.shown()["busy"] is None


def test_bytes_of_another_length_touch_nothing(canary: Installation) -> None:
    canary.existing()
    release = canary.start(canary.order(size=len(NEW) + 1))["Ok"]
    canary.run_until_idle()
    assert "instead of" in canary.failure(release)
    assert canary.management.calls == []


def test_an_artifact_that_is_gone_fails_and_touches_nothing(canary: Installation) -> None:
    canary.existing()
    release = canary.release(artifact="other.wasm")
    assert canary.failure(release) == "Fetching: there is no such chunk. Nothing was touched."


def test_fetching_is_tried_again_and_then_given_up(canary: Installation) -> None:
    canary.existing()
    canary.build_executor.update("answer_with", "read_chunk", "Unavailable", caller=OWNER)
    release = canary.start(canary.order())["Ok"]
    canary.network.advance(2)
    assert canary.state(release) == {"Fetching": None}
    canary.build_executor.update("answer_with", "read_chunk", "Ok", caller=OWNER)
    canary.run_until_idle()
    assert canary.state(release) == {"Succeeded": None}
    canary.build_executor.update("answer_with", "read_chunk", "trap", caller=OWNER)
    assert "Fetching" in canary.failure(canary.release(b"third"))


def test_an_upgrade_that_traps_in_post_upgrade_keeps_module_and_state(
    canary: Installation,
) -> None:
    canister = canary.existing()
    release = canary.release(TRAPPING)
    assert canary.failure(release).startswith("Installing: ")
    assert "ic0.trap" in canary.failure(release)
    assert "keeps its module and state" in canary.failure(release)
    assert (canister.module, canister.state, canister.status) == (OLD, "old", "running")
    assert canary.shown()["last_release"] is None
    assert canary.shown()["busy"] is None


def test_a_first_install_that_traps_leaves_an_empty_canister_for_the_next_release(
    canary: Installation,
) -> None:
    canary.target()
    failed = canary.release(TRAPPING, "Install")
    assert "without a module" in canary.failure(failed)
    release = canary.release(NEW, "Install")
    assert canary.state(release) == {"Succeeded": None}
    assert len(canary.management.canisters) == 1


def test_a_stop_that_times_out_starts_the_canister_again(canary: Installation) -> None:
    canister = canary.existing()
    canister.hangs = True
    release = canary.release()
    assert canary.failure(release).startswith("Stopping: ")
    assert (canister.module, canister.state, canister.status) == (OLD, "old", "running")
    assert canary.management.calls.count("stop_canister") == 1


def test_a_stop_whose_answer_comes_too_late_is_asked_for_once_more(canary: Installation) -> None:
    canister = canary.existing()
    release = canary.start(canary.order())["Ok"]
    network = canary.network
    while "stop_canister" not in canary.management.calls:
        if not network.step():
            canary.deployment.fire_timer()
    held = network.messages.pop()
    canary.network.advance(30)
    assert canary.state(release) == {"Stopping": None}
    canary.run_until_idle(600)
    assert canary.management.calls.count("stop_canister") == 2
    assert canary.state(release) == {"Succeeded": None}
    network.messages.append(held)
    canary.run_until_idle()
    assert canary.state(release) == {"Succeeded": None}
    assert (canister.module, canister.status) == (NEW, "running")
    assert canary.shown()["busy"] is None


def test_a_lost_answer_of_create_canister_never_creates_twice(canary: Installation) -> None:
    canary.target()
    canary.management.faults["create_canister"] = ["lost"]
    release = canary.release(mode="Install")
    assert canary.management.calls.count("create_canister") == 1
    assert "may have been created" in canary.failure(release)
    assert "update_target" in canary.failure(release)
    assert canary.shown()["canister"] is None


def test_a_rejected_create_canister_is_tried_again_when_it_was_not_performed(
    canary: Installation,
) -> None:
    canary.target()
    canary.management.faults["create_canister"] = ["transient"]
    release = canary.release(mode="Install")
    assert canary.state(release) == {"Succeeded": None}
    assert len(canary.management.canisters) == 1


def test_creating_without_enough_cycles_says_how_many_are_missing(
    canary: Installation,
) -> None:
    canary.target(cycles=2_000)
    canary.deployment.cycles = 500_000_000_500
    release = canary.release(mode="Install")
    assert "needs 1,500 cycles more" in canary.failure(release)
    assert "create_canister" not in canary.management.calls


def test_the_mode_that_was_approved_must_still_fit_the_target(canary: Installation) -> None:
    canary.existing()
    release = canary.release(mode="Install")
    assert "by now" in canary.failure(release)
    empty = canary.existing(None, "empty")
    assert "has no module" in canary.failure(canary.release(target="empty"))
    canary.target("nothing")
    assert "has no canister yet" in canary.failure(canary.release(target="nothing"))
    assert empty.status == "running"
    assert touching(canary.management.calls) == []


def test_an_order_is_taken_once_per_approval(canary: Installation) -> None:
    canary.existing()
    order = canary.order()
    assert canary.start(order) == {"Ok": "release-1"}
    assert canary.start(order) == {"Ok": "release-1"}
    other = canary.bound({**order, "sha256": "0" * 64})
    assert "Conflict" in canary.start(other)["Err"]
    canary.run_until_idle()
    assert canary.start(order) == {"Ok": "release-1"}
    assert canary.management.calls.count("install_chunked_code") == 1


def test_releases_to_one_target_wait_for_each_other_in_order(canary: Installation) -> None:
    canister = canary.existing()
    other = canary.existing(name="other")
    modules = [OLD, b"first", b"second", b"third"]
    orders = [
        canary.bound(canary.order(module), replaces=sha256(before))
        for before, module in pairwise(modules)
    ]
    names = [canary.start(order)["Ok"] for order in orders]
    elsewhere = canary.start(canary.order(b"elsewhere", target="other"))["Ok"]
    assert canary.shown()["busy"] == names[0]
    assert canary.state(names[1]) == {"Queued": None}
    assert canary.state(elsewhere) == {"Fetching": None}
    canary.run_until_idle()
    assert all(canary.state(name) == {"Succeeded": None} for name in (*names, elsewhere))
    assert canister.module == b"third"
    assert canister.state == "old upgraded upgraded upgraded"
    assert other.module == b"elsewhere"
    assert canary.shown()["last_release"] == names[2]


def test_the_next_release_goes_on_after_one_that_failed(canary: Installation) -> None:
    canister = canary.existing()
    names = [canary.start(canary.order(module))["Ok"] for module in (TRAPPING, NEW)]
    canary.run_until_idle()
    assert "Failed" in canary.state(names[0])
    assert canary.state(names[1]) == {"Succeeded": None}
    assert canister.module == NEW


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "x"},
        {"size": 0},
        {"size": 32 * 1024 * 1024 + 1},
        {"mode": "Auto"},
        {"artifact": ""},
        {"install_arg": bytes(60_001)},
    ],
)
def test_an_order_that_makes_no_sense_is_invalid(
    canary: Installation, changes: dict[str, Any]
) -> None:
    canary.existing()
    assert "Invalid" in canary.start(canary.order(**changes))["Err"]


def test_orders_come_from_verification_for_known_targets_of_their_repository(
    canary: Installation,
) -> None:
    canary.existing()
    order = canary.order()
    for caller in (OWNER, user_principal(3), canary.build_executor):
        answer = canary.deployment.update("start_release", order, caller=caller)
        assert "Denied" in answer["Err"]
    assert "NotFound" in canary.start(canary.order(target="unknown"))["Err"]
    assert "Denied" in canary.start(canary.order(repository="other"))["Err"]


def test_an_order_while_not_wired_is_unavailable(canary: Installation) -> None:
    bare = canary.network.install(canary.deployment.main, caller=OWNER)
    answer = bare.update("start_release", canary.order(), caller=canary.verification)
    assert "Unavailable" in answer["Err"]


def test_at_most_five_snapshots_of_ours_are_kept(canary: Installation) -> None:
    canister = canary.existing()
    names = [canary.release(b"module %d" % number) for number in range(7)]
    assert len(canister.snapshots) == 5
    shown = [canary.deployment.query("get_release", name)["Ok"]["snapshot"] for name in names]
    assert shown[:2] == [None, None]
    assert shown[2:] == [snapshot.id for snapshot in canister.snapshots]
    canary.admin("rollback_release", names[6], None)
    canary.run_until_idle()
    assert canister.module == b"module 5"
    assert len(canister.snapshots) == 5


def test_releases_are_listed_newest_first_for_all_and_for_one_target(
    canary: Installation,
) -> None:
    canary.existing()
    canary.existing(name="other")
    for number in range(3):
        canary.release(b"module %d" % number)
    canary.release(b"elsewhere", target="other")

    def names(target: str | None, limit: int, cursor: str | None = None) -> tuple[list[str], Any]:
        page = {"cursor": cursor, "limit": limit}
        found = canary.deployment.query("list_releases", target, page)["Ok"]
        return [one["release"] for one in found["items"]], found["next"]

    assert names(None, 0) == (["release-4", "release-3", "release-2", "release-1"], None)
    first, cursor = names("counter", 2)
    assert first == ["release-3", "release-2"]
    assert names("counter", 2, cursor) == (["release-1"], None)
    assert names("other", 0) == (["release-4"], None)
    page = {"cursor": None, "limit": 0}
    assert "NotFound" in canary.deployment.query("list_releases", "unknown", page)["Err"]
    for release in ("release-99", "release-x", ""):
        asked = canary.deployment.update("report_release", release, caller=canary.verification.id)
        assert "NotFound" in asked["Err"], release


def test_staged_bytes_are_dropped_when_a_release_ends(canary: Installation) -> None:
    canary.existing()
    canary.release()
    canary.release(TRAPPING)
    assert canary.deployment.query("health")["open"] == 0
    size = len(canary.deployment.stable.data)
    for number in range(5):
        canary.release(b"module %d" % number)
    assert len(canary.deployment.stable.data) == size


def test_the_target_canister_is_found_by_its_id(canary: Installation) -> None:
    canary.existing()
    assert canary.shown()["canister"].bytes == TARGET_ID
