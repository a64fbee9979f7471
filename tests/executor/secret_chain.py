"""A chain that has secrets: the real `pipeline_config` beside the other two, run natively."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from dcanary.cli.operations import sealing
from dcanary.client.types.pipeline_config import Secret
from dcanary.secrets.keys import public_bytes
from tests.executor.chain import CANISTERS, OWNER, PIPELINE_CONFIG, NativeChain, offer


class SecretChain(NativeChain):
    """`keys` are those of executors, by name; `home` is the folder of the person who seals."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.network.native.install(
            CANISTERS / "pipeline_config" / "main.py", caller=OWNER, canister_id=PIPELINE_CONFIG
        )
        self.owner.pipeline_config.wire(self.owner.config.siblings)
        self.home = home
        self.keys: dict[str, X25519PrivateKey] = {}

    def announce(self, name: str) -> None:
        """The executor says which key secrets for it are sealed to; another one than before."""
        self.keys[name] = X25519PrivateKey.generate()
        chain = self.view(name)
        chain.announce_offer({**offer(), "secret_key": public_bytes(self.keys[name])})

    def seal(
        self,
        name: str,
        value: bytes,
        repository: str | None = None,
        only: tuple[str, ...] = (),
    ) -> Secret:
        """Set a secret, readable by all executors, or by some."""
        system = self.owner
        chosen = [self.register(each).to_str() for each in only]
        recipients = sealing.chosen(sealing.executors(system), chosen)
        sealer = sealing.Sealer(system, self.home)
        return sealer.set(value, name, repository, recipients, restricted=bool(only))

    def reseal(self, name: str, repository: str | None = None) -> Secret:
        """Seal a secret again, to all executors."""
        system = self.owner
        secret = system.pipeline_config.get_secret(repository, name)
        recipients = sealing.chosen(sealing.executors(system), ())
        return sealing.Sealer(system, self.home).reseal(secret, recipients, restricted=False)
