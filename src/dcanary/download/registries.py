"""Where packages come from: the public registries, or what the tools of this machine are set to.

Lock files name public places. An operator who has a mirror sets it as for the tools themselves; the
bytes are checked all the same, and no lock or manifest ever names the mirror.
"""

from __future__ import annotations

import configparser
import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NPM = "https://registry.npmjs.org/"
YARN = "https://registry.yarnpkg.com/"
PYPI = "https://pypi.org/simple/"
PYPI_FILES = "https://files.pythonhosted.org/"
CRATES = "https://static.crates.io/crates/"

MOPS = "https://icp-api.io/"
MOPS_CANISTER = "oknww-riaaa-aaaam-qaf6a-cai"
"""The registry of mops on the Internet Computer, which names the canisters that have files."""

PUBLIC = (NPM, YARN, PYPI, PYPI_FILES, CRATES, MOPS)
PUBLIC_HOSTS = frozenset(each.split("/")[2] for each in PUBLIC)
"""Allowed for every fetch, unless a pipeline says otherwise."""


@dataclass(frozen=True)
class Registries:
    """Base URLs, each with a slash at its end; `mops` is one of the Internet Computer."""

    npm: str = NPM
    pypi: str = PYPI
    crates: str = CRATES
    mops: str = MOPS
    mops_canister: str = MOPS_CANISTER

    def place(self, url: str) -> str:
        """Where this machine gets what has a public URL."""
        for public, ours in ((NPM, self.npm), (YARN, self.npm), (CRATES, self.crates)):
            if url.startswith(public) and ours not in PUBLIC:
                return ours + url.removeprefix(public)
        return url

    @property
    def trusted(self) -> tuple[str, ...]:
        """Servers that may have any address.

        Besides those that the operator has set these are the public ones: their names are not
        chosen by a commit, and their certificates are checked, so an address of this network is a
        mirror's.
        """
        return (*PUBLIC, self.npm, self.pypi, self.crates, self.mops)


def registries_of_this_machine(
    environment: Mapping[str, str] = os.environ, home: Path | None = None
) -> Registries:
    """What npm, pip and mops are set to, by their variables and their user's and machine's files.

    A project's own files (.npmrc beside package.json) are not asked: a commit would choose then.
    DCANARY_CRATES_URL names a mirror of crates, which Cargo has no simple setting for.
    """
    home = home or Path.home()
    npm = environment.get("npm_config_registry") or environment.get("NPM_CONFIG_REGISTRY")
    npm_file = environment.get("NPM_CONFIG_USERCONFIG") or str(home / ".npmrc")
    pypi = environment.get("PIP_INDEX_URL") or _from_pip_files(environment, home)
    return Registries(
        _base(npm or _from_npm_file(Path(npm_file)), NPM),
        _base(pypi, PYPI),
        _base(environment.get("DCANARY_CRATES_URL", ""), CRATES),
        _base(environment.get("MOPS_REGISTRY_HOST", ""), MOPS),
        environment.get("MOPS_REGISTRY_CANISTER_ID", "") or MOPS_CANISTER,
    )


def _base(url: str, public: str) -> str:
    url = url.strip()
    return url.rstrip("/") + "/" if url.startswith(("https://", "http://")) else public


def _from_npm_file(path: Path) -> str:
    with contextlib.suppress(OSError, UnicodeError):
        for line in path.read_text().splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "registry":
                return value.strip().strip("\"'")
    return ""


def _from_pip_files(environment: Mapping[str, str], home: Path) -> str:
    """The index of pip's configuration: the file that pip reads last decides."""
    named = environment.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return ""
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    files = [
        Path("/etc/xdg/pip/pip.conf"),
        Path("/etc/pip.conf"),
        home / ".pip" / "pip.conf",
        config / "pip" / "pip.conf",
        *([Path(named)] if named else []),
    ]
    found = ""
    for path in files:
        read = configparser.RawConfigParser()
        with contextlib.suppress(OSError, UnicodeError, configparser.Error):
            read.read_string(path.read_text())
            found = read.get("global", "index-url", fallback=found)
    return found
