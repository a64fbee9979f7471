"""Approvals and releases of canisters that live on the same network: who may, what, and back again.

Decisions one by one, and expiry: tests/canisters/verification. Steps and failures of releases, also
of bytes whose hash is not the approved one: tests/canisters/deployment.
"""

from __future__ import annotations

import pytest

from dcanary.cli.operations.watch import state_of
from dcanary.client.errors import RefusedError, RejectedError
from dcanary.client.identity import Anonymous
from tests.e2e.modules import as_text, counter
from tests.e2e.pipelines import counter_files
from tests.e2e.world import EXECUTORS, Repository, World


def released_counter(world: World, name: str) -> Repository:
    """A repository whose first commit is deployed; its counter stands at 1."""
    repository = world.add_repository(name, counter_files(name))
    released = world.end_of_release(world.approve(world.push(repository)))
    assert state_of(released) == "Succeeded", released["state"]
    assert world.target(name).call("inc") == 1
    return repository


def test_only_the_approver_decides_once_and_on_the_hash_that_is_asked_about(world: World) -> None:
    repository = world.add_repository("asked", counter_files("asked"))
    run = world.push(repository)
    approval = world.approval_of(run)
    name = approval["approval"]
    before = world.system.verification.ask("get_approval", name)
    for who in (world.stranger, world.owner, world.executor(EXECUTORS[0])):
        with pytest.raises(RefusedError) as refused:
            world.decide(who, approval)
        assert refused.value.kind == "Denied"
    with pytest.raises(RejectedError) as rejected:
        world.decide(Anonymous(), approval)
    assert rejected.value.error_code == "IC0406"
    with pytest.raises(RefusedError) as refused:
        world.decide(world.approver, approval, digest="0" * 64)
    assert refused.value.kind in ("Conflict", "Invalid")
    assert approval["request"]["sha256"] in refused.value.sentence
    assert world.system.verification.ask("get_approval", name) == before
    page = {"cursor": None, "limit": 100}
    assert world.system.deployment.ask("list_releases", "asked", page)["items"] == []

    decided = world.decide(world.approver, approval)
    assert [vote["approver"] for vote in decided["votes"]] == [world.approver.principal]
    with pytest.raises(RefusedError) as refused:
        world.decide(world.approver, approval)
    assert refused.value.kind == "Conflict"
    released = world.end_of_release(world.release_of(name))
    assert state_of(released) == "Succeeded", released["state"]
    assert world.module_hash(released["canister"]) == approval["request"]["sha256"]
    assert len(world.system.deployment.ask("list_releases", "asked", page)["items"]) == 1


def test_a_rejected_request_deploys_nothing(world: World) -> None:
    repository = world.add_repository("rejected", counter_files("rejected"))
    run = world.push(repository)
    approval = world.approval_of(run)
    done = world.run("--identity", "approver", "approval", "reject", approval["approval"], "--yes")
    assert done.returncode == 0, done.stderr
    found = world.system.verification.ask("get_approval", approval["approval"])
    assert state_of(found) == "Rejected"
    with pytest.raises(RefusedError):
        world.decide(world.approver, approval)
    assert world.system.deployment.ask("get_target", "rejected")["canister"] is None
    assert state_of(world.end_of_run(run)) == "Rejected"


def test_a_run_that_waits_for_approval_is_cancelled_and_its_request_withdrawn(
    world: World,
) -> None:
    repository = world.add_repository("withdrawn", counter_files("withdrawn"))
    run = world.push(repository)
    assert state_of(world.end_of_build(run)) == "Approving"
    approval = world.approval_of(run)
    done = world.run("run", "cancel", run)
    assert done.returncode == 0, done.stderr
    assert f"{run} is cancelled" in done.stdout
    assert world.get_run(run)["state"] == {"Cancelled": f"cancelled by {world.owner.principal}"}
    with pytest.raises(RefusedError) as refused:
        world.decide(world.approver, approval)
    assert refused.value.kind == "Conflict"
    found = world.system.verification.ask("get_approval", approval["approval"])
    assert "withdrawn" in found["state"]["Blocked"]


def test_a_run_is_followed_from_the_push_to_its_release(world: World) -> None:
    repository = world.add_repository("followed", counter_files("followed"))
    run = world.push(repository)
    release = world.approve(run)
    found = world.end_of_run(run)
    assert (state_of(found), found["release"]) == ("Succeeded", release)
    released = world.end_of_release(release)
    # What a run took covers its release.
    assert found["updated_ns"] >= released["updated_ns"]
    done = world.run("run", "cancel", run)
    assert done.returncode == 1
    assert "has ended already" in done.stderr


def test_an_upgrade_keeps_the_value_and_a_rollback_brings_module_and_value_back(
    world: World,
) -> None:
    repository = released_counter(world, "counted")
    repository.commit({"counter.b64": as_text(counter(10))})
    second = world.end_of_release(world.approve(world.push(repository)))
    assert state_of(second) == "Succeeded", second["state"]
    assert state_of({"state": second["order"]["mode"]}) == "Upgrade"
    counted = world.target("counted")
    assert counted.call("get") == 1
    assert counted.call("inc") == 11
    old = second["previous_hash"].hex()
    assert world.module_hash(second["canister"]) == second["order"]["sha256"] != old

    done = world.run("release", "rollback", second["release"], "--yes")
    assert done.returncode == 0, done.stderr
    assert counted.call("get") == 1
    assert counted.call("inc") == 2
    assert world.module_hash(second["canister"]) == old


def test_a_module_that_traps_after_the_upgrade_leaves_module_and_state_as_before(
    world: World,
) -> None:
    repository = released_counter(world, "trapping")
    before = world.system.deployment.ask("get_target", "trapping")
    old = world.module_hash(before["canister"])
    repository.commit({"counter.b64": as_text(counter(10, traps_after_upgrade=True))})
    failed = world.end_of_release(world.approve(world.push(repository)))
    assert state_of(failed) == "Failed"
    run = world.end_of_run(failed["order"]["run"])
    assert "this version cannot take over" in run["state"]["Failed"]
    assert "this version cannot take over" in failed["state"]["Failed"]
    assert world.module_hash(before["canister"]) == old
    assert world.target("trapping").call("get") == 1
    assert world.target("trapping").call("inc") == 2
    after = world.system.deployment.ask("get_target", "trapping")
    assert after["busy"] is None
    # The target takes the next release.
    repository.commit({"counter.b64": as_text(counter(100))})
    released = world.end_of_release(world.approve(world.push(repository)))
    assert state_of(released) == "Succeeded", released["state"]
    assert world.target("trapping").call("inc") == 102


def test_a_first_release_has_nothing_to_roll_back_to(world: World) -> None:
    released_counter(world, "first")
    (first,) = world.system.deployment.ask("list_releases", "first", {"cursor": None, "limit": 9})[
        "items"
    ]
    done = world.run("release", "rollback", first["release"], "--yes")
    assert done.returncode == 1
    assert "was a first install: there is nothing to return to" in done.stderr
    assert world.target("first").call("get") == 1
