"""A pipeline that is valid, to be changed by tests."""

from kybra import Principal

from shared.types.pipeline import PipelineInput, Resources, Stage

APPROVER = Principal(b"approver")


def resources() -> Resources:
    return {
        "memory_bytes": 1 << 30,
        "storage_bytes": 1 << 30,
        "output_bytes": 1 << 20,
        "processes": 64,
        "timeout_seconds": 600,
        "network": False,
    }


def stage(name: str, depends_on: list[str] | None = None) -> Stage:
    return {
        "name": name,
        "runtime": {"Shell": None},
        "commands": ["make"],
        "depends_on": depends_on or [],
        "environment": [{"name": "MODE", "value": "release"}],
        "resources": resources(),
        "artifacts": [f"out/{name}.wasm"],
        "replicas": 3,
        "quorum": 2,
        "retries": 1,
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


def pipeline(repository: str = "demo") -> PipelineInput:
    return {
        "name": "Demo",
        "repository": repository,
        "triggers": [{"Push": ["main", "release/*"]}, {"Tag": ["v*"]}, {"Manual": None}],
        "environment": [],
        "stages": [stage("build"), stage("test", ["build"])],
        "gates": [{"MaxArtifactBytes": 1 << 22}],
        "approval": {"approvers": [APPROVER], "threshold": 1, "ttl_seconds": 0},
        "deploy": {
            "target": "demo",
            "stage": "build",
            "artifact": "out/build.wasm",
            "mode": {"Auto": None},
            "memory": {"Default": None},
            "install_arg": b"DIDL\x00\x00",
            "upgrade_arg": b"",
            "depends_on": None,
            "install_references": None,
            "upgrade_references": None,
            "assets": None,
        },
        "queue_seconds": None,
        "deploys": None,
        "priority": None,
        "template": None,
    }
