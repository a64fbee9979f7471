"""A run that is started for a branch: executors read its commit, agree on it, and build it."""

from __future__ import annotations

import json

import yaml

from dcanary.cli.operations.watch import state_of
from tests.e2e.pipelines import pipeline
from tests.e2e.world import World, wait_until


def by_hand(name: str) -> str:
    content = yaml.safe_load(pipeline(name, ["echo x > x"], artifacts=["x"], deploy=False))
    content["on"] = {"manual": True}
    return yaml.safe_dump(content, sort_keys=False)


def start(world: World, repository: str, *options: str) -> str:
    made = world.run("--json", "run", "start", repository, *options)
    return str(json.loads(made.stdout)["run"])


def test_what_a_branch_names_is_built_when_the_quorum_has_read_it(world: World) -> None:
    repository = world.add_repository("named", {"dcanary.yml": by_hand("named")}, target=False)
    repository.push()
    sha = repository.commit({"y": "y"}, "The newest one")
    repository.push()
    run = start(world, "named")
    found = world.end_of_run(run)
    assert state_of(found) == "Succeeded", found["state"]
    assert found["source"]["sha"] == sha
    assert found["source"]["message"] == "The newest one"
    assert found["resolution"]["commit"] == sha
    readers = {each["operator"] for each in found["resolution"]["reads"] if each["commit"] == sha}
    assert len(readers) >= found["resolution"]["quorum"] == 2
    shown = world.run("run", "show", run).stdout
    assert sha in shown


def test_a_branch_that_is_not_there_fails_the_run_with_its_name(world: World) -> None:
    repository = world.add_repository("absent", {"dcanary.yml": by_hand("absent")}, target=False)
    repository.push()
    found = world.end_of_run(start(world, "absent", "--ref", "refs/tags/v9"))
    assert "refs/tags/v9 is not in the repository, as" in found["state"]["Failed"]


def test_a_forge_that_is_away_is_waited_for(world: World) -> None:
    repository = world.add_repository("away", {"dcanary.yml": by_hand("away")}, target=False)
    sha = repository.commit({"y": "y"}, "Before the outage")
    repository.push()
    world.kill("forge")
    run = start(world, "away")
    (said,) = wait_until(
        lambda: [
            each["reason"]
            for each in (world.get_run(run) or {"waiting_for": []})["waiting_for"]
            if "cannot read it" in each["reason"]
        ],
        "an executor that says why it cannot read the branch",
    )
    assert said.startswith("2 operators must read the same commit at refs/heads/main: ")
    world.start_forge()
    found = world.end_of_run(run, 120)
    assert state_of(found) == "Succeeded", found["state"]
    assert found["source"]["sha"] == sha


def test_a_schedule_starts_a_run_of_what_the_branch_names_by_the_clock(world: World) -> None:
    content = yaml.safe_load(by_hand("nightly"))
    content["on"]["schedule"] = [{"cron": "* * * * *", "timezone": "Europe/Berlin"}]
    files = {"dcanary.yml": yaml.safe_dump(content, sort_keys=False)}
    repository = world.add_repository("nightly", files, target=False)
    sha = repository.push()
    planned = json.loads(world.run("--json", "pipeline", "schedules", "nightly").stdout)
    assert planned[0]["next_ns"] is not None
    run = wait_until(
        lambda: next(
            (each["run"] for each in world.deliveries("nightly") if each["event"] == "schedule"),
            None,
        ),
        "a run by the clock",
        seconds=90,
    )
    found = world.end_of_run(run, 120)
    assert state_of(found) == "Succeeded", found["state"]
    assert found["source"]["sha"] == sha
    shown = world.run("pipeline", "schedules", "nightly").stdout
    assert "* * * * * Europe/Berlin" in shown and run in shown
