"""Repositories with small shell pipelines: their `dcanary.yml` and what else is in them."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from tests.e2e.modules import as_text, counter

ARTIFACT = "build/counter.wasm"
DECODE = f"mkdir -p build && base64 -d counter.b64 > {ARTIFACT}"


def pipeline(
    name: str,
    commands: Sequence[str] = (DECODE,),
    *,
    artifacts: Sequence[str] = (ARTIFACT,),
    replicas: int = 3,
    quorum: int = 2,
    deploy: bool = True,
    timeout: str = "2m",
    output: str = "1MiB",
    storage: str = "64MiB",
    memory: str = "512MiB",
    processes: int = 64,
) -> str:
    """The text of a `dcanary.yml` with one stage `build`."""
    content = {
        "version": 1,
        "name": name,
        "on": {"push": {"branches": ["main"]}},
        "stages": {
            "build": {
                "runtime": "shell",
                "commands": list(commands),
                "artifacts": list(artifacts),
                "replicas": replicas,
                "quorum": quorum,
                "resources": {
                    "memory": memory,
                    "storage": storage,
                    "output": output,
                    "processes": processes,
                    "timeout": timeout,
                },
            }
        },
        "approval": {"threshold": 1, "expires": "24h"},
    }
    if deploy:
        content["deploy"] = {
            "target": name,
            "stage": "build",
            "artifact": artifacts[0],
            "mode": "auto",
        }
    return yaml.safe_dump(content, sort_keys=False)


def counter_files(name: str, step: int = 1, commands: Sequence[str] = (DECODE,)) -> dict[str, str]:
    """A repository whose pipeline makes a counter."""
    return {"dcanary.yml": pipeline(name, commands), "counter.b64": as_text(counter(step))}
