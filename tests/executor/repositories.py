"""Git repositories for tests, and stage records as the chain gives them."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_AUTHOR_DATE": "2024-01-02T03:04:05Z",
    "GIT_COMMITTER_DATE": "2024-01-02T03:04:05Z",
}
COMMIT_TIME = 1_704_164_645


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**os.environ, **_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def make_repository(folder: Path, files: Mapping[str, str], sha256: bool = False) -> str:
    """A repository with one commit on main; returns the commit's id."""
    folder.mkdir()
    form = "sha256" if sha256 else "sha1"
    git(folder, "init", "--quiet", "--initial-branch=main", f"--object-format={form}")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return commit(folder)


def commit(folder: Path) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=change")
    return git(folder, "rev-parse", "HEAD")


def source_record(folder: Path, sha: str) -> dict[str, Any]:
    return {
        "repository": "counter",
        "clone_url": folder.as_uri(),
        "ref": "refs/heads/main",
        "sha": sha,
        "message": "change",
        "author": "A",
    }


def stage_record(
    commands: Sequence[str],
    artifacts: Sequence[str] = (),
    *,
    replicas: int = 1,
    quorum: int = 1,
    retries: int = 0,
    runtime: str = "Shell",
    environment: Mapping[str, str] | None = None,
    **resources: Any,
) -> dict[str, Any]:
    """A Stage record named `build`."""
    variables = [{"name": name, "value": value} for name, value in (environment or {}).items()]
    return {
        "name": "build",
        "runtime": {runtime: None},
        "commands": list(commands),
        "depends_on": [],
        "environment": variables,
        "resources": {
            "memory_bytes": 256 << 20,
            "storage_bytes": 16 << 20,
            "output_bytes": 64 << 10,
            "processes": 64,
            "timeout_seconds": 20,
            "network": False,
            **resources,
        },
        "artifacts": list(artifacts),
        "replicas": replicas,
        "quorum": quorum,
        "retries": retries,
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
