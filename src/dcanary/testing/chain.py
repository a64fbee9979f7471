"""A chain in memory, for tests of executors: the rules of leases, rounds and uploads, no network.

It follows the contract of `build_executor` and `verification` as far as an executor can see it:
who holds a lease, when a round asks for reveals, which reveal matches, who agrees, what is stored.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from dcanary.client.errors import NetworkError, RefusedError
from dcanary.executor.attestation import Attestation, CommitDescription, manifest_digest
from dcanary.executor.manifest import ManifestFile

SECOND_NS = 1_000_000_000


@dataclass
class _Job:
    name: str
    attempt: int = 1
    executor: str = ""
    lease_until: float = 0.0
    commitment: bytes = b""
    reveal: dict[str, Any] | None = None
    log: bytes = b""
    released: list[str] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)


@dataclass
class _Stage:
    run: str
    definition: dict[str, Any]
    source: dict[str, Any]
    inputs: list[dict[str, Any]]
    jobs: list[_Job]
    verdict: dict[str, Any] | None = None
    cancelled: bool = False
    reveal_asked: bool = False
    uploader: str = ""
    upload_until: float = 0.0
    chunks: dict[tuple[str, int], bytes] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.definition["name"])

    @property
    def phase(self) -> str:
        if self.verdict is not None:
            return "Closed"
        all_committed = all(job.commitment for job in self.jobs)
        return "Reveal" if self.reveal_asked or all_committed else "Commit"


class MemoryChain:
    """All stages of all runs. `now` gives seconds; leases last `lease_seconds`.

    `before_call` is called with the name of each call, outside of the chain's lock, and may raise.
    """

    def __init__(
        self, lease_seconds: float = 30.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.lease_seconds, self.now = lease_seconds, now
        self.stages: dict[tuple[str, str], _Stage] = {}
        self.calls: list[str] = []
        self.offers: dict[str, dict[str, Any]] = {}
        self.phases: list[str] = []
        self.unreachable = False
        self.before_call: Callable[[str], None] = lambda call: None
        self.lock = threading.Lock()

    def add_stage(
        self,
        run: str,
        stage: dict[str, Any],
        source: dict[str, Any],
        inputs: Sequence[tuple[str, str, bytes]] = (),
    ) -> None:
        """Queue a stage (a Stage record). `inputs` are (stage, path, content) of earlier ones."""
        files = []
        for earlier, path, content in inputs:
            sha256 = hashlib.sha256(content).hexdigest()
            file = {"path": path, "size": len(content), "sha256": sha256}
            files.append({"stage": earlier, "file": file})
            before = self.stages.setdefault(
                (run, earlier), _Stage(run, {"name": earlier}, source, [], [])
            )
            before.stored[path] = content
        jobs = [_Job(f"{run}/{stage['name']}/{number}") for number in range(stage["replicas"])]
        self.stages[run, stage["name"]] = _Stage(run, stage, source, files, jobs)

    def view(self, executor: str, operator: str = "") -> "MemoryChainView":
        """The chain as one executor sees it. `operator` defaults to the executor's own name."""
        return MemoryChainView(self, executor, operator or executor)

    def job(self, name: str) -> _Job:
        run, stage, number = name.rsplit("/", 2)
        found = self.stages.get((run, stage))
        if found is None or not number.isdigit() or int(number) >= len(found.jobs):
            raise RefusedError("NotFound", f"there is no job {name}", "memory")
        return found.jobs[int(number)]

    def stage_of(self, name: str) -> _Stage:
        run, stage, _ = name.rsplit("/", 2)
        return self.stages[run, stage]

    def ask_reveals(self, run: str, stage: str) -> None:
        """Close the commit phase, as its deadline does."""
        self.stages[run, stage].reveal_asked = True

    def decide(self, run: str, stage: str) -> dict[str, Any]:
        """Close the reveal phase, as its deadline does; returns the verdict."""
        found = self.stages[run, stage]
        groups: dict[tuple[bool, str, str], list[_Job]] = {}
        for job in found.jobs:
            if job.reveal is not None:
                files = _files(job.reveal["files"])
                succeeded = "Succeeded" in job.reveal["outcome"]
                key = (succeeded, manifest_digest(files), job.reveal["environment"])
                groups.setdefault(key, []).append(job)
        best = max(groups.items(), key=lambda item: len(item[1]), default=None)
        verdict: dict[str, Any] = {"kind": {"Inconclusive": None}, "jobs": [], "files": []}
        if best is not None and len(best[1]) >= found.definition["quorum"]:
            (succeeded, _, _), agreeing = best
            first = agreeing[0].reveal or {}
            verdict["kind"] = {"Agreed" if succeeded else "Failed": None}
            verdict["jobs"] = [job.name for job in agreeing] if succeeded else []
            verdict["files"] = first["files"] if succeeded else []
            reason = first["outcome"].get("Failed")
        else:
            everyone = all(job.reveal is not None for job in found.jobs)
            verdict["kind"] = {"Disagreed" if everyone else "Inconclusive": None}
            reason = None
        found.verdict = {**verdict, "reason": reason or ""}
        return found.verdict


class MemoryChainView:
    """One executor's calls. Satisfies `dcanary.executor.chain.Chain`."""

    def __init__(self, chain: MemoryChain, executor: str, operator: str) -> None:
        self._chain, self._executor, self._operator = chain, executor, operator
        self._offered: set[str] | None = None
        self._slots = 1

    def another(self) -> "MemoryChainView":
        """Itself: every call holds the chain's lock."""
        return self

    def close(self) -> None:
        """Nothing is held."""

    def has_work(self, request: dict[str, Any]) -> bool:
        with self._entered("has_work"):
            return self._choose(request) is not None

    def lease_work(self, request: dict[str, Any]) -> dict[str, Any] | None:
        with self._entered("lease_work"):
            chosen = self._choose(request)
            if chosen is None:
                return None
            stage, job = chosen
            until = self._chain.now() + self._chain.lease_seconds
            if stage.verdict is not None:
                stage.uploader, stage.upload_until = self._executor, until
                missing = [f for f in stage.verdict["files"] if f["path"] not in stage.stored]
                work = {"run": stage.run, "stage": stage.name, "job": job.name, "files": missing}
                return {"Upload": {**work, "lease_until_ns": int(until * SECOND_NS)}}
            if job.executor:
                job.attempt += 1
            job.executor, job.lease_until = self._executor, until
            return {"Build": self._build_work(stage, job)}

    def heartbeat(self, beat: dict[str, Any]) -> dict[str, Any]:
        with self._entered("heartbeat"):
            job = self._leased(beat["job"], beat["attempt"])
            if beat["phase"] is not None and self._chain.phases[-1:] != [beat["phase"]]:
                self._chain.phases.append(beat["phase"])
            if beat["offset"] > len(job.log):
                raise RefusedError("Conflict", "the log would have a gap", "memory")
            job.log += beat["log"][len(job.log) - beat["offset"] :]
            job.lease_until = self._chain.now() + self._chain.lease_seconds
            cancelled = self._chain.stage_of(job.name).cancelled
            return {"until_ns": int(job.lease_until * SECOND_NS), "cancelled": cancelled}

    def announce_offer(self, offer: dict[str, Any]) -> None:
        with self._entered("announce_offer"):
            self._offered = {next(iter(each)) for each in offer["runtimes"]}
            self._slots = int(offer["slots"])
            self._chain.offers[self._executor] = offer

    def release_work(self, given: dict[str, Any]) -> None:
        with self._entered("release_work"):
            held = self._leased(given["job"], given["attempt"])
            held.released.append(given["reason"])
            held.causes.append(next(iter(given["cause"])))
            held.executor, held.lease_until = "", 0.0
            held.attempt += 1

    def submit_commitment(self, commitment: dict[str, Any]) -> None:
        with self._entered("submit_commitment"):
            job = self._chain.job(commitment["job"])
            if job.commitment:
                if job.executor == self._executor and job.commitment == commitment["commitment"]:
                    return
                raise RefusedError("Conflict", "committed already", "memory")
            self._leased(commitment["job"], commitment["attempt"])
            job.commitment = commitment["commitment"]

    def get_round(self, run: str, stage: str) -> dict[str, Any]:
        with self._entered("get_round"):
            found = self._chain.stages.get((run, stage))
            if found is None:
                raise RefusedError("NotFound", f"there is no round {run}/{stage}", "memory")
            votes = [
                {"job": job.name, "executor": job.executor} for job in found.jobs if job.commitment
            ]
            return {"phase": {found.phase: None}, "votes": votes, "verdict": found.verdict}

    def reveal(self, attestation: dict[str, Any]) -> None:
        with self._entered("reveal"):
            job = self._chain.job(attestation["job"])
            stage = self._chain.stage_of(job.name)
            if job.executor != self._executor:
                raise RefusedError("Denied", "committed by another executor", "memory")
            if stage.phase != "Reveal":
                raise RefusedError("Conflict", f"the phase is {stage.phase}", "memory")
            described = attestation["commit"]
            given = Attestation(
                job.name,
                attestation["outcome"].get("Failed", ""),
                attestation["environment"],
                _files(attestation["files"]),
                attestation["nonce"],
                None if described is None else CommitDescription(**described),
            )
            if given.commitment() != job.commitment:
                raise RefusedError("Invalid", "does not match its commitment", "memory")
            job.reveal = attestation
            if all(each.reveal is not None for each in stage.jobs if each.commitment):
                self._chain.decide(stage.run, stage.name)

    def upload_chunk(self, chunk: dict[str, Any]) -> None:
        with self._entered("upload_chunk"):
            stage = self._uploading(chunk["run"], chunk["stage"])
            stage.chunks[chunk["path"], chunk["index"]] = chunk["content"]

    def finish_upload(self, run: str, stage: str, path: str) -> None:
        with self._entered("finish_upload"):
            found = self._uploading(run, stage)
            assert found.verdict is not None
            (file,) = (each for each in found.verdict["files"] if each["path"] == path)
            keys = sorted(key for key in found.chunks if key[0] == path)
            content = b"".join(found.chunks[key] for key in keys)
            if hashlib.sha256(content).hexdigest() != file["sha256"]:
                raise RefusedError("Invalid", f"{path} is not the agreed file", "memory")
            found.stored[path] = content

    def read_chunk(self, request: dict[str, Any]) -> bytes:
        with self._entered("read_chunk"):
            content = self._chain.stages[request["run"], request["stage"]].stored[request["path"]]
            start = request["index"] * 1_000_000
            return content[start : start + 1_000_000]

    def _entered(self, call: str) -> threading.Lock:
        self._chain.before_call(call)
        self._chain.calls.append(call)
        if self._chain.unreachable:
            raise NetworkError("the network does not answer")
        return self._chain.lock

    def _choose(self, request: dict[str, Any]) -> tuple[_Stage, _Job] | None:
        now = self._chain.now()
        for stage in self._chain.stages.values():
            if stage.verdict is not None:
                agreed = [job for job in stage.jobs if job.name in stage.verdict["jobs"]]
                missing = len(stage.stored) < len(stage.verdict["files"])
                for job in agreed:
                    free = missing and stage.upload_until <= now
                    if free and job.executor == self._executor and job.name in request["holds"]:
                        return stage, job
                continue
            runtime = next(iter(stage.definition.get("runtime", {"": None})))
            if not stage.jobs or (self._offered is not None and runtime not in self._offered):
                continue
            mine = [job for job in stage.jobs if job.executor == self._executor]
            if any(job.commitment or job.lease_until > now for job in mine):
                continue
            for job in stage.jobs:
                if not job.commitment and job.lease_until <= now:
                    return stage, job
        return None

    def _build_work(self, stage: _Stage, job: _Job) -> dict[str, Any]:
        return {
            "job": job.name,
            "run": stage.run,
            "attempt": job.attempt,
            "stage": stage.definition,
            "environment": stage.definition["environment"],
            "source": stage.source,
            "inputs": stage.inputs,
            "lease_until_ns": int(job.lease_until * SECOND_NS),
        }

    def _leased(self, name: str, attempt: int) -> _Job:
        job = self._chain.job(name)
        if job.executor != self._executor or job.commitment:
            raise RefusedError("Denied", f"you do not hold the lease of {name}", "memory")
        if job.attempt != attempt or job.lease_until <= self._chain.now():
            raise RefusedError("Conflict", f"the lease of {name} is over", "memory")
        return job

    def _uploading(self, run: str, stage: str) -> _Stage:
        found = self._chain.stages[run, stage]
        if found.uploader != self._executor or found.upload_until <= self._chain.now():
            raise RefusedError("Denied", "you do not hold the upload lease", "memory")
        return found


def _files(files: list[dict[str, Any]]) -> tuple[ManifestFile, ...]:
    return tuple(ManifestFile(file["path"], file["size"], file["sha256"]) for file in files)
