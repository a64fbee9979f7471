"""The real canister, run natively, next to doubles of verification and webhook."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from dcanary.testing.native import NativeNetwork, user_principal
from tests.canisters.build_executor.helpers.specs import offer, verdict
from tests.canisters.installation import DOUBLES

ROOT = Path(__file__).resolve().parents[4]
CANISTERS = ROOT / "canisters"

OWNER = user_principal(1)
STRANGER = user_principal(2)
PIPELINES = user_principal(3)
A, B, C = (user_principal(10 + number) for number in range(3))
ANONYMOUS = "2vxsx-fae"
OK = {"Ok": None}
COMMITMENT = hashlib.sha256(b"an attestation").digest()


class Installed:
    """`canister` is wired; PIPELINES stands for pipeline_config; A, B, C are executors of three
    operators."""

    def __init__(self, wired: bool = True) -> None:
        self.network = NativeNetwork()
        self.canister = self.network.install(CANISTERS / "build_executor" / "main.py", caller=OWNER)
        self.verification = self.network.install(DOUBLES / "verification.py", caller=OWNER)
        self.webhook = self.network.install(DOUBLES / "webhook.py", caller=OWNER)
        self.siblings = {
            "webhook": self.webhook.id,
            "pipeline_config": PIPELINES,
            "build_executor": self.canister.id,
            "verification": self.verification.id,
            "deployment": user_principal(101),
        }
        if wired:
            assert self.canister.update("wire", self.siblings, caller=OWNER) == OK
            for number, executor in enumerate((A, B, C)):
                self.register(executor, f"operator-{number}")

    def register(self, executor: Any, operator: str) -> Any:
        """Register an executor, which then announces its offer."""
        value = {"executor": executor, "operator": operator, "runtimes": [{"Shell": None}]}
        answer = self.canister.update("register_executor", value, caller=OWNER)
        assert self.canister.update("announce_offer", offer(), caller=executor) == OK
        return answer

    def enqueue(self, wanted: Any) -> None:
        assert self.canister.update("enqueue_run", wanted, caller=PIPELINES) == OK
        self.run_until_idle()

    def run_until_idle(self) -> None:
        """Let the timers that are due now run, until no message between canisters is pending."""
        self.network.advance(0)

    def lease(self, executor: Any, *holds: str) -> Any:
        """The work or None; has_work must have said the same."""
        request = {"holds": list(holds), "room": None}
        expected = self.canister.query("has_work", request, caller=executor)
        result = self.canister.update("lease_work", request, caller=executor)
        assert expected == (result["Ok"] is not None)
        return result["Ok"]

    def commit(self, executor: Any, job: str, attempt: int = 1) -> Any:
        value = {
            "job": job,
            "attempt": attempt,
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
        return self.canister.update("submit_commitment", value, caller=executor)

    def beat(self, executor: Any, job: str, offset: int = 0, log: bytes = b"") -> Any:
        value = {"job": job, "attempt": 1, "offset": offset, "log": log, "phase": None}
        return self.canister.update("heartbeat", value, caller=executor)

    def all_commit(self) -> list[str]:
        jobs = []
        for executor in (A, B, C):
            work = self.lease(executor)["Build"]
            assert self.commit(executor, work["job"], work["attempt"]) == OK
            jobs.append(work["job"])
        self.run_until_idle()
        return jobs

    def decide(
        self, kind: str, files: Any = (), jobs: Any = (), stage: str = "build", reason: str = "so"
    ) -> Any:
        notice = {
            "run": "run-1",
            "stage": stage,
            "verdict": verdict(kind, list(files), list(jobs), reason),
        }
        answer = self.canister.update("record_verdict", notice, caller=self.verification.id)
        self.run_until_idle()
        return answer

    def upload(self, executor: Any, path: str, content: bytes, index: int = 0) -> Any:
        value = {
            "run": "run-1",
            "stage": "build",
            "path": path,
            "index": index,
            "content": content,
        }
        return self.canister.update("upload_chunk", value, caller=executor)

    def finish(self, executor: Any, path: str) -> Any:
        answer = self.canister.update("finish_upload", "run-1", "build", path, caller=executor)
        self.run_until_idle()
        return answer

    def run(self, run: str = "run-1") -> Any:
        return self.canister.query("get_run", run)["Ok"]

    def answer_with(self, method: str, kind: str) -> None:
        self.verification.update("answer_with", method, kind, caller=OWNER)

    def noted(self) -> list[str]:
        noted: list[str] = self.verification.query("noted")
        return noted

    def interrupted_send(self) -> None:
        """Fire timers until the canister's next call has been executed by the double, then
        upgrade the canister before the answer reaches it: the reply is lost."""
        before = len(self.noted())
        while len(self.noted()) == before:
            if not self.network.step():
                self.network.time_ns = max(self.network.time_ns, self.canister.timer_ns)
                self.canister.fire_timer()
        self.canister.upgrade()
        self.network.run()
