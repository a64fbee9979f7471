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
    needs: Any = {"cpus": None, "image": "ab", "region": None, "labels": []}
    wanted = requirements("Rust", None, needs)
    assert misfit(wanted, {"Shell"}, OFFER) is None
    assert misfit(wanted, {"Rust"}, OFFER) == "the runtime Shell"
    without: Any = {**OFFER, "images": []}
    assert misfit(wanted, {"Shell"}, without) == "the image ab"
    assert misfit(requirements("Rust", None, None), {"Shell"}, OFFER) == "the runtime Rust"
