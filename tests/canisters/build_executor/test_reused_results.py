"""A run says which operators used an earlier result of their own again."""

from __future__ import annotations

import pytest

from tests.canisters.build_executor.helpers.specs import spec, stage
from tests.canisters.build_executor.helpers.world import A, B, World


def leased(world: World, executor: str) -> str:
    job: str = world.lease(executor)["Build"]["job"]
    return job


def test_a_run_says_who_used_which_result_again(world: World) -> None:
    world.enqueue(spec(stages=[stage("build", replicas=2, quorum=2)]))
    first, second = leased(world, A), leased(world, B)
    assert world.run()["stages"][0]["reused"] == []
    world.commit(A, first, reused="run-0")
    world.commit(B, second)
    operator = world.jobs()[first]["operator"]
    assert world.run()["stages"][0]["reused"] == [{"operator": operator, "run": "run-0"}]
    assert {job["reused"] for job in world.jobs().values()} == {"run-0", None}


@pytest.mark.parametrize("reused", ["", "run 1", "r" * 65, "\n"])
def test_what_is_no_name_of_a_run_is_refused(world: World, reused: str) -> None:
    world.enqueue(spec(stages=[stage("build")]))
    job = leased(world, A)
    assert world.commit(A, job, reused=reused)["Err"]["Invalid"].startswith("reused ")
    assert world.commit(A, job, reused="run-1") == {"Ok": None}
