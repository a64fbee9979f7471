"""Targets through the real canister: registering, planning, starting, stopping, deleting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dcanary.testing.native import CanisterReject, user_principal
from tests.canisters.deployment.deployment_installation import (
    OWNER,
    Installation,
)
from tests.canisters.deployment.management import Canister

if TYPE_CHECKING:
    pass


MODULE = b"\0asm\1\0\0\0"


@pytest.fixture
def canary() -> Installation:
    made = Installation()
    made.build_executor.update("hold", "run-1", "app.wasm", "0", MODULE, caller=OWNER)
    return made


def plan(canary: Installation, target: str = "counter", repository: str = "demo") -> Any:
    request = plan_request(target, repository)
    answer = canary.deployment.update("plan_release", request, caller=canary.verification)
    return {"Ok": answer["Ok"]["mode"]} if "Ok" in answer else answer


def plan_request(
    target: str = "counter", repository: str = "demo", content: bytes = MODULE, **changes: Any
) -> dict[str, Any]:
    request: dict[str, Any] = {
        "target": target,
        "repository": repository,
        "run": "run-1",
        "stage": "build",
        "artifact": "app.wasm",
        "sha256": "a" * 64,
        "size": len(content),
        "mode": {"Auto": None},
        "memory": {"Default": None},
        "references": None,
        "release": None,
    }
    request.update(changes)
    return request


def names(canary: Installation, limit: int, cursor: str | None = None) -> tuple[list[str], Any]:
    page = {"cursor": cursor, "limit": limit}
    found = canary.deployment.query("list_targets", page)["Ok"]
    return [one["target"] for one in found["items"]], found["next"]


@pytest.mark.parametrize(
    "changes",
    [
        {"target": ""},
        {"target": "Upper"},
        {"target": "a/b"},
        {"target": "x" * 65},
        {"repository": ""},
        {"network": ""},
        {"cycles": 10**16},
        {"controllers": [user_principal(number) for number in range(20, 30)]},
        {"controllers": [OWNER, type(OWNER).from_str("2vxsx-fae")]},
        {"canister": type(OWNER).from_str("aaaaa-aa")},
    ],
)
def test_a_target_that_makes_no_sense_is_invalid(
    canary: Installation, changes: dict[str, Any]
) -> None:
    name = changes.pop("target", "counter")
    assert "Invalid" in canary.target(name, **changes)["Err"]


def test_the_deployment_canister_is_no_target_of_itself(canary: Installation) -> None:
    assert "Invalid" in canary.target(canister=canary.deployment.id)["Err"]


def test_a_target_is_registered_once_and_updated_by_name(canary: Installation) -> None:
    assert "Ok" in canary.target()
    assert "Conflict" in canary.target()["Err"]
    given: dict[str, Any] = {
        "target": "counter",
        "repository": "other",
        "network": "local",
        "canister": None,
        "controllers": [],
        "cycles": 5,
    }
    assert canary.admin("update_target", given)["Ok"]["repository"] == "other"
    given["target"] = "unknown"
    assert "NotFound" in canary.admin("update_target", given)["Err"]


def test_only_admins_change_targets(canary: Installation) -> None:
    canary.existing()
    given: dict[str, Any] = {
        "target": "mine",
        "repository": "demo",
        "network": "local",
        "canister": None,
        "controllers": [],
        "cycles": 0,
    }
    operator = user_principal(5)
    assert canary.admin("grant_role", operator, "Operator") == {"Ok": None}
    for method, argument in (
        ("register_target", given),
        ("update_target", given),
        ("start_target", "counter"),
        ("stop_target", "counter"),
        ("delete_target", "counter"),
    ):
        answer = canary.deployment.update(method, argument, caller=operator)
        assert "Denied" in answer["Err"], method
        with pytest.raises(CanisterReject):
            canary.deployment.update(method, argument)
    assert canary.management.calls == []


def test_another_canister_has_no_past_to_roll_back_to(canary: Installation) -> None:
    canary.existing()
    release = canary.release()
    given: dict[str, Any] = {
        "target": "counter",
        "repository": "demo",
        "network": "local",
        "canister": user_principal(50),
        "controllers": [],
        "cycles": 0,
    }
    shown = canary.admin("update_target", given)["Ok"]
    assert (shown["last_release"], shown["module_hash"]) == (None, None)
    assert "Conflict" in canary.admin("rollback_release", release, None)["Err"]


def test_a_busy_target_is_not_changed(canary: Installation) -> None:
    canary.existing()
    given: dict[str, Any] = {
        "target": "counter",
        "repository": "demo",
        "network": "local",
        "canister": None,
        "controllers": [],
        "cycles": 0,
    }
    canary.start(canary.order())
    assert "busy" in canary.admin("update_target", given)["Err"]["Conflict"]
    assert "Conflict" in canary.admin("delete_target", "counter")["Err"]


def test_auto_is_install_without_a_module_and_upgrade_with_one(canary: Installation) -> None:
    canary.target("new")
    canary.existing(None, "empty")
    canary.existing()
    assert plan(canary, "new") == {"Ok": {"Install": None}}
    assert plan(canary, "empty") == {"Ok": {"Install": None}}
    assert plan(canary) == {"Ok": {"Upgrade": None}}


def test_a_plan_needs_a_known_target_of_the_repository_that_deployment_controls(
    canary: Installation,
) -> None:
    canister = canary.existing()
    assert "NotFound" in plan(canary, "unknown")["Err"]
    assert "Denied" in plan(canary, repository="other")["Err"]
    canister.controllers = [OWNER.bytes]
    assert "controllers" in plan(canary)["Err"]["Unavailable"]
    answer = canary.deployment.update("plan_release", plan_request(), caller=OWNER)
    assert "Denied" in answer["Err"]


def test_an_admin_stops_and_starts_a_canister(canary: Installation) -> None:
    canister = canary.existing()
    assert canary.admin("stop_target", "counter") == {"Ok": None}
    assert canister.status == "stopped"
    assert canary.admin("start_target", "counter") == {"Ok": None}
    assert canister.status == "running"
    assert canary.shown()["busy"] is None
    canary.target("new")
    assert "no canister yet" in canary.admin("stop_target", "new")["Err"]["Conflict"]
    assert "NotFound" in canary.admin("start_target", "unknown")["Err"]


def test_a_rejected_stop_says_why_and_gives_the_lock_back(canary: Installation) -> None:
    canary.existing()
    canary.management.faults["stop_canister"] = ["reject"]
    assert "told to fail" in canary.admin("stop_target", "counter")["Err"]["Unavailable"]
    assert canary.shown()["busy"] is None


def test_a_stop_whose_answer_was_lost_holds_up_releases_only_for_a_while(
    canary: Installation,
) -> None:
    canister = canary.existing()
    canary.management.faults["stop_canister"] = ["lost"]
    canary.deployment.submit("stop_target", "counter", caller=OWNER)
    canary.network.run()
    assert "stop_target" in canary.shown()["busy"]
    assert "busy" in canary.admin("start_target", "counter")["Err"]["Conflict"]
    release = canary.start(canary.order())["Ok"]
    assert canary.state(release) == {"Queued": None}
    canary.run_until_idle()
    assert canary.state(release) == {"Succeeded": None}
    assert canister.status == "running"


def test_a_release_waits_for_an_admin_who_has_the_target(canary: Installation) -> None:
    canary.existing()
    canary.deployment.submit("stop_target", "counter", caller=OWNER)
    canary.network.step()
    release = canary.start(canary.order())["Ok"]
    canary.run_until_idle(10)
    assert canary.state(release) == {"Succeeded": None}


def test_deleting_a_target_deletes_only_a_canister_that_a_release_created(
    canary: Installation,
) -> None:
    given = canary.existing()
    canary.target("made")
    canary.release(mode="Install", target="made")
    assert len(canary.management.canisters) == 2
    assert canary.admin("delete_target", "made") == {"Ok": None}
    assert canary.admin("delete_target", "counter") == {"Ok": None}
    assert list(canary.management.canisters.values()) == [given]
    assert given.status == "running"
    assert "NotFound" in canary.deployment.query("get_target", "made")["Err"]
    assert names(canary, 0) == ([], None)


def test_a_canister_that_cannot_be_deleted_keeps_its_target(canary: Installation) -> None:
    canary.target()
    canary.release(mode="Install")
    canary.management.faults["delete_canister"] = ["reject"]
    assert "was not deleted" in canary.admin("delete_target", "counter")["Err"]["Unavailable"]
    assert canary.shown()["busy"] is None


def test_targets_are_listed_newest_first_without_deleted_ones(canary: Installation) -> None:
    for number in range(5):
        canary.target(f"target-{number}")
    canary.admin("delete_target", "target-3")
    canary.target("target-3")
    assert names(canary, 0)[0] == ["target-3", "target-4", "target-2", "target-1", "target-0"]
    first, cursor = names(canary, 3)
    assert first == ["target-3", "target-4"]
    assert names(canary, 3, cursor) == (["target-2", "target-1", "target-0"], None)


def test_a_target_whose_canister_was_taken_away_fails_untouched(canary: Installation) -> None:
    canister: Canister = canary.existing()
    canister.controllers = [OWNER.bytes]
    release = canary.release()
    assert "Only controllers" in canary.failure(release)
    assert "Nothing was touched" in canary.failure(release)
