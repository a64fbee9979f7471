"""A chain for the executor's tests: the real `build_executor` and `verification`, run natively.

Executors talk to them by Candid, as to any network. Tests stand in for `pipeline_config`, which
hands runs over, and read what became of them by the canisters' own queries.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, cast

from dcanary.client.calls.build_executor import BuildExecutor
from dcanary.client.chain import SystemChain
from dcanary.client.errors import NetworkError, RefusedError
from dcanary.client.system import System, SystemConfig
from dcanary.client.transport import NetworkAddress
from dcanary.client.types.build_executor import ExecutorOffer, Job, RunSpec
from dcanary.client.types.verification import Verdict, Vote
from dcanary.executor.attestation import Attestation
from dcanary.executor.manifest import ManifestFile
from dcanary.testing.native import Principal, user_principal
from shared.rules.limits import LEASE_NS, MAX_CHUNK_BYTES, MAX_PAGE_ITEMS, SECOND_NS
from tests.canisters.installation import CANISTERS, DOUBLES
from tests.executor.native import NativeConnection, RunningNetwork

OWNER = user_principal(1)
PIPELINE_CONFIG = user_principal(2)
LEASE_SECONDS = LEASE_NS / SECOND_NS
"""How long a lease lasts without a heartbeat."""
LONGEST_PAUSE = 1.25
"""The canister makes a pause longer or shorter by chance, by a quarter at most."""


class NativeChain:
    """The two canisters, a double that hears of their runs, and what has been asked of them.

    `before_call` is called with the name of each call of an executor, and may raise. `calls` are
    the names of those that were sent.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self.network = RunningNetwork()
        self.network.speed = speed
        native = self.network.native
        installed = {
            name: native.install(CANISTERS / name / "main.py", caller=OWNER)
            for name in ("build_executor", "verification")
        }
        reports = native.install(DOUBLES / "webhook.py", caller=OWNER)
        self.canisters = {
            "webhook": reports.id.to_str(),
            "pipeline_config": PIPELINE_CONFIG.to_str(),
            "build_executor": installed["build_executor"].id.to_str(),
            "verification": installed["verification"].id.to_str(),
            "deployment": user_principal(4).to_str(),
        }
        self.owner = self.system(OWNER)
        for name in installed:
            self.owner.actor(name).wire(self.owner.config.siblings)
        self.calls: list[str] = []
        self.unreachable = False
        self.before_call: Callable[[str], None] = lambda call: None
        self._executors: dict[str, Principal] = {}

    def system(
        self, sender: Principal, before: Callable[[str], None] = lambda method: None
    ) -> System:
        return NativeSystem(self, sender, before)

    def advance(self, seconds: float) -> None:
        """Let time pass for the canisters."""
        self.network.advance(seconds)

    # -- runs ------------------------------------------------------------------------------------

    def add_stage(
        self,
        run: str,
        stage: dict[str, Any],
        source: dict[str, Any],
        inputs: Sequence[tuple[str, str, bytes]] = (),
    ) -> None:
        """Queue a run of this stage. `inputs` are (stage, path, content) of stages before it, which
        are built and stored when this returns."""
        before: dict[str, dict[str, bytes]] = {}
        for name, path, content in inputs:
            before.setdefault(name, {})[path] = content
        earlier = [
            {**stage, "name": name, "artifacts": list(files), "replicas": 1, "quorum": 1}
            for name, files in before.items()
        ]
        stages = [*earlier, {**stage, "depends_on": [*stage["depends_on"], *before]}]
        self.add_run(run, stages, source)
        for files in before.values():
            self._store(run, files)

    def add_run(self, run: str, stages: Sequence[dict[str, Any]], source: dict[str, Any]) -> None:
        """Queue a run of these stages."""
        pipeline_config = BuildExecutor(
            NativeConnection(self.network, PIPELINE_CONFIG), self.canisters["build_executor"]
        )
        pipeline_config.enqueue_run(cast(RunSpec, run_spec(run, stages, source)))

    def _store(self, run: str, files: dict[str, bytes]) -> None:
        """Build the oldest open stage by an executor that knows the result."""
        chain = SystemChain(self.system(self.register("earlier")))
        chain.announce_offer(offer())
        work = chain.lease_work({"holds": [], "room": None})
        assert work is not None and "Build" in work, work
        job, stage = work["Build"]["job"], work["Build"]["stage"]["name"]
        manifest = tuple(
            ManifestFile(path, len(content), hashlib.sha256(content).hexdigest())
            for path, content in files.items()
        )
        given = Attestation(job, "", "0" * 64, manifest)
        chain.submit_commitment(
            {
                "job": job,
                "attempt": 1,
                "commitment": given.commitment(),
                "wall_ns": 1,
                "peak_memory_bytes": 1,
                "reused": None,
                "cpu_ns": None,
                "storage_bytes": None,
                "fetched_bytes": None,
                "log_sha256": None,
                "log_total": None,
            }
        )
        chain.reveal(
            {
                "job": job,
                "run": run,
                "stage": stage,
                "outcome": {"Succeeded": None},
                "environment": given.environment,
                "files": [{"path": f.path, "size": f.size, "sha256": f.sha256} for f in manifest],
                "nonce": given.nonce,
                "commit": None,
                "tests": None,
            }
        )
        upload = chain.lease_work({"holds": [job], "room": None})
        assert upload is not None and "Upload" in upload, upload
        for path, content in files.items():
            for index in range(0, len(content), MAX_CHUNK_BYTES):
                chain.upload_chunk(
                    {
                        "run": run,
                        "stage": stage,
                        "path": path,
                        "index": index // MAX_CHUNK_BYTES,
                        "content": content[index : index + MAX_CHUNK_BYTES],
                    }
                )
            chain.finish_upload(run, stage, path)

    def cancel(self, run: str) -> None:
        self.owner.build_executor.cancel_run(run)

    # -- executors -------------------------------------------------------------------------------

    def register(self, name: str) -> Principal:
        """The key of an executor whose operator has the same name; registered when it is new."""
        found = self._executors.get(name)
        if found is None:
            found = self._executors[name] = user_principal(100 + len(self._executors))
            self.owner.build_executor.register_executor(
                {"executor": found.to_str(), "operator": name, "runtimes": [{"Shell": None}]}
            )
        return found

    def disable(self, name: str) -> None:
        """Take an executor's leases away, and give it no others."""
        self.owner.build_executor.set_executor_enabled(self.register(name).to_str(), False)

    def offer_of(self, name: str) -> ExecutorOffer:
        """What an executor has announced."""
        wanted = self.register(name).to_str()
        listed = self.owner.build_executor.list_executors({"cursor": None, "limit": MAX_PAGE_ITEMS})
        (found,) = (each for each in listed["items"] if each["executor"] == wanted)
        assert found["offer"] is not None
        return found["offer"]

    def view(self, name: str) -> "ExecutorsChain":
        """The chain as one executor sees it."""
        return ExecutorsChain(self, name)

    def sent(self, call: str) -> None:
        """An executor makes a call."""
        self.before_call(call)
        self.calls.append(call)
        if self.unreachable:
            raise NetworkError("the network does not answer")

    # -- what became of it -----------------------------------------------------------------------

    def job(self, name: str) -> Job:
        run = name.partition("/")[0]
        listed = self.owner.build_executor.list_jobs(run, {"cursor": None, "limit": MAX_PAGE_ITEMS})
        (found,) = (each for each in listed["items"] if each["job"] == name)
        return found

    def is_committed(self, name: str) -> bool:
        return "Committed" in self.job(name)["state"]

    def causes(self, name: str) -> list[str]:
        """Why the latest leases of a job ended without a commitment, oldest first."""
        return [failure["cause"] for failure in self.job(name)["failures"]]

    def reasons(self, name: str) -> list[str]:
        return [failure["reason"] for failure in self.job(name)["failures"]]

    def log(self, name: str) -> bytes:
        content = b""
        while True:
            piece = self.owner.build_executor.get_log(name, len(content))
            content += piece["content"]
            if len(content) >= piece["total"]:
                return content

    def votes(self, run: str = "run-1", stage: str = "build") -> list[Vote]:
        """None before the round is open."""
        try:
            return self.owner.verification.get_round(run, stage)["votes"]
        except RefusedError as error:
            assert error.kind == "NotFound"
            return []

    def is_revealed(self, name: str) -> bool:
        run, stage, _ = name.split("/")
        votes = self.votes(run, stage)
        return any(vote["job"] == name and vote["revealed_ns"] is not None for vote in votes)

    def verdict(self, run: str = "run-1", stage: str = "build") -> Verdict | None:
        try:
            return self.owner.verification.get_round(run, stage)["verdict"]
        except RefusedError as error:
            assert error.kind == "NotFound"
            return None

    def stored(self, run: str = "run-1", stage: str = "build") -> dict[str, bytes]:
        """The artifacts whose bytes the canister has and has checked."""
        listed = self.owner.build_executor.get_run(run)["stages"]
        (found,) = (each for each in listed if each["name"] == stage)
        sizes = {file["path"]: file["size"] for file in found["files"]}
        return {path: self._read(run, stage, path, sizes[path]) for path in found["stored"]}

    def _read(self, run: str, stage: str, path: str, size: int) -> bytes:
        content = b""
        while len(content) < size:
            index = len(content) // MAX_CHUNK_BYTES
            content += self.owner.build_executor.read_chunk(
                {"run": run, "stage": stage, "path": path, "index": index}
            )
        return content


class NativeSystem(System):
    """The canisters of a NativeChain, called by one key."""

    def __init__(
        self, chain: NativeChain, sender: Principal, before: Callable[[str], None]
    ) -> None:
        self.config = SystemConfig(NetworkAddress("http://native", b""), chain.canisters)
        self.connection = NativeConnection(chain.network, sender, before)


class ExecutorsChain(SystemChain):
    """One executor's calls. Threads share it, so that what a test changes in it holds for all."""

    def __init__(self, chain: NativeChain, name: str) -> None:
        super().__init__(chain.system(chain.register(name), chain.sent))

    def another(self) -> "ExecutorsChain":
        return self


def offer(slots: int = 1) -> ExecutorOffer:
    """What an executor with plenty of everything offers."""
    return {
        "runtimes": [{"Shell": None}],
        "images": [],
        "memory_bytes": 1 << 40,
        "storage_bytes": 1 << 40,
        "cpus": 8,
        "slots": slots,
        "network": True,
        "region": "",
        "labels": [],
        "files_in_memory": False,
        "secret_key": None,
        "builds_locks": None,
        "leaving": None,
    }


def run_spec(run: str, stages: Sequence[dict[str, Any]], source: dict[str, Any]) -> dict[str, Any]:
    """A RunSpec as `pipeline_config` makes it, of a pipeline that deploys nothing."""
    return {
        "run": run,
        "delivery": f"delivery of {run}",
        "source": source,
        "pipeline_version": 1,
        "pipeline": {
            "name": "main",
            "repository": source["repository"],
            "triggers": [],
            "environment": [],
            "stages": list(stages),
            "gates": [],
            "approval": {"approvers": [], "threshold": 1, "ttl_seconds": 3_600},
            "deploy": None,
            "queue_seconds": None,
            "deploys": None,
            "priority": None,
            "template": None,
        },
        "started_by": None,
        "pull_request": None,
    }
