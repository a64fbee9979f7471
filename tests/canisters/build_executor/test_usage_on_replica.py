"""What jobs used, on the compiled canister: recorded, summed by day, kept by an upgrade."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dcanary.testing.native import user_principal
from tests.built import built_canister
from tests.canisters.build_executor.helpers.specs import offer, spec, stage
from tests.canisters.deployment.replica_subnet import OWNER, ROOT, Subnet, open_subnet
from tests.canisters.installation import DOUBLES

pytestmark = pytest.mark.replica

PIPELINES, ALICE, BOB = (user_principal(number) for number in (70, 71, 72))
MAIN = ROOT / "canisters" / "build_executor" / "main.py"
MOST = 2**64 - 1
USED = {
    "wall_ns": 4_000_000_000,
    "peak_memory_bytes": 1 << 28,
    "cpu_ns": 6_000_000_000,
    "storage_bytes": 1 << 20,
    "fetched_bytes": 12_345,
}
PAGE = {"cursor": None, "limit": 0}


@pytest.fixture
def subnet() -> Iterator[Subnet]:
    opened = open_subnet()
    yield opened
    opened.engine.close()


def test_usage_is_counted_read_and_kept_on_real_wasm(subnet: Subnet) -> None:
    canister = subnet.deploy(MAIN, "build_executor")
    verification = subnet.deploy(DOUBLES / "verification.py", "verification")
    principal = type(OWNER)
    siblings = {
        "webhook": user_principal(73),
        "pipeline_config": PIPELINES,
        "build_executor": principal(canister),
        "verification": principal(verification),
        "deployment": user_principal(74),
    }
    assert subnet.call(canister, "wire", siblings) == {"Ok": None}
    for executor, operator in ((ALICE, "alice"), (BOB, "bob")):
        value = {"executor": executor, "operator": operator, "runtimes": [{"Shell": None}]}
        assert "Ok" in subnet.call(canister, "register_executor", value)
        answer = subnet.call(canister, "announce_offer", offer(), sender=executor)
        assert answer == {"Ok": None}

    def perform(executor: Any, **said: int | None) -> str:
        leased = subnet.call(canister, "lease_work", {"holds": [], "room": None}, sender=executor)
        work = leased["Ok"]["Build"]
        log = {"log_sha256": None, "log_total": None}
        sealed = {"job": work["job"], "attempt": 1, "commitment": b"c" * 32}
        value = {**sealed, **log, **USED, **said}
        value["reused"] = None
        answer = subnet.call(canister, "submit_commitment", value, sender=executor)
        assert answer == {"Ok": None}
        return str(work["job"])

    two = stage("build", replicas=2, quorum=2)
    enqueued = subnet.call(canister, "enqueue_run", spec("run-1", two), sender=PIPELINES)
    assert enqueued == {"Ok": None}
    first = perform(ALICE)
    second = perform(BOB, cpu_ns=None, storage_bytes=MOST)

    def told() -> Any:
        listed = subnet.query(canister, "list_jobs", "run-1", PAGE)["Ok"]["items"]
        usage = {job["job"]: job["usage"] for job in listed}
        days = [
            subnet.query(canister, "list_usage", of, PAGE)["Ok"]
            for of in ({"Repository": "counter"}, {"Operator": "alice"}, {"Operator": "carol"})
        ]
        return usage, days

    usage, (repository, operator, nobody) = told()
    assert usage == {first: USED, second: {**USED, "cpu_ns": None, "storage_bytes": MOST}}
    day = operator["items"][0]["day"]
    assert 0 <= subnet.engine.now() // 86_400_000_000_000 - day <= 1
    assert operator == {"items": [{**USED, "day": day, "jobs": 1}], "next": None}
    (summed,) = repository["items"]
    assert (summed["jobs"], summed["cpu_ns"]) == (2, USED["cpu_ns"])
    assert (summed["wall_ns"], summed["fetched_bytes"]) == (8_000_000_000, 24_690)
    assert summed["storage_bytes"] < MOST
    assert nobody == {"items": [], "next": None}
    refused = subnet.query(canister, "list_usage", {"Operator": "x" * 65}, PAGE)
    assert "1 to 64" in refused["Err"]["Invalid"]

    before = told()
    subnet.install(canister, built_canister(MAIN, "build_executor").wasm_gz, "upgrade")
    assert told() == before
    later = stage("build", replicas=1, quorum=1)
    enqueued = subnet.call(canister, "enqueue_run", spec("run-2", later), sender=PIPELINES)
    assert enqueued == {"Ok": None}
    perform(ALICE)
    # It is the same day, unless midnight came between.
    days = told()[1][1]["items"]
    for name, total in (("jobs", 2), ("cpu_ns", 12_000_000_000), ("fetched_bytes", 24_690)):
        assert sum(each[name] for each in days) == total
    counted = dict(subnet.query(canister, "instructions"))
    assert counted["submit_commitment"] < 100_000_000
