"""HTTP clients that reach loopback directly, whatever proxies the environment names."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

from dcanary import proxies, reach
from dcanary.client.errors import ConfigError


def is_loopback(url: str) -> bool:
    """Whether the address is on this very machine by its form (nothing is resolved)."""
    return reach.is_loopback(urlsplit(url).hostname or "")


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
    except proxies.WRONG as error:
        name = proxies.at_fault()
        if name is None and isinstance(error, httpx.InvalidURL):
            raise  # Of the address itself.
        which = f"the proxy in {name}" if name else "a proxy that the environment names"
        if name and name.lower() == "no_proxy":
            which, hint = f"the list in {name}", "write hosts with commas between them"
        else:
            hint = "an http:// proxy works, as http://HOST:PORT"
        raise ConfigError(
            f"{which} cannot be used: {_sentence(error)}",
            f"{hint}; or unset {name or 'HTTP_PROXY, HTTPS_PROXY and ALL_PROXY'}",
        ) from None


def _sentence(error: Exception) -> str:
    return str(error).splitlines()[0].partition(". ")[0].rstrip(".")
