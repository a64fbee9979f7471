"""Pipelines, runs and verdicts for tests: small, valid, and changed field by field."""

from __future__ import annotations

import hashlib
from typing import Any

from kybra import Principal

SHA = "a" * 40


def principal(number: int) -> str:
    """A well-formed self-authenticating-looking principal, one for each number."""
    body = hashlib.sha224(f"executor {number}".encode()).digest()
    return Principal(body + b"\x02").to_str()


def stage(name: str, **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": name,
        "runtime": {"Shell": None},
        "commands": ["make"],
        "depends_on": [],
        "environment": [],
        "resources": {
            "memory_bytes": 1 << 30,
            "storage_bytes": 1 << 30,
            "output_bytes": 1 << 20,
            "processes": 64,
            "timeout_seconds": 60,
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
    made.update(changes)
    return made


def offer(**changes: Any) -> Any:
    """What an executor offers: plenty of everything."""
    made: dict[str, Any] = {
        "runtimes": [{"Shell": None}, {"Motoko": None}],
        "images": [],
        "memory_bytes": 1 << 36,
        "storage_bytes": 1 << 36,
        "cpus": 8,
        "slots": 4,
        "network": True,
        "region": "",
        "labels": [],
        "files_in_memory": False,
        "secret_key": None,
        "builds_locks": None,
        "leaving": None,
    }
    made.update(changes)
    return made


def deploy(stage_name: str = "build", artifact: str = "out.wasm") -> dict[str, Any]:
    return {
        "target": "counter",
        "stage": stage_name,
        "artifact": artifact,
        "mode": {"Auto": None},
        "memory": {"Default": None},
        "install_arg": b"DIDL\x00\x00",
        "upgrade_arg": b"DIDL\x00\x00",
        "depends_on": None,
        "install_references": None,
        "upgrade_references": None,
        "assets": None,
    }


def spec(
    run: str = "run-1", *stages: dict[str, Any], repository: str = "counter", **changes: Any
) -> Any:
    pipeline: dict[str, Any] = {
        "name": "main",
        "repository": repository,
        "triggers": [],
        "environment": [],
        "stages": list(stages) or [stage("build")],
        "gates": [],
        "approval": {"approvers": [], "threshold": 1, "ttl_seconds": 3_600},
        "deploy": None,
        "queue_seconds": None,
        "deploys": None,
        "priority": None,
        "template": None,
    }
    pipeline.update(changes)
    return {
        "run": run,
        "delivery": f"delivery of {run}",
        "source": {
            "repository": repository,
            "clone_url": "http://localhost:7000/counter.git",
            "ref": "refs/heads/main",
            "sha": SHA,
            "message": "Count in steps of two",
            "author": "Ada",
        },
        "pipeline_version": 1,
        "pipeline": pipeline,
        "started_by": None,
        "pull_request": None,
    }


def file(path: str, content: bytes) -> dict[str, Any]:
    return {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def verdict(kind: str, files: list[Any], jobs: list[str], reason: str = "") -> Any:
    return {
        "kind": {kind: None},
        "reason": reason,
        "manifest": "0" * 64,
        "environment": "1" * 64,
        "files": files,
        "jobs": jobs,
        "disputes": [],
        "commit": None,
        "flaky_tests": None,
        "decided_ns": 0,
    }
