"""What people are not asked about because it could not be paid, and how cycles are sent."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dcanary.testing.native import user_principal
from tests.canisters.deployment.deployment_installation import OWNER, Installation
from tests.canisters.deployment.test_cycles_on_canister import poor
from tests.canisters.deployment.test_targets_on_canister import MODULE, plan_request

OPERATOR = user_principal(5)
# A module that declares a memory of 60,000 pages.
LARGE = b"\0asm\1\0\0\0" + b"\5\5\1\0\xe0\xd4\3"
BILLION = 10**9


@pytest.fixture
def canary() -> Installation:
    return Installation()


def plan(canary: Installation, module: bytes = MODULE, **changes: Any) -> Any:
    canary.build_executor.update("hold", "run-1", "app.wasm", "0", module, caller=OWNER)
    request = plan_request(size=len(module), **changes)
    return canary.deployment.update("plan_release", request, caller=canary.verification)


def command(refused: str, start: str) -> int:
    """The number in the command that a refusal names."""
    found = re.search(rf"`{start} --cycles (\d+)`", refused)
    assert found is not None, refused
    return int(found[1])


@pytest.mark.parametrize("module", [b"old", None])
def test_nobody_is_asked_about_a_release_that_its_canister_could_not_pay(
    canary: Installation, module: bytes | None
) -> None:
    """It was approved first, and failed then for want of cycles."""
    canister = poor(canary, 1_000, module)
    refused = plan(canary)["Err"]["Conflict"]
    assert "the canister has 1,000 cycles" in refused
    assert "then `dcanary run retry run-1`" in refused
    sent = command(refused, "dcanary target top-up counter")
    assert sent % (10 * BILLION) == 0
    # Advised is more than is missing: the canister burns cycles until they come.
    assert "Ok" in canary.admin("top_up_target", "counter", sent - 20 * BILLION)
    assert "Conflict" in plan(canary)["Err"]
    assert "Ok" in canary.admin("top_up_target", "counter", 20 * BILLION)
    assert canister.cycles == 1_000 + sent
    canister.cycles -= 10 * BILLION
    assert "Ok" in plan(canary)


def test_the_memory_that_a_module_declares_is_paid_for_by_a_canister_that_exists(
    canary: Installation,
) -> None:
    canister = poor(canary, 700 * BILLION)
    canister.freezing_seconds = 30 * 86_400
    assert "Ok" in plan(canary)
    assert command(plan(canary, LARGE)["Err"]["Conflict"], "dcanary target top-up counter")
    # It has that memory already.
    canister.memory_bytes = 60_000 * 65_536
    canister.cycles = 3_000 * BILLION
    assert "Ok" in plan(canary, LARGE)


def test_the_memory_that_a_module_declares_is_paid_for_by_a_new_canister(
    canary: Installation,
) -> None:
    """The release succeeded with the advised 810 B, and the first call was out of cycles."""
    canary.target(cycles=810 * BILLION)
    least = command(plan(canary, LARGE)["Err"]["Conflict"], "dcanary target update counter")
    frozen = 60_000 * 65_536 * 127_000 * 30 * 86_400 // 2**30
    assert 800 * BILLION + frozen < least < 820 * BILLION + frozen
    given = {
        **canary.shown(),
        "cycles": least,
        "controllers": [],
    }
    assert "Ok" in canary.admin("update_target", given)
    assert "Ok" in plan(canary, LARGE)


def test_nobody_is_asked_about_a_canister_that_deployment_could_not_pay(
    canary: Installation,
) -> None:
    canary.target(cycles=10**15)
    refused = plan(canary)["Err"]["Conflict"]
    assert "with 1,000,000,000,000,000 cycles needs" in refused
    assert "more than this deployment canister can spend (it keeps 500,000,000,000)" in refused
    assert command(refused, "dcanary system top-up deployment")
    assert "`dcanary run retry run-1`" in refused


def test_what_was_sent_to_a_target_is_kept(canary: Installation) -> None:
    canister = canary.existing()
    before = canister.cycles
    for cycles in (5, 7):
        assert "Ok" in canary.admin("top_up_target", "counter", cycles)
    assert canister.cycles == before + 12
    told = canary.shown()["topped_up"]
    assert (told["total"], told["last"], told["by"]) == (12, 7, OWNER.to_str())
    canary.deployment.upgrade()
    assert canary.shown()["topped_up"] == told


def test_what_was_sent_is_kept_when_the_target_gets_another_canister(
    canary: Installation,
) -> None:
    canary.existing()
    assert "Ok" in canary.admin("top_up_target", "counter", 5)
    given = {**canary.shown(), "controllers": []}
    assert "Ok" in canary.admin("update_target", given | {"canister": None})
    assert canary.shown()["topped_up"]["total"] == 5
    assert "Ok" in canary.admin("update_target", given)
    assert "Ok" in canary.admin("top_up_target", "counter", 7)
    assert canary.shown()["topped_up"]["total"] == 12


@pytest.mark.parametrize("change", ["deleted", "re-pointed"])
def test_the_answer_names_the_canister_that_got_the_cycles_whatever_became_of_the_target(
    canary: Installation, change: str
) -> None:
    canister = canary.existing()
    before = canister.cycles
    given = {**canary.shown(), "controllers": []}
    made: list[Any] = []

    def meanwhile() -> None:
        if change == "deleted":
            made.append(canary.admin("delete_target", "counter"))
        else:
            made.append(canary.admin("update_target", given | {"canister": None}))

    canary.management.faults["deposit_cycles"] = ["lost"]
    canary.management.on_loss = meanwhile
    told = canary.admin("top_up_target", "counter", 5)["Ok"]
    assert "Ok" in made[0]
    assert canister.cycles == before + 5
    assert told["canister"] == given["canister"]
    assert told["topped_up"]["total"] == 5
    if change == "re-pointed":
        assert canary.shown()["canister"] is None
        assert canary.shown()["topped_up"]["total"] == 5


def test_the_advised_amount_covers_what_deployment_burns_meanwhile(canary: Installation) -> None:
    canary.existing()
    told = canary.admin("top_up_target", "counter", 10**15)["Err"]["Conflict"]
    missing = re.search(r"needs ([\d,]+) cycles more", told)
    assert missing is not None
    advised = command(told, "dcanary system top-up deployment")
    assert advised > int(missing[1].replace(",", "")) + 10 * BILLION
    assert advised % (10 * BILLION) == 0


def test_cycles_are_sent_within_limits_and_by_admins(canary: Installation) -> None:
    canister = canary.existing()
    before = canister.cycles
    assert "MAX_TARGET_CYCLES" in canary.admin("top_up_target", "counter", 0)["Err"]["Invalid"]
    assert "Invalid" in canary.admin("top_up_target", "counter", 10**15 + 1)["Err"]
    told = canary.admin("top_up_target", "counter", 10**15)["Err"]["Conflict"]
    assert command(told, "dcanary system top-up deployment")
    assert "NotFound" in canary.admin("top_up_target", "unknown", 1)["Err"]
    denied = canary.deployment.update("top_up_target", "counter", 1, caller=OPERATOR)["Err"]
    assert "Denied" in denied
    assert (canister.cycles, canary.shown()["topped_up"]) == (before, None)
    canary.target("empty")
    assert "no canister yet" in canary.admin("top_up_target", "empty", 1)["Err"]["Conflict"]


def test_cycles_that_are_not_taken_are_not_written_down(canary: Installation) -> None:
    canary.existing()
    canary.management.faults["deposit_cycles"] = ["reject"]
    assert (
        "no cycles were sent" in canary.admin("top_up_target", "counter", 5)["Err"]["Unavailable"]
    )
    assert canary.shown()["topped_up"] is None
