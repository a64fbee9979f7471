"""What a release costs its canister is estimated before anything is stopped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from shared.rules.cycles import GIB, advised, cycles_to_release, frozen_by_growth
from shared.rules.limits import MIB
from tests.canisters.deployment.deployment_installation import NEW, OLD, Installation

if TYPE_CHECKING:
    from tests.canisters.deployment.management import Canister

BURNED = 1_000_000
INSTALL = cycles_to_release(len(NEW), True, 0, False)


@pytest.fixture
def canary() -> Installation:
    return Installation()


def poor(canary: Installation, cycles: int, module: bytes | None = OLD) -> Canister:
    canister = canary.existing(module)
    canister.cycles = cycles
    canister.burned_per_day = BURNED
    return canister


def check_refused(canary: Installation, canister: Canister, release: str) -> int:
    """Nothing was stopped, and what is asked for is enough; how many cycles that is."""
    failure = canary.failure(release)
    assert "Nothing was touched" in failure
    assert "stop_canister" not in canary.management.calls
    assert canister.status == "running"
    assert f"{canister.cycles:,}" in failure
    found = re.search(r"`dcanary target top-up counter --cycles (\d+)`\), then retry", failure)
    assert found is not None, failure
    canister.cycles += int(found[1])
    assert canary.state(canary.release(b"again")) == {"Succeeded": None}
    return int(found[1])


def test_a_canister_that_cannot_pay_for_the_install_is_not_stopped(canary: Installation) -> None:
    canister = poor(canary, 1_000)
    sent = check_refused(canary, canister, canary.release())
    missing = INSTALL + BURNED - 1_000 + frozen_by_growth(len(NEW), True, 0, 0, 86_400)
    assert sent == advised(missing)


def test_the_freezing_threshold_stays_untouched(canary: Installation) -> None:
    canister = poor(canary, INSTALL + 500_000)
    canister.freezing_seconds = 30 * 86_400
    assert check_refused(canary, canister, canary.release()) >= 30 * BURNED - 500_000


def test_a_threshold_of_nothing_does_not_make_a_release_free(canary: Installation) -> None:
    canister = poor(canary, 1_000)
    canister.freezing_seconds = 0
    check_refused(canary, canister, canary.release())


def test_the_snapshot_is_paid_for_and_raises_the_threshold(canary: Installation) -> None:
    canister = poor(canary, INSTALL + 2 * BURNED)
    canister.memory_bytes = 4 * GIB
    canister.freezing_seconds = 30 * 86_400
    growth = 4 * 127_000 * 30 * 86_400
    assert check_refused(canary, canister, canary.release()) >= 4 * GIB + growth


def test_reserved_cycles_count_for_the_threshold_and_for_nothing_else(
    canary: Installation,
) -> None:
    canister = poor(canary, INSTALL + 1_000)
    canister.freezing_seconds = 30 * 86_400
    canister.reserved = 31 * BURNED
    release = canary.release()
    assert canary.state(release) == {"Succeeded": None}
    canary.management.calls.clear()
    canister.cycles, canister.reserved = 1_000, 10**12
    assert check_refused(canary, canister, canary.release(b"next")) >= INSTALL - 1_000


def test_a_rollback_that_cannot_be_paid_stops_nothing(canary: Installation) -> None:
    canister = poor(canary, 10**12)
    release = canary.release()
    canister.cycles = 1_000
    canary.management.calls.clear()
    back = canary.admin("rollback_release", release, None)["Ok"]["release"]
    canary.run_until_idle()
    assert "send it" in canary.failure(back)
    assert "stop_canister" not in canary.management.calls
    assert (canister.module, canister.status) == (NEW, "running")
    canister.cycles = 5_000_000_000
    assert "Ok" in canary.admin("rollback_release", release, None)
    canary.run_until_idle()
    assert canister.module == OLD


def test_an_install_into_an_empty_canister_is_estimated_before_it_is_uploaded(
    canary: Installation,
) -> None:
    canister = poor(canary, 1_000, None)
    assert "send it" in canary.failure(canary.release(mode="Install"))
    assert "upload_chunk" not in canary.management.calls
    assert canister.module is None


def test_an_empty_canister_that_burns_nothing_yet_must_be_able_to_pay(
    canary: Installation,
) -> None:
    canister = poor(canary, 1_000, None)
    canister.burned_per_day = 0
    assert "send it" in canary.failure(canary.release(mode="Install"))
    assert "upload_chunk" not in canary.management.calls


def test_where_nothing_costs_cycles_nothing_is_asked_for(canary: Installation) -> None:
    canister = poor(canary, 0)
    canister.burned_per_day = 0
    assert canary.state(canary.release()) == {"Succeeded": None}


def test_a_module_that_keeps_its_heap_has_a_64_bit_memory_that_costs_twice() -> None:
    narrow, wide = (cycles_to_release(MIB, True, 0, keeps) for keeps in (False, True))
    assert wide - narrow == 300_000_000_000


def test_only_what_goes_beyond_the_allocated_memory_raises_the_threshold() -> None:
    assert frozen_by_growth(MIB, True, GIB, 4 * GIB, 86_400) == 0
    free = frozen_by_growth(0, True, GIB, 0, 86_400)
    assert frozen_by_growth(0, True, GIB, GIB, 86_400) == free == 127_000 * 86_400
