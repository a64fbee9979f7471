"""The five real canisters on one native network, and values of any Candid type."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from dcanary.candid import Interface, parse_interface
from dcanary.candid._codec import types
from dcanary.candid._parser import parse
from dcanary.client.system import CANISTERS
from dcanary.testing.native import NativeCanister, NativeNetwork, user_principal
from tests.canisters.build_executor.helpers.specs import offer
from tests.canisters.installation import SECRET, delivery_headers, ok, push_payload
from tests.canisters.pipeline_config.pipelines import pipeline

SOURCES = Path(__file__).resolve().parents[2] / "canisters"
OWNER = user_principal(1)
STRANGER = user_principal(2)
APPROVER = user_principal(5)
EXECUTORS = tuple(user_principal(20 + number) for number in range(3))
CONTENT = b"\0asm\1\0\0\0\0\x0athe module"
ENVIRONMENT = hashlib.sha256(b"environment").hexdigest()
FILE = {
    "path": "out/build.wasm",
    "size": len(CONTENT),
    "sha256": hashlib.sha256(CONTENT).hexdigest(),
}


def interface(name: str) -> Interface:
    return parse_interface((SOURCES / name / f"{name}.did").read_text(encoding="utf-8"))


def updates(name: str) -> list[str]:
    return [each.name for each in interface(name).methods.values() if not each.is_query]


def argument_types(name: str, method: str) -> list[types.Type]:
    _, service = parse((SOURCES / name / f"{name}.did").read_text(encoding="utf-8"))
    func = service.methods[method]
    assert isinstance(func, types.Func)
    return func.args


def smallest(node: types.Type) -> Any:
    """The plainest value of a Candid type."""
    if node.kind == types.TEXT:
        return ""
    if node.kind == types.BOOL:
        return False
    if node.kind == types.PRINCIPAL:
        return STRANGER
    if node.kind in (types.OPT, types.NULL):
        return None
    if isinstance(node, types.Vec):
        return b"" if node.inner.kind == types.NAT8 else []
    if isinstance(node, types.Variant):
        return {node.fields[0].key: smallest(node.fields[0].type)}
    if isinstance(node, types.Record):
        values = {field.key: smallest(field.type) for field in node.fields}
        return tuple(values[key] for key in sorted(values)) if node.is_tuple else values
    return 0


class System:
    """Wired, with a repository, a pipeline of one stage, three executors of three operators."""

    def __init__(self) -> None:
        self.network = NativeNetwork()
        self.canisters: dict[str, NativeCanister] = {
            name: self.network.install(SOURCES / name / "main.py", caller=OWNER)
            for name in CANISTERS
        }
        ids = {name: canister.id for name, canister in self.canisters.items()}
        for name in CANISTERS:
            ok(self.own(name, "wire", ids))

    def own(self, name: str, method: str, *args: Any) -> Any:
        return self.canisters[name].update(method, *args, caller=OWNER)

    def run_until_idle(self) -> None:
        self.network.advance(0)

    def prepare(self) -> None:
        repository = {
            "repository": "demo",
            "provider": {"GitHub": None},
            "clone_url": "https://example.org/demo.git",
            "secret": SECRET,
        }
        ok(self.own("webhook", "register_repository", repository))
        definition = pipeline()
        definition["stages"] = definition["stages"][:1]
        definition["approval"]["approvers"] = [APPROVER]
        ok(self.own("pipeline_config", "register_pipeline", definition))
        target = {
            "target": "demo",
            "repository": "demo",
            "network": "local",
            "canister": None,
            "controllers": [],
            "cycles": 0,
        }
        ok(self.own("deployment", "register_target", target))
        for number, executor in enumerate(EXECUTORS):
            value = {
                "executor": executor,
                "operator": f"operator-{number}",
                "runtimes": [{"Shell": None}],
            }
            ok(self.own("build_executor", "register_executor", value))
            ok(self.canisters["build_executor"].update("announce_offer", offer(), caller=executor))
        self.run_until_idle()

    def push(self, delivery: str = "d-1") -> str:
        body = push_payload(compare=delivery)
        answer = self.canisters["webhook"].http(
            "POST", "/webhook/github/demo", delivery_headers(body, delivery), body
        )
        assert answer["status_code"] == 202, answer
        self.run_until_idle()
        items = ok(
            self.canisters["build_executor"].query("list_runs", None, {"cursor": None, "limit": 1})
        )["items"]
        run: str = items[0]["run"]
        return run

    def lease(self, executor: Any, *holds: str) -> Any:
        request = {"holds": list(holds), "room": None}
        return ok(self.canisters["build_executor"].update("lease_work", request, caller=executor))

    def revelation(
        self, job: str, files: Any = (FILE,), nonce: bytes = b"n" * 32, described: Any = None
    ) -> Any:
        run, stage, _ = job.split("/")
        return {
            "job": job,
            "run": run,
            "stage": stage,
            "outcome": {"Succeeded": None},
            "environment": ENVIRONMENT,
            "files": list(files),
            "nonce": nonce,
            "commit": described,
            "tests": None,
        }

    def commitment(
        self, job: str, files: Any = (FILE,), nonce: bytes = b"n" * 32, described: Any = None
    ) -> bytes:
        """Of an attestation of version 1, or of version 2 when it describes the commit."""
        by_path = sorted(files, key=lambda each: each["path"])
        lines = [f"{f['sha256']} {f['size']} {f['path']}\n" for f in by_path]
        manifest = hashlib.sha256("".join(lines).encode()).hexdigest()
        version, commit = 1, ""
        if described is not None:
            read = f"{described['author']}\n{described['message']}"
            version, commit = 2, f"commit:{hashlib.sha256(read.encode()).hexdigest()}\n"
        text = (
            f"dcanary-attestation-v{version}\njob:{job}\noutcome:succeeded\n"
            f"environment:{ENVIRONMENT}\n{commit}manifest:{manifest}\nnonce:{nonce.hex()}\n"
        )
        return hashlib.sha256(text.encode()).digest()

    def commit(self, executor: Any, job: str, commitment: bytes, attempt: int = 1) -> Any:
        value = {
            "job": job,
            "attempt": attempt,
            "commitment": commitment,
            "wall_ns": 1,
            "peak_memory_bytes": 1,
            "reused": None,
            "cpu_ns": None,
            "storage_bytes": None,
            "fetched_bytes": None,
            "log_sha256": None,
            "log_total": None,
        }
        done = self.canisters["build_executor"].update("submit_commitment", value, caller=executor)
        self.run_until_idle()
        return done

    def all_commit(self, files: Any = (FILE,)) -> list[str]:
        """Lease and commit by all three executors; their jobs."""
        jobs = []
        for executor in EXECUTORS:
            job = self.lease(executor)["Build"]["job"]
            ok(self.commit(executor, job, self.commitment(job, files)))
            jobs.append(job)
        return jobs

    def reveal(self, executor: Any, job: str, files: Any = (FILE,), described: Any = None) -> Any:
        revelation = self.revelation(job, files, described=described)
        done = self.canisters["verification"].update("reveal", revelation, caller=executor)
        self.run_until_idle()
        return done

    def vote(self, files: Any = (FILE,)) -> list[str]:
        jobs = self.all_commit(files)
        for executor, job in zip(EXECUTORS, jobs, strict=True):
            ok(self.reveal(executor, job, files))
        return jobs

    def upload(self, job: str, content: bytes = CONTENT) -> None:
        canister = self.canisters["build_executor"]
        run, stage, number = job.split("/")
        executor = EXECUTORS[int(number)]
        assert self.lease(executor, job)["Upload"]["job"] == job
        chunk = {"run": run, "stage": stage, "path": FILE["path"], "index": 0, "content": content}
        ok(canister.update("upload_chunk", chunk, caller=executor))
        ok(canister.update("finish_upload", run, stage, FILE["path"], caller=executor))
        self.run_until_idle()

    def digest(self, approval: str = "approval-1") -> str:
        """What a decision on the request must bind."""
        found = self.canisters["verification"].query("get_approval", approval)
        return str(found["Ok"]["digest"]) if "Ok" in found else "0" * 64

    def run(self, run: str) -> Any:
        return ok(self.canisters["build_executor"].query("get_run", run))
