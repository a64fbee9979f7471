"""The two example repositories: where they are, and the change that the second push brings."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dcanary.cli.operations.shipped import shipped_folder
from dcanary.client.errors import ClientError


@dataclass(frozen=True)
class Example:
    """`old` is replaced by `new` in `source`: from then on, one `inc` adds ten."""

    name: str
    source: str
    old: str
    new: str


EXAMPLES = {
    "counter-motoko": Example("counter-motoko", "src/main.mo", "count += 1;", "count += 10;"),
    "counter-python": Example("counter-python", "src/main.py", "or 0) + 1", "or 0) + 10"),
}


def git(folder: Path, *arguments: str) -> str:
    """Output of a git command that asks nobody anything. Raises ClientError when it fails."""
    # The demo's forge is on loopback: no proxy is asked, whatever the environment names.
    direct = ",".join(filter(None, [os.environ.get("no_proxy"), "127.0.0.1,localhost"]))
    environment = {
        **os.environ,
        "no_proxy": direct,
        "NO_PROXY": direct,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Demo Developer",
        "GIT_AUTHOR_EMAIL": "developer@example.com",
        "GIT_COMMITTER_NAME": "Demo Developer",
        "GIT_COMMITTER_EMAIL": "developer@example.com",
    }
    done = subprocess.run(
        # The demo's forge is on this machine: no proxy of the environment is asked for it.
        ["git", "-c", "http.proxy=", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode:
        raise ClientError(f"git {arguments[0]} failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


def make_working_copy(example: Example, folder: Path, remote: str) -> None:
    """A Git repository with the example's files, not yet pushed."""
    shutil.copytree(
        shipped_folder("examples", example.name) / example.name,
        folder,
        ignore=shutil.ignore_patterns("build", ".git", "__pycache__"),
    )
    git(folder, "init", "-q", "-b", "main")
    git(folder, "remote", "add", "origin", remote)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", f"The first {example.name}")


def change_source(example: Example, folder: Path) -> None:
    """Commit the change. Raises ClientError when the example does not hold what it replaces."""
    path = folder / example.source
    text = path.read_text()
    if text.count(example.old) != 1:
        raise ClientError(f"{path} does not hold {example.old!r} once")
    path.write_text(text.replace(example.old, example.new))
    git(folder, "commit", "-q", "-a", "-m", "Count in tens")


def push(folder: Path) -> str:
    """Push main; the commit's id."""
    git(folder, "push", "-q", "origin", "main")
    return git(folder, "rev-parse", "HEAD")
