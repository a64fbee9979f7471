"""The real `icp`, run on a project folder of a test."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dcanary.replica.network import RunningNetwork

ROOT = Path(__file__).resolve().parents[3]
ICP = ROOT / "node_modules" / "@icp-sdk" / "icp-cli-linux-x64" / "bin" / "icp"
ENVIRONMENT = "embedded"

_CONNECTED = """
networks:
  - name: embedded
    mode: connected
    url: {url}
    root-key: {key}
environments:
  - name: embedded
    network: embedded
"""


@dataclass(frozen=True)
class Icp:
    """`icp` with its settings in the project, so that tests share nothing."""

    project: Path

    def write_project(self, canisters: str, network: RunningNetwork) -> None:
        """Write `icp.yaml` with these canisters, for a network of ours."""
        text = _CONNECTED.format(url=network.url, key=network.root_key)
        (self.project / "icp.yaml").write_text(canisters + text)

    def new_owner(self, name: str = "owner") -> None:
        """Make an identity and use it from now on."""
        self.run("identity", "new", name, "--storage", "plaintext")
        self.run("identity", "default", name)

    def try_run(self, *arguments: str, seconds: float = 240) -> subprocess.CompletedProcess[str]:
        """Run a command. What it sends home is turned off."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(Path.home()),  # the cache of builds is there
            "ICP_HOME": str(self.project / "icp-home"),
            "DO_NOT_TRACK": "1",
        }
        if "XDG_CACHE_HOME" in os.environ:
            environment["XDG_CACHE_HOME"] = os.environ["XDG_CACHE_HOME"]
        assert ICP.is_file(), "icp is missing: run make setup (from npm, for Linux on x86-64)"
        return subprocess.run(
            [str(ICP), *arguments],
            cwd=self.project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=seconds,
        )

    def run(self, *arguments: str, seconds: float = 240) -> str:
        """What a command says; it must succeed."""
        done = self.try_run(*arguments, seconds=seconds)
        assert done.returncode == 0, f"icp {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def on(self, *arguments: str, seconds: float = 240) -> str:
        """`run` in the environment of the network."""
        return self.run(*arguments, "-e", ENVIRONMENT, seconds=seconds)


def copy_of_the_tree(folder: Path) -> Path:
    """What the build files of this repository refer to, somewhere else."""
    shutil.copy(ROOT / "icp.yaml", folder)
    ignored = shutil.ignore_patterns("__pycache__")
    for sources in ("canisters", "shared"):
        shutil.copytree(ROOT / sources, folder / sources, ignore=ignored)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder
