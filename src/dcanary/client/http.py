"""HTTP clients that reach loopback directly, whatever proxies the environment names."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import httpx

from dcanary.client.errors import ConfigError


def is_loopback(url: str) -> bool:
    """Whether the address is on this very machine by its form (nothing is resolved)."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def client(url: str, timeout: httpx.Timeout | float, **headers: str) -> httpx.Client:
    """A client for one address. Proxies of the environment count for other machines only.

    Raises ConfigError when such a proxy cannot be used.
    """
    try:
        return httpx.Client(
            base_url=url,
            timeout=timeout,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            trust_env=not is_loopback(url),
        )
    except (ImportError, ValueError) as error:
        # httpx reads all proxy variables at once; SOCKS needs a package that it does not bring.
        raise ConfigError(
            f"a proxy that the environment names cannot be used: {_sentence(error)}",
            "look at HTTP_PROXY, HTTPS_PROXY and ALL_PROXY; an http:// proxy works",
        ) from None


def _sentence(error: Exception) -> str:
    return str(error).splitlines()[0].partition(". ")[0].rstrip(".")
