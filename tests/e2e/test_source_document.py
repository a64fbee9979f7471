"""The example pipeline of the document that DCanary was asked for by, run by three operators.

A Motoko, a Rust and an Azle canister at the places that its commands name, with the real
compilers: `moc`, the image `rust`, and Azle from npm in the image `azle`. Executors build images.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dcanary.cli.operations.watch import state_of
from tests.e2e.registries import live_proxies_only as live_proxies_only
from tests.e2e.world import World

FILES = Path(__file__).with_name("source_document")
STAGES = ("build_motoko", "build_rust", "packages", "test_azle")
IMAGES_SECONDS = 200.0
"""Executors may have to download what the two images are made of."""


@pytest.mark.timeout(900)
def test_three_operators_agree_on_each_stage_of_the_example(world: World) -> None:
    files = {
        str(file.relative_to(FILES)): file.read_text()
        for file in FILES.rglob("*")
        if file.is_file()
    }
    run = world.push(world.add_repository("example", files, target=False))
    found = world.end_of_run(run, IMAGES_SECONDS)
    assert state_of(found) == "Succeeded", found["state"]
    for stage in STAGES:
        voted = world.round(run, stage)
        assert list(voted["verdict"]["kind"]) == ["Agreed"], (stage, voted)
        assert len(voted["votes"]) >= 2, (stage, voted)
    log = world.run("run", "log", f"{run}/test_azle/0").stdout
    assert "$ npm test" in log
    assert "# pass 1" in log
    assert "$ azle test" in log
