"""Processes that are killed in the middle of a run, and canisters that are upgraded there."""

from __future__ import annotations

import time
from typing import Any

import pytest

from dcanary.cli.operations.watch import state_of
from dcanary.client.system import CANISTERS
from tests.e2e.modules import as_text, counter
from tests.e2e.pipelines import DECODE, counter_files, pipeline
from tests.e2e.world import EXECUTORS, PATIENCE, World, wait_until

SLOW = ["sleep 3", DECODE]
LEASE_SECONDS = 30


def leased(world: World, run: str) -> list[dict[str, Any]]:
    return [job for job in world.jobs(run) if state_of(job) == "Leased"]


def assert_nothing_is_doubled(world: World, repository: str, run: str, release: str) -> None:
    """One delivery, run, round, vote per operator, approval and release."""
    page = {"cursor": None, "limit": 100}
    assert [d["run"] for d in world.deliveries(repository)] == [run]
    runs = world.system.build_executor.ask("list_runs", repository, page)["items"]
    assert [each["run"] for each in runs] == [run]
    votes = world.round(run)["votes"]
    assert len({vote["operator"] for vote in votes}) == len(votes)
    assert len({vote["job"] for vote in votes}) == len(votes)
    approvals = world.system.verification.ask("list_approvals", page)["items"]
    assert [each["request"]["run"] for each in approvals].count(run) == 1
    releases = world.system.deployment.ask("list_releases", repository, page)["items"]
    assert [each["release"] for each in releases] == [release]
    ended = world.end_of_run(run)
    assert (state_of(ended), ended["release"]) == ("Succeeded", release)


def finish(world: World, repository: str, run: str) -> dict[str, Any]:
    """From the run to a canister that answers; the release."""
    found = world.end_of_build(run, 90)
    assert state_of(found) == "Approving", found["state"]
    released = world.end_of_release(world.approve(run))
    assert state_of(released) == "Succeeded", released["state"]
    assert world.module_hash(released["canister"]) == released["order"]["sha256"]
    assert world.target(repository).call("inc") == 1
    return released


@pytest.mark.timeout(300 * PATIENCE)
def test_a_job_whose_executor_is_killed_goes_to_another_when_its_lease_ends(
    empty_world: World,
) -> None:
    world = empty_world
    # All three must agree: without the lost job's second attempt the run cannot end well.
    files = counter_files("killed")
    files["dcanary.yml"] = pipeline("killed", ["sleep 2", DECODE], quorum=3)
    repository = world.add_repository("killed", files)
    world.start_executor("alice-1")
    run = world.push(repository)
    (job,) = wait_until(lambda: leased(world, run), "alice's lease")
    world.kill("alice-1")
    killed = time.monotonic()
    for name in EXECUTORS[1:]:
        world.start_executor(name)
    released = finish(world, "killed", run)
    assert time.monotonic() - killed > LEASE_SECONDS / 2
    (again,) = [each for each in world.jobs(run) if each["job"] == job["job"]]
    assert again["attempt"] == 2
    assert again["operator"] != "alice"
    assert {v["operator"] for v in world.round(run)["votes"]} == {"bob", "carol", "dave"}
    page = {"cursor": None, "limit": 100}
    known = world.system.build_executor.ask("list_executors", page)["items"]
    assert {each["operator"]: each["leases_lost"] for each in known}["alice"] == 1
    assert_nothing_is_doubled(world, "killed", run, released["release"])


def test_a_network_that_is_killed_and_started_again_loses_and_doubles_nothing(
    empty_world: World,
) -> None:
    world = empty_world
    repository = world.add_repository("survivor", counter_files("survivor", commands=SLOW))
    for name in EXECUTORS[:3]:
        world.start_executor(name)
    run = world.push(repository)
    # Once in the middle of the builds …
    wait_until(lambda: leased(world, run), "a lease")
    world.start_network(world.kill_network())
    # … once while votes come in …
    wait_until(
        lambda: [job for job in world.jobs(run) if state_of(job) == "Committed"], "a commitment"
    )
    world.start_network(world.kill_network())
    assert state_of(world.end_of_build(run, 90)) == "Approving"
    # … and once in the middle of the release.
    approval = world.approval_of(run)
    world.decide(world.approver, approval)
    world.start_network(world.kill_network())
    released = world.end_of_release(world.release_of(approval["approval"]))
    assert state_of(released) == "Succeeded", released["state"]
    assert world.target("survivor").call("inc") == 1
    assert_nothing_is_doubled(world, "survivor", run, released["release"])
    # And all goes on: the next push upgrades what is there.
    repository.commit({"counter.b64": as_text(counter(10))})
    released = world.end_of_release(world.approve(world.push(repository)))
    assert state_of(released) == "Succeeded", released["state"]
    assert world.target("survivor").call("inc") == 11


@pytest.mark.timeout(300 * PATIENCE)
def test_builds_that_end_while_the_network_is_down_are_committed_when_it_is_back(
    empty_world: World,
) -> None:
    world = empty_world
    repository = world.add_repository("patience", counter_files("patience", commands=SLOW))
    for name in EXECUTORS[:3]:
        world.start_executor(name)
    run = world.push(repository)
    wait_until(lambda: len(leased(world, run)) == 3, "three leases")
    port = world.kill_network()
    # All leases run out by the network's clock, which goes on.
    time.sleep(LEASE_SECONDS + 10)
    world.start_network(port)
    assert state_of(world.end_of_build(run, 90)) == "Approving"
    jobs = world.jobs(run)
    assert [(each["attempt"], each["failures"]) for each in jobs] == [(1, [])] * 3
    page = {"cursor": None, "limit": 100}
    known = world.system.build_executor.ask("list_executors", page)["items"]
    assert [each["leases_lost"] for each in known] == [0] * len(known)


def test_deliveries_that_came_while_the_network_was_down_are_sent_again(
    empty_world: World,
) -> None:
    world = empty_world
    repository = world.add_repository("patient", counter_files("patient"))
    port = world.kill_network()
    sha = repository.push()
    world.start_network(port)
    run = wait_until(lambda: world.run_of("patient", sha), "the run", 60)
    wait_until(lambda: world.get_run(run), run)
    assert [each["run"] for each in world.deliveries("patient")] == [run]


@pytest.mark.parametrize("canister", CANISTERS)
def test_an_upgrade_of_a_canister_in_the_middle_of_a_run_changes_nothing(
    world: World, canister: str
) -> None:
    name = canister.replace("_", "-")
    repository = world.add_repository(name, counter_files(name, commands=SLOW))
    run = world.push(repository)
    wait_until(lambda: leased(world, run), "a lease")
    world.upgrade(canister)
    found = world.end_of_build(run, 90)
    assert state_of(found) == "Approving", found["state"]
    approval = world.approval_of(run)
    world.decide(world.approver, approval)
    world.upgrade(canister)
    released = world.end_of_release(world.release_of(approval["approval"]))
    assert state_of(released) == "Succeeded", released["state"]
    assert world.module_hash(released["canister"]) == approval["request"]["sha256"]
    assert world.target(name).call("inc") == 1
    assert_nothing_is_doubled(world, name, run, released["release"])
