"""The largest artifact through the compiled canister: each chunk costs the same as the first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from canisters.build_executor.artifacts.hashing import HASHED_CHUNKS
from dcanary.testing.native import user_principal
from shared.rules.limits import LEASE_NS, MAX_ARTIFACT_BYTES, MAX_CHUNK_BYTES
from tests.built import built_canister
from tests.canisters.build_executor.helpers.installed import CANISTERS, COMMITMENT, OK, PIPELINES, A
from tests.canisters.build_executor.helpers.specs import offer, spec, stage, verdict
from tests.canisters.deployment.replica_subnet import OWNER, Subnet, open_subnet

pytestmark = [pytest.mark.replica, pytest.mark.timeout(900)]

MAIN = CANISTERS / "build_executor" / "main.py"
VERIFICATION = user_principal(100)
JOB = "run-1/build/0"
PATH = "large.bin"
COUNT = -(-MAX_ARTIFACT_BYTES // MAX_CHUNK_BYTES)
KILLED_AFTER = 60
SECOND = 1_000_000_000


def chunk(index: int) -> bytes:
    """Bytes of which no two chunks have the same."""
    size = min(MAX_CHUNK_BYTES, MAX_ARTIFACT_BYTES - index * MAX_CHUNK_BYTES)
    return index.to_bytes(2, "big") + bytes(size - 2)


def sha256() -> str:
    hasher = hashlib.sha256()
    for index in range(COUNT):
        hasher.update(chunk(index))
    return hasher.hexdigest()


class Uploading:
    """`canister` has a run whose stage was agreed on, with the largest file that there may be."""

    def __init__(self, subnet: Subnet) -> None:
        self.subnet = subnet
        self.canister = subnet.deploy(MAIN, "build_executor")
        siblings = {
            "webhook": user_principal(101),
            "pipeline_config": PIPELINES,
            "build_executor": type(OWNER)(self.canister),
            "verification": VERIFICATION,
            "deployment": user_principal(102),
        }
        self.call("wire", siblings, sender=OWNER)
        executor = {"executor": A, "operator": "alice", "runtimes": [{"Shell": None}]}
        assert "Ok" in self.call("register_executor", executor, sender=OWNER)
        assert self.call("announce_offer", offer()) == OK
        wanted = spec("run-1", stage("build", artifacts=[PATH], replicas=1, quorum=1))
        assert self.call("enqueue_run", wanted, sender=PIPELINES) == OK
        assert "Build" in self.lease()
        commitment = {
            "job": JOB,
            "attempt": 1,
            "commitment": COMMITMENT,
            "wall_ns": 1,
            "peak_memory_bytes": 2,
            "reused": None,
            "cpu_ns": None,
            "storage_bytes": None,
            "fetched_bytes": None,
            "log_sha256": None,
            "log_total": None,
        }
        assert self.call("submit_commitment", commitment) == OK
        file = {"path": PATH, "size": MAX_ARTIFACT_BYTES, "sha256": sha256()}
        agreed = {"run": "run-1", "stage": "build", "verdict": verdict("Agreed", [file], [JOB])}
        assert self.call("record_verdict", agreed, sender=VERIFICATION) == OK

    def call(self, method: str, *args: Any, sender: Any = A) -> Any:
        return self.subnet.call(self.canister, method, *args, sender=sender)

    def lease(self, *holds: str) -> Any:
        return self.call("lease_work", {"holds": list(holds), "room": None})["Ok"]

    def upload(self, index: int) -> int:
        """Send a chunk; the instructions that it took."""
        before = self.spent("upload_chunk")
        given = {
            "run": "run-1",
            "stage": "build",
            "path": PATH,
            "index": index,
            "content": chunk(index),
        }
        assert self.call("upload_chunk", given) == OK
        return self.spent("upload_chunk") - before

    def spent(self, method: str) -> int:
        return int(dict(self.subnet.query(self.canister, "instructions")).get(method, 0))

    def stable_bytes(self) -> int:
        return len(self.subnet.engine.stable_memory(self.canister))

    def finish(self) -> list[Any]:
        """The answers until the file is whole."""
        answers: list[Any] = []
        while not answers or "Unavailable" in answers[-1].get("Err", {}):
            answers.append(self.call("finish_upload", "run-1", "build", PATH))
        return answers

    def served(self) -> tuple[int, str]:
        """Size and sha256 of what is served over HTTP, a chunk at a time."""
        url = f"/artifacts/run-1/build/{PATH}"
        asked = {"method": "GET", "url": url, "headers": [], "body": b"", "certificate_version": 2}
        answer = self.subnet.query(self.canister, "http_request", asked)
        assert answer["status_code"] == 200
        hasher, size = hashlib.sha256(answer["body"]), len(answer["body"])
        token = answer["streaming_strategy"]["Callback"]["token"]
        while token is not None:
            piece = self.subnet.query(self.canister, "stream_file", token)
            assert len(piece["body"]) <= MAX_CHUNK_BYTES
            hasher.update(piece["body"])
            size += len(piece["body"])
            token = piece["token"]
        return size, hasher.hexdigest()


@pytest.fixture
def uploading() -> Iterator[Uploading]:
    subnet = open_subnet()
    yield Uploading(subnet)
    subnet.engine.close()


def test_the_largest_artifact_is_stored_after_a_kill_and_an_upgrade(uploading: Uploading) -> None:
    work = uploading.lease(JOB)["Upload"]
    assert work["sent"] == [0]
    begin = uploading.stable_bytes()
    costs = [uploading.upload(index) for index in range(KILLED_AFTER)]
    half = uploading.stable_bytes()

    # The executor is killed; the canister is upgraded meanwhile. Its lease ends, then the pause.
    module = built_canister(MAIN, "build_executor").wasm_gz
    uploading.subnet.install(uploading.canister, module, "upgrade")
    uploading.subnet.rounds(3, LEASE_NS // SECOND)
    work = uploading.lease(JOB)["Upload"]
    assert work["sent"] == [KILLED_AFTER]
    costs += [uploading.upload(index) for index in range(KILLED_AFTER, COUNT)]
    end = uploading.stable_bytes()

    full = costs[:-1]
    print("instructions a chunk:", min(full), max(full))
    print("stable bytes a chunk:", (half - begin) / KILLED_AFTER, (end - begin) / COUNT)
    assert max(full) < 1.2 * min(full[1:KILLED_AFTER])
    assert (end - begin) / COUNT < 1.3 * MAX_CHUNK_BYTES

    before = uploading.spent("finish_upload")
    answers = uploading.finish()
    print("instructions to finish:", uploading.spent("finish_upload") - before, len(answers))
    # The first part of the file was hashed before the upgrade, and is hashed again in steps.
    assert answers[-1] == OK
    assert len(answers) == -(-COUNT // HASHED_CHUNKS)
    assert uploading.served() == (MAX_ARTIFACT_BYTES, sha256())
