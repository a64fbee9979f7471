"""Git over SSH with a deploy key, from a server that shows a known host key.

The key is never on disk or on a command line: git's own variables hold it, as they hold a token,
and hand it to an agent that lives as long as the one connection. Nothing of the user's settings,
keys and known hosts is read. Source: ssh_config(5), ssh-agent(1), sshd(8) "SSH_KNOWN_HOSTS FILE
FORMAT".
"""

import re
import shlex
import shutil
from pathlib import Path

from dcanary.executor.checkout.model import Credential
from dcanary.executor.source import SourceUnable

_KEY = "DCANARY_DEPLOY_KEY"
_KNOWN_HOSTS = "dcanary-known-hosts"
_PROGRAMS = ("ssh", "ssh-agent", "ssh-add")
_OPTIONS = (
    "BatchMode=yes",
    "ConnectTimeout=30",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=/dev/null",
    "UpdateHostKeys=no",
    "IdentityFile=none",
    "PreferredAuthentications=publickey",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ControlMaster=no",
    "ControlPath=none",
    "LogLevel=ERROR",
)
# What ssh, ssh-add and forges say. Others than these are the network's.
_SAID = (
    (re.compile(r"host key verification failed|no .* host key is known", re.I), "host key"),
    (re.compile(r"error loading key|passphrase|invalid format", re.I), "no key"),
    (re.compile(r"permission denied|repository not found|access denied", re.I), "refused"),
)


def environment(credential: Credential, folder: Path) -> dict[str, str]:
    """Variables with which git fetches from the credential's address; a file goes into `folder`.

    Raises SourceUnable where a program is missing.
    """
    for program in _PROGRAMS:
        if shutil.which(program) is None:
            raise SourceUnable(
                f"{program} is not installed: run `apt-get install -y openssh-client` as root"
            )
    known = folder / _KNOWN_HOSTS
    # Whatever name or address the server is reached by: there is only one.
    known.write_text("".join(f"* {key}\n" for key in credential.host_keys), encoding="ascii")
    options = [f"-o{each}" for each in (*_OPTIONS, f"UserKnownHostsFile={known}")]
    connect = shlex.join(["ssh", "-F", "none", *options])
    # An agent that is given a command ends with it, even where that is killed.
    add = f'printf "%s\\n" "${_KEY}" | ssh-add -q - && unset {_KEY} && exec {connect} "$@"'
    return {
        _KEY: credential.token,
        "GIT_SSH_COMMAND": f"ssh-agent sh -c {shlex.quote(add)} ssh",
        "GIT_SSH_VARIANT": "ssh",
        "SSH_ASKPASS_REQUIRE": "never",
        "GIT_ALLOW_PROTOCOL": "ssh",
    }


def problem(said: str, credential: Credential | None) -> str:
    """Why a fetch with a deploy key failed, of what git and ssh said; empty for other reasons."""
    if credential is None:
        return ""
    found = next((kind for pattern, kind in _SAID if pattern.search(said)), "")
    name = credential.secret
    return {
        "host key": f"{credential.address} shows none of the credential's host keys",
        "no key": f"the secret {name} is no private key that ssh can use without a passphrase",
        "refused": f"the server does not let the deploy key {name} read the repository",
    }.get(found, "")
