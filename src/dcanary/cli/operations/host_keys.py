"""The address of an SSH server and the keys that it may show, as people have them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dcanary.client.errors import ConfigError

_URL = re.compile(r"ssh://([^@/]+)@([^/:]+)(?::(\d+))?/(.+)")
# As Git takes it in place of a URL: without a port, and relative to the user's folder.
_SCP_LIKE = re.compile(r"([^@/:]+)@([^/:]+):(?!//)(.+)")


@dataclass(frozen=True)
class Address:
    """Where a repository is reached over SSH."""

    user: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        """As Git and the chain take it."""
        port = "" if self.port == 22 else f":{self.port}"
        return f"ssh://{self.user}@{self.host}{port}/{self.path}"

    @property
    def name(self) -> str:
        """As known_hosts has it."""
        return self.host if self.port == 22 else f"[{self.host}]:{self.port}"


def ssh_address(text: str) -> Address:
    """Read `ssh://USER@HOST[:PORT]/PATH` or `USER@HOST:PATH`. Raises ConfigError."""
    if found := _URL.fullmatch(text):
        user, host, port, path = found.groups()
        return Address(user, host.lower(), int(port or 22), path)
    if found := _SCP_LIKE.fullmatch(text):
        user, host, path = found.groups()
        return Address(user, host.lower(), 22, path.lstrip("/"))
    raise ConfigError(f"{text} is no address for SSH", "use ssh://USER@HOST[:PORT]/PATH")


def read_host_keys(text: str, address: Address) -> list[str]:
    """The keys of a server, each `TYPE BASE64`, in the lines of a known_hosts file.

    Lines of other servers are left out. Raises ConfigError when there is none of this one.
    """
    found: dict[str, None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0].startswith("@"):
            raise ConfigError(f"--host-keys, line {number}: {words[0]} is not supported")
        if words[0].startswith("|"):
            raise ConfigError(
                f"--host-keys, line {number}: the host's name is hashed",
                f"use what ssh-keyscan -p {address.port} {address.host} prints",
            )
        if len(words) < 3:
            raise ConfigError(f"--host-keys, line {number}: it is not HOST TYPE BASE64")
        if address.name in words[0].lower().split(","):
            found[f"{words[1]} {words[2]}"] = None
    if not found:
        raise ConfigError(f"--host-keys: no line is of {address.name}")
    return list(found)
