"""A canister is created with the controllers and cycles that people approved, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from dcanary.testing.native import user_principal
from tests.canisters.deployment.deployment_installation import NEW, OWNER, Installation
from tests.canisters.deployment.test_targets_on_canister import MODULE, plan_request

FRIEND = user_principal(41)
DEFAULT = 3_000_000_000_000
# A module with a memory of 64-bit addresses: its instructions cost twice as much.
WIDE = b"\0asm\1\0\0\0" + b"\5\3\1\4\1"


@pytest.fixture
def canary() -> Installation:
    made = Installation()
    made.build_executor.update("hold", "run-1", "app.wasm", "0", MODULE, caller=OWNER)
    return made


def planned(canary: Installation) -> Any:
    answer = canary.deployment.update("plan_release", plan_request(), caller=canary.verification)
    return answer["Ok"]["creates"]


def update(canary: Installation, **changes: Any) -> Any:
    target = canary.shown()
    fields = ("target", "repository", "network", "canister", "controllers", "cycles")
    return canary.admin("update_target", {**{one: target[one] for one in fields}, **changes})


def unguarded(canary: Installation) -> None:
    """Take the first line of defence away: targets with open releases can be changed."""
    targets = canary.deployment.module("canisters.deployment.targets.rules")
    targets.refuse_open = targets.refuse_if_busy = lambda *_: None


def test_the_plan_says_all_controllers_and_the_cycles_whatever_the_order_of_the_list(
    canary: Installation,
) -> None:
    canary.target(controllers=[OWNER, FRIEND])
    creates = planned(canary)
    everyone = {canary.deployment.id.bytes, OWNER.bytes, FRIEND.bytes}
    assert [one.bytes for one in creates["controllers"]] == sorted(everyone)
    assert creates["cycles"] == DEFAULT
    update(canary, controllers=[FRIEND, canary.deployment.id, OWNER, FRIEND], cycles=DEFAULT)
    assert planned(canary) == creates
    update(canary, cycles=2 * DEFAULT)
    assert planned(canary)["cycles"] == 2 * DEFAULT


@pytest.mark.parametrize(("module", "least"), [(MODULE, 810), (WIDE, 1_110)])
def test_nobody_is_asked_about_a_canister_that_could_not_pay_for_its_install(
    canary: Installation, module: bytes, least: int
) -> None:
    """It was approved and created, and its install failed for want of cycles."""
    canary.build_executor.update("hold", "run-1", "app.wasm", "0", module, caller=OWNER)
    canary.target()
    request = plan_request(size=len(module))
    billions = 10**9
    for cycles, told in ((1, "with 1 cycles"), ((least - 10) * billions, "would be created")):
        assert "Ok" in update(canary, cycles=cycles)
        answer = canary.deployment.update("plan_release", request, caller=canary.verification)
        refused = answer["Err"]["Conflict"]
        assert told in refused
        assert f"`dcanary target update counter --cycles {least * billions}`" in refused
        assert "`dcanary run retry run-1`" in refused
    assert "Ok" in update(canary, cycles=least * billions)
    answer = canary.deployment.update("plan_release", request, caller=canary.verification)
    assert answer["Ok"]["creates"]["cycles"] == least * billions


def test_a_target_that_has_a_canister_plans_to_create_none(canary: Installation) -> None:
    canary.existing()
    assert planned(canary) is None


def test_a_canister_that_is_created_while_the_bytes_are_read_is_planned_again(
    canary: Installation,
) -> None:
    canary.target()
    pending = canary.deployment.submit("plan_release", plan_request(), caller=canary.verification)
    given = {**canary.shown(), "canister": user_principal(66), "controllers": []}
    changed = canary.deployment.submit("update_target", given, caller=OWNER)
    canary.network.run()
    assert "Ok" in changed.result()
    assert "has a canister by now" in pending.result()["Err"]["Unavailable"]


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"cycles": 5 * DEFAULT}, f"cycles are {5 * DEFAULT:,} by now"),
    ({"controllers": [OWNER, FRIEND]}, FRIEND.to_str()),
    ({"controllers": []}, "controllers are"),
]


@pytest.mark.parametrize(("changes", "told"), CHANGES)
def test_settings_that_changed_since_the_approval_create_nothing(
    canary: Installation, changes: dict[str, Any], told: str
) -> None:
    canary.target()
    order = canary.order(mode="Install")
    assert "Ok" in update(canary, **changes)
    refused = canary.start(order)["Err"]["Conflict"]
    assert told in refused
    assert refused.startswith("`dcanary run retry run-1` asks people again")
    canary.run_until_idle()
    assert canary.management.calls == []
    # What was approved holds again: it is carried out.
    assert "Ok" in update(canary, controllers=[OWNER], cycles=DEFAULT)
    assert "Ok" in canary.start(order)
    canary.run_until_idle()
    (created,) = canary.management.canisters.values()
    assert (created.cycles, created.module) == (DEFAULT, NEW)


@pytest.mark.parametrize(("changes", "told"), CHANGES)
def test_settings_that_changed_while_the_release_waited_create_nothing(
    canary: Installation, changes: dict[str, Any], told: str
) -> None:
    canary.target()
    for number in range(4):
        canary.existing(name=f"target-{number}")
        canary.start(canary.order(b"module %d" % number, target=f"target-{number}"))
    waiting = canary.start(canary.order(mode="Install"))["Ok"]
    assert canary.state(waiting) == {"Queued": None}
    unguarded(canary)
    assert "Ok" in update(canary, **changes)
    canary.run_until_idle()
    assert canary.failure(waiting).startswith("Queued: `dcanary run retry run-")
    assert told in canary.failure(waiting)
    assert "create_canister" not in canary.management.calls


def test_a_canister_is_created_with_what_the_order_says_not_with_the_settings_of_then(
    canary: Installation,
) -> None:
    canary.target(cycles=2 * DEFAULT)
    release = canary.start(canary.order(mode="Install"))["Ok"]
    assert canary.state(release) == {"Fetching": None}
    unguarded(canary)
    assert "Ok" in update(canary, cycles=9 * DEFAULT, controllers=[FRIEND])
    assert canary.state(release) == {"Fetching": None}
    canary.run_until_idle()
    assert canary.state(release) == {"Succeeded": None}
    (created,) = canary.management.canisters.values()
    assert created.cycles == 2 * DEFAULT
    assert set(created.controllers) == {canary.deployment.id.bytes, OWNER.bytes}
    assert [one.bytes for one in canary.shown()["controllers"]] == [OWNER.bytes]


def test_an_order_of_an_earlier_version_creates_nothing(canary: Installation) -> None:
    canary.target()
    order = canary.bound(canary.order(mode="Install"), creates=None)
    refused = canary.start(order)["Err"]["Conflict"]
    assert "does not say which controllers and cycles" in refused
    assert "`dcanary run retry run-1` asks people again" in refused
    canary.run_until_idle()
    assert canary.management.calls == []


def test_a_release_that_an_earlier_version_began_creates_nothing(canary: Installation) -> None:
    canary.target()
    details = canary.deployment.module("canisters.deployment.store").details
    insert = details.insert

    def insert_as_earlier(number: int, detail: Any) -> None:
        insert(number, {**detail, "order": {**detail["order"], "creates": None}})

    details.insert = insert_as_earlier
    # That version did not look whether orders say it.
    canary.deployment.module("canisters.deployment.releases.rules").check_place = lambda *_: None
    release = canary.start(canary.order(mode="Install"))["Ok"]
    assert canary.state(release) == {"Fetching": None}
    canary.deployment.upgrade()
    canary.run_until_idle()
    assert canary.failure(release).startswith("Creating: an earlier version made the order")
    assert "Nothing was touched" in canary.failure(release)
    assert canary.management.calls == []


def failed_after_creating(canary: Installation) -> dict[str, Any]:
    """An order whose release created the canister and failed to install; its next attempt."""
    canary.target()
    canary.management.faults["install_chunked_code"] = ["reject"]
    order = canary.order(mode="Install")
    release = canary.start(dict(order))["Ok"]
    canary.run_until_idle()
    assert "The canister stays" in canary.failure(release)
    return {**order, "attempt": 2}


def test_a_retry_finds_the_created_canister_with_the_approved_controllers(
    canary: Installation,
) -> None:
    again = failed_after_creating(canary)
    # Nothing is created any more: the cycles of the settings say nothing of this canister.
    assert "Ok" in update(canary, cycles=9 * DEFAULT)
    assert "Ok" in update(canary, controllers=[FRIEND])
    refused = canary.start(dict(again))["Err"]["Conflict"]
    assert FRIEND.to_str() in refused
    assert "cycles" not in refused
    assert "Ok" in update(canary, controllers=[OWNER])
    release = canary.start(dict(again))["Ok"]
    canary.run_until_idle()
    assert canary.state(release) == {"Succeeded": None}
    assert len(canary.management.canisters) == 1


def test_an_order_that_makes_a_canister_is_not_carried_out_on_one_that_exists(
    canary: Installation,
) -> None:
    """It was carried out on a canister of 0.9 T, and its release said that 3 T were given."""
    canary.target()
    order = canary.order(mode="Install")
    assert "Ok" in update(canary, cycles=900_000_000_000)
    made = canary.admin("create_target_canister", "counter")["Ok"]["canister"]
    assert "Ok" in update(canary, cycles=DEFAULT)
    refused = canary.start(order)["Err"]["Conflict"]
    assert refused.startswith("`dcanary run retry run-1` asks people again")
    assert "the order is for a new canister" in refused
    assert made.to_str() in refused
    canary.run_until_idle()
    assert canary.management.canisters[made.bytes].module is None
    # Asked anew, about the canister that exists.
    release = canary.release(mode="Install")
    assert canary.state(release) == {"Succeeded": None}
    assert shown(canary, release)["created"] is False


def test_a_canister_that_another_order_made_is_no_new_one(canary: Installation) -> None:
    canary.target()
    orders = [canary.order(mode="Install"), canary.order(mode="Install")]
    canary.management.faults["install_chunked_code"] = ["reject"]
    releases = [canary.start(order)["Ok"] for order in orders]
    canary.run_until_idle()
    assert "The canister stays" in canary.failure(releases[0])
    assert canary.failure(releases[1]).startswith("Queued: `dcanary run retry run-2`")
    assert [shown(canary, one)["created"] for one in releases] == [True, False]


def test_a_release_says_whether_it_made_the_canister(canary: Installation) -> None:
    second = canary.start(failed_after_creating(canary))["Ok"]
    canary.run_until_idle()
    assert canary.state(second) == {"Succeeded": None}
    assert [shown(canary, f"release-{number}")["created"] for number in (1, 2)] == [True, False]


def shown(canary: Installation, release: str) -> Any:
    return canary.deployment.query("get_release", release)["Ok"]
