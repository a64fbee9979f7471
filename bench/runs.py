"""Measures what a run costs while many others are within the same commit window.

Usage: python -m bench.runs. The real `build_executor` and `verification` run natively. Each run is
enqueued, leased by three executors, who commit to the same failure and reveal it, which ends the
run; the clock stands still, so that the time limits of all rounds lie ahead. Processor time;
medians of batches.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.figures import Ratio, ratio_of
from bench.report import ratio_lines
from dcanary.testing.native import NativeCanister, NativeNetwork, user_principal
from shared.rules.digests import commitment, manifest_digest

CANISTERS = Path(__file__).resolve().parents[1] / "canisters"
RUNS = 900
"""A cost that grows with the runs of the window, as it once did, doubles within so many."""
BATCH = 150
"""Runs at the beginning and at the end that are compared."""
OWNER, PIPELINES = user_principal(1), user_principal(2)
EXECUTORS = [user_principal(10 + number) for number in range(3)]
GIB = 1 << 30
FAILURE = "command 1 failed"
ENVIRONMENT = "e" * 64


class Burst:
    """A wired installation with three executors of three operators."""

    def __init__(self) -> None:
        self._network = NativeNetwork()
        self._runs = self._install("build_executor")
        self._rounds = self._install("verification")
        siblings = {
            "webhook": user_principal(3),
            "pipeline_config": PIPELINES,
            "build_executor": self._runs.id,
            "verification": self._rounds.id,
            "deployment": user_principal(4),
        }
        for canister in (self._runs, self._rounds):
            ok(canister.update("wire", siblings, caller=OWNER))
        for number, executor in enumerate(EXECUTORS):
            record = {
                "executor": executor,
                "operator": f"operator-{number}",
                "runtimes": [{"Shell": None}],
            }
            ok(self._runs.update("register_executor", record, caller=OWNER))
            ok(self._runs.update("announce_offer", offer_of(), caller=executor))

    def _install(self, name: str) -> NativeCanister:
        return self._network.install(CANISTERS / name / "main.py", caller=OWNER)

    def run(self, number: int) -> None:
        """Take a run from its beginning to its end."""
        name = f"run-{number}"
        ok(self._runs.update("enqueue_run", spec_of(name), caller=PIPELINES))
        self._network.advance(0)
        reveals = []
        for executor in EXECUTORS:
            work = ok(
                self._runs.update("lease_work", {"holds": [], "room": None}, caller=executor)
            )["Build"]
            reveal = _reveal(name, work["job"])
            reveals.append((executor, reveal))
            given = {
                "job": work["job"],
                "attempt": work["attempt"],
                "commitment": _commitment(reveal),
                "wall_ns": 1,
                "peak_memory_bytes": 1,
                "reused": None,
                "cpu_ns": None,
                "storage_bytes": None,
                "fetched_bytes": None,
                "log_sha256": None,
                "log_total": None,
            }
            ok(self._runs.update("submit_commitment", given, caller=executor))
        self._network.advance(0)
        for executor, reveal in reveals:
            ok(self._rounds.update("reveal", reveal, caller=executor))
        self._network.advance(0)

    def check(self, runs: int) -> None:
        """Raises AssertionError unless the last of so many runs has come to its end."""
        state = ok(self._runs.query("get_run", f"run-{runs - 1}"))["state"]
        if "Failed" not in state:
            raise AssertionError(f"the last run is {state}: the figures mean nothing")


def _reveal(run: str, job: str) -> dict[str, Any]:
    return {
        "job": job,
        "run": run,
        "stage": "build",
        "outcome": {"Failed": FAILURE},
        "environment": ENVIRONMENT,
        "files": [],
        "nonce": job.encode().ljust(32, b"\0"),
        "commit": None,
        "tests": None,
    }


def _commitment(reveal: dict[str, Any]) -> bytes:
    outcome, nothing = f"failed:{FAILURE}", manifest_digest([])
    return commitment(reveal["job"], outcome, ENVIRONMENT, nothing, "", reveal["nonce"])


def ok(answer: Any) -> Any:
    if "Ok" not in answer:
        raise AssertionError(answer)
    return answer["Ok"]


def offer_of(slots: int = 4) -> dict[str, Any]:
    return {
        "runtimes": [{"Shell": None}],
        "images": [],
        "memory_bytes": 64 * GIB,
        "storage_bytes": 64 * GIB,
        "cpus": 8,
        "slots": slots,
        "network": False,
        "region": "",
        "labels": [],
        "files_in_memory": False,
        "secret_key": None,
        "builds_locks": None,
        "leaving": None,
    }


def spec_of(run: str, repository: str = "bench") -> dict[str, Any]:
    stage = {
        "name": "build",
        "runtime": {"Shell": None},
        "commands": ["make"],
        "depends_on": [],
        "environment": [],
        "resources": {
            "memory_bytes": GIB,
            "storage_bytes": GIB,
            "output_bytes": 1 << 20,
            "processes": 64,
            "timeout_seconds": 600,
            "network": False,
        },
        "artifacts": ["out.wasm"],
        "replicas": 3,
        "quorum": 2,
        "retries": 0,
        "needs": None,
        "grace_seconds": None,
        "fetch": None,
        "keep": None,
        "secrets": None,
        "reports": None,
        "cache": None,
        "group": None,
        "parallel": None,
        "retry_causes": None,
    }
    pipeline = {
        "name": "main",
        "repository": repository,
        "triggers": [],
        "environment": [],
        "stages": [stage],
        "gates": [],
        "approval": {"approvers": [], "threshold": 1, "ttl_seconds": 3_600},
        "deploy": None,
        "queue_seconds": None,
        "deploys": None,
        "priority": None,
        "template": None,
    }
    source = {
        "repository": repository,
        "clone_url": "https://example.org/bench.git",
        "ref": "refs/heads/main",
        "sha": "a" * 40,
        "message": "Measure",
        "author": "bench",
    }
    return {
        "run": run,
        "delivery": f"delivery of {run}",
        "source": source,
        "pipeline_version": 1,
        "pipeline": pipeline,
        "started_by": None,
        "pull_request": None,
    }


def seconds_of_runs(runs: int) -> list[float]:
    """Processor seconds of each of so many runs within one commit window."""
    burst = Burst()
    seconds = []
    for number in range(runs):
        begun = time.process_time()
        burst.run(number)
        seconds.append(time.process_time() - begun)
    burst.check(runs)
    return seconds


def ratio(seconds: list[float], batch: int) -> Ratio:
    """The last runs of a burst against the first."""
    first, last = statistics.median(seconds[:batch]), statistics.median(seconds[-batch:])
    return Ratio(
        "run_in_burst",
        f"a run after {len(seconds) - batch:,} others within one commit window",
        ratio_of(last, first, "the first runs"),
        "the first ones",
        f"{last * 1000:.1f} ms to {first * 1000:.1f} ms",
    )


def measure(progress: Callable[[str], None]) -> list[Ratio]:
    """The ratio of a burst of RUNS."""
    progress(f"{RUNS:,} runs within one commit window")
    return [ratio(seconds_of_runs(RUNS), BATCH)]


def main() -> int:
    """Measure and print."""
    measured = measure(lambda text: print(f"bench: {text}", file=sys.stderr, flush=True))
    print("\n".join(ratio_lines(measured)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
