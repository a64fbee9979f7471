"""What a stage asks of executors."""

from __future__ import annotations

from typing import Any

from shared.rules.matching import misfit, requirements

OFFER: Any = {
    "images": ["ab"],
    "memory_bytes": 1,
    "storage_bytes": 1,
    "cpus": 1,
    "network": False,
    "region": "",
    "labels": [],
    "files_in_memory": False,
}


def test_a_stage_in_an_image_needs_nothing_of_a_machine_but_a_shell() -> None:
    needs: Any = {"cpus": None, "image": "ab", "region": None, "image_lock": None, "labels": []}
    wanted = requirements("Rust", None, needs)
    assert misfit(wanted, {"Shell"}, OFFER) is None
    assert misfit(wanted, {"Rust"}, OFFER) == "the runtime Shell"
    without: Any = {**OFFER, "images": []}
    assert misfit(wanted, {"Shell"}, without) == "the image ab"
    assert misfit(requirements("Rust", None, None), {"Shell"}, OFFER) == "the runtime Rust"


def test_an_image_of_a_lock_in_the_repository_is_for_who_has_it_or_builds_such() -> None:
    needs: Any = {"cpus": None, "image": "cd", "region": None, "image_lock": "x", "labels": []}
    wanted = requirements("Shell", None, needs)
    for builds in (None, False):
        offer: Any = {**OFFER, "builds_locks": builds}
        assert misfit(wanted, {"Shell"}, offer) == "the image cd"
        assert misfit(wanted, {"Shell"}, {**offer, "images": ["cd"]}) is None
    willing: Any = {**OFFER, "builds_locks": True}
    assert misfit(wanted, {"Shell"}, willing) is None
    assert misfit(wanted, {"Shell"}, None) == "the image cd"
    # Without a lock file there is nothing to build it by.
    without = requirements("Shell", None, {**needs, "image_lock": None})
    assert misfit(without, {"Shell"}, willing) == "the image cd"
