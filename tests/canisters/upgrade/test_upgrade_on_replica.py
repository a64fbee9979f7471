"""An installation of an earlier release, upgraded to today's five Wasm modules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.canisters.build_executor.helpers.specs import offer
from tests.canisters.deployment.replica_subnet import Subnet, open_subnet
from tests.canisters.installation import ok
from tests.canisters.upgrade.on_replica import OnReplica
from tests.canisters.upgrade.recorded import candid, lost, plain, recorded, versions
from tests.fixtures.stable.record import PAGE, content_of, file_of
from tests.security.system import EXECUTORS

pytestmark = pytest.mark.replica


@pytest.fixture
def subnet() -> Iterator[Subnet]:
    opened = open_subnet()
    yield opened
    opened.engine.close()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("version", versions())
def test_all_records_are_readable_and_a_run_in_flight_goes_on(subnet: Subnet, version: str) -> None:
    fixture = recorded(version)
    found = []

    def look(world: OnReplica, name: str) -> None:
        for asked in fixture.answers:
            if asked["canister"] == name:
                answer = world.canisters[name].query(asked["method"], *candid(asked["args"]))
                found.extend(lost(asked["answer"], plain(answer), f"{name}.{asked['method']}"))

    world = OnReplica(subnet, fixture, look)
    assert not found, "\n".join(found)

    tested = [file_of(content_of(12), "out/test.wasm")]
    runs = ok(world.canisters["build_executor"].query("list_runs", None, PAGE))["items"]
    (run,) = [one["run"] for one in runs if one["source"]["sha"] == f"{12:040x}"]
    jobs = [f"{run}/test/{replica}" for replica in range(3)]
    ok(world.commit(EXECUTORS[1], jobs[1], world.commitment(jobs[1], tested)))
    # An executor of today announces what it offers before it leases.
    build_executor = world.canisters["build_executor"]
    ok(build_executor.update("announce_offer", offer(), caller=EXECUTORS[2]))
    assert world.work(EXECUTORS[2])["job"] == jobs[2]
    ok(world.commit(EXECUTORS[2], jobs[2], world.commitment(jobs[2], tested)))
    world.run_until_idle()
    for executor, job in zip(EXECUTORS, jobs, strict=True):
        ok(world.reveal(executor, job, tested))
    world.run_until_idle()
    assert "Succeeded" in world.run(run)["state"]
