"""Reaching the real registries where the environment names a proxy that is dead."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")
_PORTS = {"http": 80, "https": 443}


@pytest.fixture(scope="module", autouse=True)
def live_proxies_only() -> Iterator[None]:
    """Leave out dead proxies for the tests of a module, which reach the registries for real.

    All other tests reach loopback alone, and pass whatever proxy is set. These cannot pass by a
    proxy that does not answer, and are not about proxies.
    """
    with pytest.MonkeyPatch.context() as environment:
        for name in list(os.environ):
            if name.lower() in _VARIABLES and not _answers(os.environ[name]):
                environment.delenv(name)
        yield


def _answers(proxy: str) -> bool:
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    try:
        port = parts.port or _PORTS.get(parts.scheme, 1080)
        socket.create_connection((parts.hostname or "", port), 5).close()
    except (OSError, ValueError):
        return False
    return True
