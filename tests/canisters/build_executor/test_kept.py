"""Stages that leave their files with the executors: the chain has the manifest alone."""

from __future__ import annotations

from typing import Any

import pytest

from shared.rules.limits import BUILD_MARGIN_NS, LEASE_NS, SECOND_NS
from tests.canisters.build_executor.helpers.specs import file, spec, stage
from tests.canisters.build_executor.helpers.world import A, B, World

LIB = file("lib", b"library")
OUT = file("out.wasm", b"module")
EXECUTORS = {"Executors": None}


def kept(name: str, *after: str, **changes: Any) -> dict[str, Any]:
    return stage(name, depends_on=list(after), artifacts=["lib"], keep=EXECUTORS, **changes)


@pytest.fixture
def world() -> World:
    """The stage `lib` was agreed on; `build` needs its file."""
    made = World()
    made.enqueue(spec("run-1", kept("lib"), stage("build", depends_on=["lib"])))
    jobs = made.all_commit(stage="lib")
    assert made.decide("Agreed", [LIB], jobs[:2], stage="lib") == {"Ok": None}
    return made


def test_an_agreed_stage_succeeds_at_once_and_asks_nobody_for_bytes(world: World) -> None:
    lib = world.run()["stages"][0]
    assert lib["state"] == {"Succeeded": None}
    assert (lib["files"], lib["stored"], lib["kept"]) == ([LIB], [], True)
    assert "Build" in world.lease(A, "run-1/lib/0")
    assert "stay with the executors" in world.read("lib", stage="lib")["Err"]["Unavailable"]


def test_its_files_are_not_served(world: World) -> None:
    assert world.book.shelf.root() is None
    jobs = world.all_commit()
    world.decide("Agreed", [OUT], jobs)
    world.lease(A, "run-1/build/0")
    world.upload(A, "out.wasm", 0, b"module")
    assert world.finish(A, "out.wasm") == {"Ok": None}
    assert [each["name"] for each in world.book.shelf.stages_of("run-1")] == ["build"]


def test_who_needs_the_files_is_told_how_they_are_built() -> None:
    world = World()
    stages = [
        stage("base", artifacts=["base"]),
        stage("beside", artifacts=["beside"]),
        kept("lib", "base"),
        stage("build", depends_on=["lib", "beside"]),
    ]
    variables = [{"name": "A", "value": "1"}]
    world.enqueue(spec("run-1", *stages, environment=variables))
    for name in ("base", "beside"):
        jobs = world.all_commit(stage=name)
        world.decide("Agreed", [file(name, name.encode())], jobs, stage=name)
        world.lease(A, f"run-1/{name}/0")
        world.upload(A, name, 0, name.encode(), stage=name)
        assert world.finish(A, name, stage=name) == {"Ok": None}
    work = world.build(A)
    assert work["stage"]["name"] == "lib"
    assert work["rebuild"] is None
    assert world.commit(A, work["job"]) == {"Ok": None}
    assert world.decide("Agreed", [LIB], [work["job"]], stage="lib") == {"Ok": None}
    work = world.build(B)
    given = {each["file"]["path"]: each["kept"] for each in work["inputs"]}
    assert given == {"base": False, "beside": False, "lib": True}
    assert work["rebuild"]["environment"] == variables
    assert [each["stage"]["name"] for each in work["rebuild"]["stages"]] == ["base", "lib"]
    assert work["rebuild"]["stages"][1]["files"] == [LIB]


def test_a_lease_leaves_time_to_build_the_files_again(world: World) -> None:
    work = world.build(A)
    began = world.now
    beat: Any = {"Ok": {"cancelled": False}}
    while beat.get("Ok", {}).get("cancelled") is False:
        world.pass_time(LEASE_NS / SECOND_NS / 2)
        beat = world.beat(A, work["job"])
    # Twice the timeout of 60 s: the stage's own, and that of the one before.
    held = world.now - began
    assert 120 * SECOND_NS + BUILD_MARGIN_NS <= held <= 140 * SECOND_NS + BUILD_MARGIN_NS


def test_files_that_are_here_by_chance_are_not_served_either() -> None:
    world = World()
    world.enqueue(spec("run-1", stage("build", artifacts=["lib"])))
    world.decide("Agreed", [LIB], world.all_commit())
    world.lease(A, "run-1/build/0")
    world.upload(A, "lib", 0, b"library")
    assert world.finish(A, "lib") == {"Ok": None}
    world.enqueue(spec("run-2", kept("build")))
    world.decide("Agreed", [LIB], world.all_commit("run-2"), run="run-2")
    assert world.run("run-2")["state"] == {"Succeeded": None}
    assert world.run("run-2")["stages"][0]["stored"] == []
    assert world.book.shelf.stages_of("run-2") == []
