"""An HTTP client for servers that a commit or another server has named: `Reach` decides."""

from collections.abc import Iterable, Sequence
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from dcanary.executor.source import SourceUnavailable
from dcanary.reach import Reach, is_loopback

_REDIRECTS = 5


def checked_client(reach: Reach, schemes: Sequence[str]) -> httpx.Client:
    """A client that connects to what may be reached, through redirects, too; the caller closes it.

    Proxies of the environment are used where there are any: what they reach is a matter of whoever
    runs them. Requests raise NotPublicError and SourceUnavailable besides httpx's errors.
    """

    def check(request: httpx.Request) -> None:
        # For each redirect, too.
        if request.url.scheme not in schemes:
            raise SourceUnavailable("the Git LFS server sent elsewhere: not allowed")
        reach.check(str(request.url))

    return httpx.Client(
        transport=_CheckedTransport(reach),
        mounts=_proxies(reach.host),
        follow_redirects=True,
        max_redirects=_REDIRECTS,
        event_hooks={"request": [check]},
    )


def _proxies(clone_host: str) -> dict[str, httpx.BaseTransport | None]:
    """Patterns of URLs -> the proxy for them; None for those without one."""
    found: dict[str, httpx.BaseTransport | None] = {
        f"{scheme}://": httpx.HTTPTransport(proxy=url)
        for scheme, url in getproxies().items()
        if scheme in ("http", "https", "all") and url.startswith(("http://", "https://"))
    }
    # A proxy cannot reach this machine's own servers.
    if clone_host and (is_loopback(clone_host) or proxy_bypass(clone_host)):
        shown = f"[{clone_host}]" if ":" in clone_host else clone_host
        found[f"all://{shown}"] = None
    return found


class _CheckedTransport(httpx.HTTPTransport):
    """Connections without a proxy. httpx has no parameter for the backend of its pool."""

    def __init__(self, reach: Reach) -> None:
        super().__init__()
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(), network_backend=_CheckedBackend(reach)
        )


class _CheckedBackend(httpcore.SyncBackend):
    """Connects to addresses that were checked. Certificates are still those of the name."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """See `httpcore.NetworkBackend.connect_tcp`. Raises NotPublicError."""
        try:
            addresses = self._reach.addresses(host, port)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        for address in addresses[:-1]:
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return super().connect_tcp(addresses[-1], port, timeout, local_address, socket_options)
