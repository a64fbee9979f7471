"""Which variable of the environment names a proxy that cannot be used.

The HTTP library reads all of them at once, and says what is wrong but not with which.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator

import httpx

WRONG = (ImportError, ValueError, httpx.InvalidURL)
"""What the library raises for such a proxy; SOCKS needs a package that it does not bring."""


def at_fault() -> str | None:
    """The variable, without its value, in which a password may stand; None when none is wrong."""
    for kind in ("http", "https", "all"):
        for name, value in _given(kind):
            url = value if "://" in value else f"http://{value}"
            try:
                httpx.HTTPTransport(proxy=url, verify=False).close()
            except WRONG:
                return name
    for name, value in _given("no"):
        if any(not _can_be_excepted(host.strip()) for host in value.split(",")):
            return name
    return None


def _given(kind: str) -> Iterator[tuple[str, str]]:
    """The variables of a kind that count: that in small letters, else the other."""
    for name in (f"{kind}_proxy", f"{kind}_proxy".upper()):
        if name in os.environ:
            if os.environ[name]:
                yield name, os.environ[name]
            return


def _can_be_excepted(host: str) -> bool:
    try:
        ipaddress.ip_network(host.partition("/")[0])
    except ValueError:
        try:
            httpx.URL(host if "://" in host else f"all://*{host}")
        except httpx.InvalidURL:
            return False
    return True
