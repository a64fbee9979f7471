"""HTTP connections of downloads: to checked addresses, or through the machine's proxy."""

from __future__ import annotations

import ssl
import threading
import urllib.request
from collections.abc import Iterable
from urllib.parse import urlsplit

import httpcore

from dcanary.download.hosts import Hosts
from dcanary.download.model import DownloadError, HostNotAllowed
from dcanary.reach import NotPublicError, is_loopback, origin


class Connections:
    """Pools of connections that threads share, until `close`."""

    def __init__(self, hosts: Hosts, most: int) -> None:
        self._hosts, self._most = hosts, most
        self._ssl = ssl.create_default_context()
        self._direct = httpcore.ConnectionPool(
            ssl_context=self._ssl, max_connections=most, network_backend=_Checked(hosts)
        )
        self._proxies: dict[str, httpcore.HTTPProxy] = {}
        self._lock = threading.Lock()

    def pool(self, url: str) -> httpcore.ConnectionPool:
        """What a URL is asked through. Raises DownloadError, and HostNotAllowed by rule."""
        host, port = origin(url)
        proxy = _proxy_for(url, host)
        if not proxy:
            return self._direct
        if urlsplit(proxy).scheme not in ("http", "https"):
            raise DownloadError(url, "the machine's proxy is not an HTTP proxy: not supported")
        # The proxy looks names up. What is known here not to be public it must not be asked for.
        try:
            self._hosts.addresses(host, port)
        except NotPublicError:
            raise HostNotAllowed(url, f"{host} has no public address") from None
        except OSError:
            pass
        with self._lock:
            if proxy not in self._proxies:
                self._proxies[proxy] = _proxy(proxy, self._ssl, self._most)
            return self._proxies[proxy]

    def close(self) -> None:
        """End all connections."""
        for each in (self._direct, *self._proxies.values()):
            each.close()


class _Checked(httpcore.NetworkBackend):
    """Connects to an address that was checked: a name that changes afterwards gains nothing."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts, self._system = hosts, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = self._hosts.addresses(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} cannot be looked up: {error}") from error
        problem: Exception | None = None
        for address in addresses:
            try:
                return self._system.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise httpcore.ConnectError(f"{host} does not answer: {problem}") from problem


def _proxy_for(url: str, host: str) -> str:
    """The proxy that this machine's settings name for a URL; empty for none."""
    # A proxy cannot reach this machine's own servers.
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return ""
    found = urllib.request.getproxies()
    proxy = found.get(urlsplit(url).scheme) or found.get("all") or ""
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _proxy(url: str, context: ssl.SSLContext, most: int) -> httpcore.HTTPProxy:
    parts = urlsplit(url)
    login = (parts.username or "", parts.password or "") if parts.username else None
    place = f"{parts.scheme}://{parts.hostname}:{parts.port or 80}"
    return httpcore.HTTPProxy(place, proxy_auth=login, ssl_context=context, max_connections=most)
