"""One installation of DCanary: a network and the five canisters on it, as a file remembers them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dcanary.client import principal
from dcanary.client.actor import Actor
from dcanary.client.errors import ConfigError
from dcanary.client.identity import Signer
from dcanary.client.transport import Connection, NetworkAddress

CANISTERS = ("webhook", "pipeline_config", "build_executor", "verification", "deployment")
FILE_VERSION = 1


@dataclass(frozen=True)
class SystemConfig:
    """What a client must know: address, root key, principals of the five canisters."""

    network: NetworkAddress
    canisters: Mapping[str, str]

    def save(self, path: Path) -> None:
        """Write atomically, so that a reader never sees half a file."""
        record = {
            "version": FILE_VERSION,
            "url": self.network.url,
            "root_key": self.network.root_key.hex(),
            "canisters": dict(self.canisters),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(record, indent=2) + "\n")
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> SystemConfig:
        """Raises ConfigError when the file is missing or not of this form."""
        try:
            record = json.loads(path.read_text())
        except FileNotFoundError:
            raise ConfigError(
                f"there is no DCanary installation here ({path} is missing)",
                "install one with: dcanary system deploy",
            ) from None
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot read {path}: {error}") from None
        try:
            if record["version"] != FILE_VERSION:
                raise ConfigError(f"{path} is of version {record['version']}, not {FILE_VERSION}")
            canisters = {name: str(record["canisters"][name]) for name in CANISTERS}
            for text in canisters.values():
                principal.from_text(text)
            address = NetworkAddress(str(record["url"]), bytes.fromhex(record["root_key"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{path} is not a DCanary installation file: {error!r}") from None
        return cls(address, canisters)


class System:
    """The five canisters, called by one identity. Interfaces are read once, certified."""

    def __init__(self, config: SystemConfig, identity: Signer | None = None) -> None:
        self.config = config
        self.connection = Connection(config.network, identity)
        self._actors: dict[str, Actor] = {}

    def close(self) -> None:
        self.connection.close()

    def actor(self, name: str) -> Actor:
        """The canister of that name. Raises ClientError when it does not answer."""
        found = self._actors.get(name)
        if found is None:
            found = Actor.from_metadata(self.connection, self.config.canisters[name])
            self._actors[name] = found
        return found

    @property
    def webhook(self) -> Actor:
        return self.actor("webhook")

    @property
    def pipeline_config(self) -> Actor:
        return self.actor("pipeline_config")

    @property
    def build_executor(self) -> Actor:
        return self.actor("build_executor")

    @property
    def verification(self) -> Actor:
        return self.actor("verification")

    @property
    def deployment(self) -> Actor:
        return self.actor("deployment")
