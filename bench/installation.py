"""A DCanary of the benchmark's own: network, the five canisters, in a folder that goes away."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from dcanary.cli.errors import translated
from dcanary.cli.operations import build as build_operations
from dcanary.cli.operations import network as network_operations
from dcanary.cli.operations import pipeline as pipeline_operations
from dcanary.cli.operations import system as system_operations
from dcanary.cli.operations.processes import Processes
from dcanary.client.errors import ClientError, RefusedError
from dcanary.client.identity import create_identity
from dcanary.client.system import CANISTERS, System
from dcanary.replica.network import control

TARGET_CYCLES = 3_000_000_000_000

Progress = Callable[[str], None]


class Installation:
    """Use it as a context: what it started is stopped at the end, however that comes."""

    def __init__(self, home: Path, progress: Progress) -> None:
        self.home = home
        self.progress = progress
        self.processes = Processes(home / "processes")
        self.owner = create_identity(home / "default.pem")
        self.approver = create_identity(home / "approver.pem")

    def __enter__(self) -> Installation:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.system.close()
        self._stop()

    def _start(self) -> None:
        self.progress("the five canisters on a local network")
        built = build_operations.build_system(self.home / "build", lambda line: None)
        self.running, _ = network_operations.ensure_started(self.home / "network")
        self.address = network_operations.address(self.running)
        self.config, _ = system_operations.deploy(
            self.home / "system.json", self.address, self.owner, built, lambda line: None
        )
        self.system = System(self.config, self.owner)

    def _stop(self) -> None:
        self.processes.stop_all()
        with translated():
            control.stop(self.home / "network")

    def register(self, repository: str, clone_url: str, secret: bytes, pipeline: Path) -> None:
        """A repository with the pipeline of that folder's dcanary.yml, and its target."""
        self.system.webhook.register_repository(
            {
                "repository": repository,
                "provider": {"GitHub": None},
                "clone_url": clone_url,
                "secret": secret,
            },
        )
        definition = pipeline_operations.definition(pipeline, repository, [self.approver.principal])
        self.system.pipeline_config.register_pipeline(definition)
        self.system.deployment.register_target(
            {
                "target": repository,
                "repository": repository,
                "network": "local",
                "canister": None,
                "controllers": [self.owner.principal],
                "cycles": TARGET_CYCLES,
            },
        )

    def instructions(self) -> dict[str, dict[str, int]]:
        """What all messages of each canister's methods have used so far."""
        return {name: dict(self.system.actor(name).instructions()) for name in CANISTERS}


def wait_for(ask: Callable[[], Any], what: str, seconds: float, pause: float = 0.02) -> Any:
    """The first answer that is not empty. What does not exist yet is asked for again.

    Raises ClientError when there is none within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = ask()
        except RefusedError as error:
            if error.kind not in ("NotFound", "Unavailable"):
                raise
            found = None
        if found:
            return found
        if time.monotonic() > deadline:
            raise ClientError(f"{what} did not come within {seconds:.0f} s")
        time.sleep(pause)
