"""The five compiled canisters on a PocketIC server, where time can be made to pass."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ic.principal import Principal

from dcanary.client.system import CANISTERS
from dcanary.testing.native import NativeNetwork, user_principal
from shared.rules.digests import commitment, manifest_digest
from tests.built import built_canister
from tests.canisters.build_executor.helpers.specs import offer
from tests.canisters.installation import (
    CANISTERS as SOURCES,
)
from tests.canisters.installation import (
    OWNER,
    SECRET,
    delivery_headers,
    ok,
    push_payload,
)
from tests.canisters.pocket import ANONYMOUS, Pocket, PocketCanister

APPROVER = user_principal(60)
APPROVAL_SECONDS = 3_600
ENVIRONMENT = "e" * 64
PATH = "build/app.wasm"
UNMEASURED: dict[str, Any] = {
    "reused": None,
    "cpu_ns": None,
    "storage_bytes": None,
    "fetched_bytes": None,
    "log_sha256": None,
    "log_total": None,
}
ALL_RUNTIMES: dict[str, Any] = {"holds": [], "room": None}
QUEUE_SECONDS = 1_800


def executor(number: int) -> Any:
    return user_principal(70 + number)


class Installed:
    """The whole system, one repository `demo`, and three executors of three operators that the
    test plays."""

    def __init__(self) -> None:
        self.pocket = Pocket(OWNER)
        native = NativeNetwork()
        self.canisters: dict[str, PocketCanister] = {}
        for name in CANISTERS:
            self.pocket._be(OWNER)
            made = self.pocket.pic.create_canister()
            canister = made if isinstance(made, Principal) else Principal.from_str(str(made))
            module = built_canister(SOURCES / name, name).wasm_gz
            twin = native.install(SOURCES / name / "main.py")
            self.canisters[name] = PocketCanister(self.pocket, canister, twin, module)
            self.canisters[name].put("install")
        siblings = {name: canister.id for name, canister in self.canisters.items()}
        for name in CANISTERS:
            self.ask(name, "wire", siblings)
        self._register()

    def _register(self) -> None:
        self.ask(
            "webhook",
            "register_repository",
            {
                "repository": "demo",
                "provider": {"GitHub": None},
                "clone_url": "https://example.org/demo.git",
                "secret": SECRET,
            },
        )
        resources = {
            "memory_bytes": 1 << 28,
            "storage_bytes": 1 << 28,
            "output_bytes": 1 << 20,
            "processes": 64,
            "timeout_seconds": 60,
            "network": False,
        }
        stage = {
            "name": "build",
            "runtime": {"Shell": None},
            "commands": ["make"],
            "depends_on": [],
            "environment": [],
            "resources": resources,
            "artifacts": [PATH],
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
        deploy = {
            "target": "demo",
            "stage": "build",
            "artifact": PATH,
            "mode": {"Auto": None},
            "memory": {"Default": None},
            "install_arg": b"",
            "upgrade_arg": b"",
            "depends_on": None,
            "install_references": None,
            "upgrade_references": None,
            "assets": None,
        }
        policy = {"approvers": [APPROVER], "threshold": 1, "ttl_seconds": APPROVAL_SECONDS}
        pipeline = {
            "name": "demo",
            "repository": "demo",
            "triggers": [{"Push": ["main"]}],
            "environment": [],
            "stages": [stage],
            "gates": [],
            "approval": policy,
            "deploy": deploy,
            "queue_seconds": QUEUE_SECONDS,
            "deploys": None,
            "priority": None,
            "template": None,
        }
        self.ask("pipeline_config", "register_pipeline", pipeline)
        target = {"target": "demo", "repository": "demo", "network": "local", "canister": None}
        self.ask("deployment", "register_target", {**target, "controllers": [], "cycles": 0})
        for number in range(3):
            value = {"executor": executor(number), "operator": f"op{number}"}
            self.ask(
                "build_executor", "register_executor", {**value, "runtimes": [{"Shell": None}]}
            )
            self.ask("build_executor", "announce_offer", offer(), caller=executor(number))
        self.pocket.run(2)

    def ask(self, canister: str, method: str, *args: Any, caller: Any = OWNER) -> Any:
        """The Ok of an update."""
        return ok(self.canisters[canister].update(method, *args, caller=caller))

    def refused(self, canister: str, method: str, *args: Any, caller: Any) -> tuple[str, str]:
        """Kind and sentence of an update's error."""
        answer = self.canisters[canister].update(method, *args, caller=caller)
        assert "Err" in answer, answer
        ((kind, sentence),) = answer["Err"].items()
        return kind, sentence

    def query(self, canister: str, method: str, *args: Any) -> Any:
        return ok(self.canisters[canister].query(method, *args))

    def push(self, delivery: str) -> str:
        """A signed delivery; the run, queued."""
        # A body counts once, whatever the delivery is called.
        body = push_payload(sha=hashlib.sha1(delivery.encode()).hexdigest())
        request = {
            "method": "POST",
            "url": "/webhook/github/demo",
            "headers": delivery_headers(body, delivery),
            "body": body,
            "certificate_version": None,
        }
        answer = self.canisters["webhook"].update("http_request_update", request, caller=ANONYMOUS)
        assert answer["status_code"] == 202, answer
        self.pocket.run(1)
        return str(json.loads(answer["body"])["run"])

    def lease(self, number: int) -> dict[str, Any]:
        work = self.ask("build_executor", "lease_work", ALL_RUNTIMES, caller=executor(number))
        return dict(work["Build"])

    def attestation(self, job: str, content: bytes) -> dict[str, Any]:
        run, stage, _ = job.split("/")
        sha256 = hashlib.sha256(content).hexdigest()
        return {
            "job": job,
            "run": run,
            "stage": stage,
            "outcome": {"Succeeded": None},
            "environment": ENVIRONMENT,
            "files": [{"path": PATH, "size": len(content), "sha256": sha256}],
            "nonce": b"\x07" * 32,
            "commit": None,
            "tests": None,
        }

    def commit(self, number: int, work: dict[str, Any], content: bytes) -> dict[str, Any]:
        """Commit to an artifact of that content; the reveal that fits."""
        reveal = self.attestation(work["job"], content)
        files = [(each["path"], each["size"], each["sha256"]) for each in reveal["files"]]
        sealed = commitment(
            work["job"], "succeeded", ENVIRONMENT, manifest_digest(files), "", reveal["nonce"]
        )
        value = {"job": work["job"], "attempt": work["attempt"], "commitment": sealed}
        value = {**value, "wall_ns": 1, "peak_memory_bytes": 1, **UNMEASURED}
        self.ask("build_executor", "submit_commitment", value, caller=executor(number))
        self.pocket.run(1)
        return reveal

    def reveal(self, number: int, reveal: dict[str, Any]) -> None:
        self.ask("verification", "reveal", reveal, caller=executor(number))
        self.pocket.run(1)

    def upload(self, number: int, reveal: dict[str, Any], content: bytes) -> None:
        """Bring the agreed bytes, which fit one chunk."""
        wanted = {**ALL_RUNTIMES, "holds": [reveal["job"]]}
        work = self.ask("build_executor", "lease_work", wanted, caller=executor(number))
        assert [file["path"] for file in work["Upload"]["files"]] == [PATH]
        place = {"run": reveal["run"], "stage": reveal["stage"], "path": PATH}
        chunk = {**place, "index": 0, "content": content}
        self.ask("build_executor", "upload_chunk", chunk, caller=executor(number))
        self.ask(
            "build_executor",
            "finish_upload",
            reveal["run"],
            reveal["stage"],
            PATH,
            caller=executor(number),
        )
        self.pocket.run(1)
