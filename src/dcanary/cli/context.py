"""Where this command's files are, who it acts as, and how it prints."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dcanary.cli.output import Output
from dcanary.client.errors import ConfigError

if TYPE_CHECKING:  # What signs and calls takes long to import: only commands that do pay for it.
    from dcanary.client.identity import Anonymous, Identity
    from dcanary.client.system import System, SystemConfig


@dataclass
class Context:
    """One invocation. Files live under `home`; nothing is written elsewhere."""

    home: Path
    identity_name: str
    output: Output
    _open: list[System] = field(default_factory=list)

    @classmethod
    def of(cls, home: str | None, identity: str, *, as_json: bool, quiet: bool) -> Context:
        """The context of the global options."""
        folder = Path(home) if home else default_home()
        return cls(folder.absolute(), identity, Output(as_json, quiet))

    @property
    def network_dir(self) -> Path:
        return self.home / "network"

    @property
    def build_dir(self) -> Path:
        return self.home / "build"

    @property
    def forge_dir(self) -> Path:
        return self.home / "forge"

    @property
    def executors_dir(self) -> Path:
        return self.home / "executors"

    @property
    def processes_dir(self) -> Path:
        return self.home / "processes"

    @property
    def system_file(self) -> Path:
        return self.home / "system.json"

    def identity_path(self, name: str) -> Path:
        """A name is a file in the home folder; anything with a slash or `.pem` is a path."""
        if "/" in name or name.endswith(".pem"):
            return Path(name)
        return self.home / "identities" / f"{name}.pem"

    def identities(self) -> dict[str, str]:
        """Name -> principal of the identities of this folder that can be read."""
        from dcanary.client.identity import load_identity

        found = {}
        for path in sorted((self.home / "identities").glob("*.pem")):
            with contextlib.suppress(ConfigError):  # Whoever uses it is told.
                found[path.stem] = load_identity(path).principal
        return found

    @cached_property
    def identity(self) -> Identity | Anonymous:
        """The chosen identity. Raises ConfigError when its file cannot be used."""
        from dcanary.client.identity import Anonymous, load_identity

        if self.identity_name == "anonymous":
            return Anonymous()
        return load_identity(self.identity_path(self.identity_name))

    @cached_property
    def installation(self) -> SystemConfig:
        """Where the five canisters are. Raises ConfigError when nothing is installed here."""
        from dcanary.client.system import SystemConfig

        return SystemConfig.load(self.system_file)

    def system_as(self, identity: Identity | Anonymous) -> System:
        """The installation, called as another identity."""
        from dcanary.client.system import System

        system = System(self.installation, identity)
        self._open.append(system)
        return system

    @cached_property
    def system(self) -> System:
        """The installation, called as the chosen identity."""
        # Read before the identity: in the wrong folder both are missing, and a new key is no help.
        _ = self.installation
        return self.system_as(self.identity)

    def close(self) -> None:
        """Close the connections that this command opened."""
        for system in self._open:
            system.close()


USUAL_HOME = Path(".dcanary")


def default_home() -> Path:
    """$DCANARY_HOME, or `.dcanary` in the current folder."""
    configured = os.environ.get("DCANARY_HOME")
    return Path(configured) if configured else USUAL_HOME


pass_context = click.make_pass_decorator(Context)
