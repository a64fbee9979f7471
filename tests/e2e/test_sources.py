"""What executors read from the commit, on the whole system: its failures, its words, its stages."""

from __future__ import annotations

import copy

import yaml

from dcanary.cli.operations.watch import state_of
from tests.e2e.pipelines import pipeline
from tests.e2e.world import EXECUTORS, World, unsandboxed, wait_until
from tests.executor.servers import pointer


def test_a_failure_of_the_commit_is_agreed_on_at_the_first_attempt(world: World) -> None:
    files = {
        "dcanary.yml": pipeline("pointers", ["true"], artifacts=["a.bin"], deploy=False),
        ".gitattributes": "*.bin filter=lfs\n",
        "a.bin": pointer("1" * 64, 5),
    }
    run = world.push(world.add_repository("pointers", files, target=False))
    found = world.end_of_run(run)
    assert state_of(found) == "Failed", found["state"]
    assert "source: the tree has Git LFS files" in found["state"]["Failed"]
    assert {job["attempt"] for job in world.jobs(run)} == {1}


def test_author_and_message_are_agreed_on_as_the_commit_says_them(world: World) -> None:
    text = pipeline("words", ["echo x > x"], artifacts=["x"], deploy=False)
    repository = world.add_repository("words", {"dcanary.yml": text}, target=False)
    repository.commit({"y": "y"}, "A message\n\nwith a body")
    run = world.push(repository)
    assert state_of(world.end_of_run(run)) == "Succeeded"
    verdict = world.round(run)["verdict"]
    assert verdict["commit"]["message"] == "A message\n\nwith a body"
    assert verdict["commit"]["author"]


def test_one_executor_performs_two_stages_at_a_time_in_two_slots(world: World) -> None:
    content = yaml.safe_load(
        pipeline("slots", ["sleep 8", "echo x > x"], artifacts=["x"], replicas=1, quorum=1,
                 deploy=False)
    )  # fmt: skip
    content["stages"]["other"] = copy.deepcopy(content["stages"]["build"])
    name = EXECUTORS[0]
    for each in EXECUTORS[:3]:
        world.kill(each)
    world.spawn(name, world.command("executor", "start", name, "--slots", "2", *unsandboxed()))
    files = {"dcanary.yml": yaml.safe_dump(content, sort_keys=False)}
    run = world.push(world.add_repository("slots", files, target=False))
    wait_until(
        lambda: sum("Leased" in job["state"] for job in world.jobs(run)) == 2,
        "two jobs that are leased at the same time",
        seconds=60,
    )
    assert state_of(world.end_of_run(run)) == "Succeeded"
