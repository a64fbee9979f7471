"""One installation of DCanary: a network and the five canisters on it, as a file remembers them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dcanary.client import principal
from dcanary.client.errors import ConfigError
from dcanary.client.identity import Signer
from dcanary.client.names import CANISTERS
from dcanary.client.transport import Connection, NetworkAddress

if TYPE_CHECKING:  # Most commands call one or two of the five.
    from dcanary.client.calls.build_executor import BuildExecutor
    from dcanary.client.calls.deployment import Deployment
    from dcanary.client.calls.pipeline_config import PipelineConfig
    from dcanary.client.calls.verification import Verification
    from dcanary.client.calls.webhook import Webhook
    from dcanary.client.types.webhook import Siblings

    AnyCanister = Webhook | PipelineConfig | BuildExecutor | Verification | Deployment

__all__ = ["CANISTERS", "System", "SystemConfig"]

FILE_VERSION = 1


@dataclass(frozen=True)
class SystemConfig:
    """What a client must know: address, root key, principals of the five canisters."""

    network: NetworkAddress
    canisters: Mapping[str, str]

    @property
    def siblings(self) -> Siblings:
        """The five principals, as each canister is told them."""
        return {
            "webhook": self.canisters["webhook"],
            "pipeline_config": self.canisters["pipeline_config"],
            "build_executor": self.canisters["build_executor"],
            "verification": self.canisters["verification"],
            "deployment": self.canisters["deployment"],
        }

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
        """Raises ConfigError when the file is missing, not of this form or not complete."""
        config = cls.load_begun(path)
        missing = [name for name in CANISTERS if name not in config.canisters]
        if missing:
            raise ConfigError(
                f"the installation in {path} is not complete: {', '.join(missing)} missing",
                "finish it with: dcanary system deploy",
            )
        return config

    @classmethod
    def load_begun(cls, path: Path) -> SystemConfig:
        """Load also what a deployment has begun: `canisters` are those created so far.

        Raises ConfigError when the file is missing or not of this form.
        """
        try:
            record = json.loads(path.read_text())
        except FileNotFoundError:
            raise ConfigError(
                f"there is no DCanary installation here ({path} is missing)",
                "name its folder with --home or DCANARY_HOME,\n"
                "  or install one with: dcanary system deploy",
            ) from None
        except OSError as error:
            raise ConfigError(f"cannot read {path}: {error}") from None
        except ValueError as error:
            raise _damaged(path, f"no JSON ({error})") from None
        if not isinstance(record, dict):
            raise _damaged(path, "no JSON object")
        version, named = record.get("version"), record.get("canisters")
        if isinstance(version, int) and version > FILE_VERSION:
            raise ConfigError(
                f"{path} is of version {version}, not {FILE_VERSION}: a later DCanary wrote it",
                "use that one",
            )
        if version != FILE_VERSION or not isinstance(named, dict):
            raise _damaged(path, "no version or no canisters")
        try:
            canisters = {name: str(named[name]) for name in CANISTERS if name in named}
            for text in canisters.values():
                principal.from_text(text)
            root_key = bytes.fromhex(str(record.get("root_key", "")))
        except ValueError as error:
            raise _damaged(path, str(error)) from None
        if not record.get("url") or not root_key:
            raise _damaged(path, "no url or no root_key")
        return cls(NetworkAddress(str(record["url"]), root_key), canisters)


def _damaged(path: Path, what: str) -> ConfigError:
    return ConfigError(
        f"{path} is not the file of a DCanary installation, or damaged: {what}",
        "put it back from a copy; or move it away and name the five canisters:\n"
        "  dcanary system connect --webhook PRINCIPAL --pipeline-config PRINCIPAL\n"
        "  --build-executor PRINCIPAL --verification PRINCIPAL --deployment PRINCIPAL",
    )


class System:
    """The five canisters, called by one identity."""

    def __init__(self, config: SystemConfig, identity: Signer | None = None) -> None:
        self.config = config
        self.connection = Connection(config.network, identity)

    def close(self) -> None:
        """Close the connection; calls after it fail."""
        self.connection.close()

    def actor(self, name: str) -> AnyCanister:
        """The canister of that name, for what all five have."""
        found: AnyCanister = getattr(self, name)
        return found

    @cached_property
    def webhook(self) -> Webhook:
        from dcanary.client.calls.webhook import Webhook

        return Webhook(self.connection, self.config.canisters["webhook"])

    @cached_property
    def pipeline_config(self) -> PipelineConfig:
        from dcanary.client.calls.pipeline_config import PipelineConfig

        return PipelineConfig(self.connection, self.config.canisters["pipeline_config"])

    @cached_property
    def build_executor(self) -> BuildExecutor:
        from dcanary.client.calls.build_executor import BuildExecutor

        return BuildExecutor(self.connection, self.config.canisters["build_executor"])

    @cached_property
    def verification(self) -> Verification:
        from dcanary.client.calls.verification import Verification

        return Verification(self.connection, self.config.canisters["verification"])

    @cached_property
    def deployment(self) -> Deployment:
        from dcanary.client.calls.deployment import Deployment

        return Deployment(self.connection, self.config.canisters["deployment"])
