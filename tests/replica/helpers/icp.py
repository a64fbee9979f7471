"""The real `icp`, run on a project folder of a test."""

from __future__ import annotations

import os
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
    network: RunningNetwork

    def write_project(self, canisters: str) -> None:
        """Write `icp.yaml` with these canisters, for the network."""
        text = _CONNECTED.format(url=self.network.url, key=self.network.root_key)
        (self.project / "icp.yaml").write_text(canisters + text)

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
