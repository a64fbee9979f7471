"""Which hosts a download may connect to.

Lock files and pipelines are written by whoever pushes: what they name must be on the list of
allowed hosts, use https, and have a public address, so that no commit makes an executor talk to
services of its own machine or network. A registry that the operator has set, such as a mirror in
the same building, may have any address, and plain http: its bytes are checked like all others.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from dcanary.reach import NotPublicError, is_public, origin, problem_of

_HTTPS_PORT = 443
_ALLOW = "allow it (`hosts` of the stage, `--allow` of a command), or use one that is"


class Hosts:
    """`allowed` are names (`host` or `host:port`), `trusted` URLs of the operator's registries.

    Raises ValueError for an allowed name that is no host.
    """

    def __init__(self, allowed: Iterable[str], trusted: Iterable[str] = ()) -> None:
        self._allowed = {_host_and_port(each) for each in allowed}
        self._trusted = {(urlsplit(each).scheme, *origin(each)) for each in trusted}

    def problem(self, url: str) -> str:
        """Why a URL may not be asked for, and what to do; empty when it may. Looks no name up."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return "this is no URL: correct it where it is written"
        if parts.scheme not in ("http", "https"):
            return "only https URLs can be fetched: use the https URL"
        if (wrong := problem_of(url)) is not None:
            return f"the URL has {wrong}: correct it where it is written"
        host, port = origin(url)
        if (parts.scheme, host, port) in self._trusted:
            return ""
        if parts.scheme != "https":
            return "http is not allowed: use the https URL"
        if parts.username or parts.password:
            return "a URL with a user or password is not allowed: leave it out"
        if (host, port) not in self._allowed:
            return f"{listed_as(url)} is not on the list of allowed hosts: {_ALLOW}"
        return ""

    def trusts(self, host: str, port: int) -> bool:
        """Whether the operator has set this server, which may then have any address."""
        return any((host.lower(), port) == each[1:] for each in self._trusted)

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host that may be connected to, in the system's order.

        Raises NotPublicError when there is none, and OSError when the host cannot be looked up.
        """
        found = dict.fromkeys(
            str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        allowed = [each for each in found if self.trusts(host, port) or is_public(each)]
        if not allowed:
            raise NotPublicError(host)
        return allowed


def listed_as(url: str) -> str:
    """The host of a URL as a list of allowed hosts has it: `name`, or `name:port`."""
    host, port = origin(url)
    return host if port == _HTTPS_PORT else f"{host}:{port}"


def _host_and_port(name: str) -> tuple[str, int]:
    host, port = origin(f"https://{name}")
    if not host or "/" in name or "@" in name or any(each.isspace() for each in name):
        raise ValueError(f"{name!r} is no host: write it as registry.example.org or host:port")
    return host, port
