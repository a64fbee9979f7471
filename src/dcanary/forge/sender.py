"""Posts one delivery to its webhook."""

from __future__ import annotations

import time

import httpx

from dcanary import __version__, proxies
from dcanary.forge.kinds import DEFAULT, kind_of
from dcanary.forge.log import Delivery, answered, unanswered
from dcanary.forge.webhooks import Webhook

TIMEOUT_SECONDS = 30.0
MAX_RESPONSE_BYTES = 16_384


def is_local_name(host: str) -> bool:
    """`localhost` and every name under it mean this machine (RFC 6761, section 6.3)."""
    host = host.rstrip(".").lower()
    return host == "localhost" or host.endswith(".localhost")


def request_of(webhook: Webhook, headers: dict[str, str], body: bytes) -> httpx.Request:
    """The POST of a webhook. Local names go to 127.0.0.1 under their own Host header.

    Resolvers differ in what they make of `<canister-id>.localhost`, so none is asked.
    """
    url = httpx.URL(webhook.url)
    extensions: dict[str, str] = {}
    if is_local_name(url.host):
        headers = {**headers, "Host": url.netloc.decode("ascii")}
        extensions = {"sni_hostname": url.host}
        url = url.copy_with(host="127.0.0.1")
    return httpx.Request("POST", url, headers=headers, content=body, extensions=extensions)


class ProxyUnusable(RuntimeError):
    """The proxy settings of the environment are not supported, or wrong."""


class Sender:
    """Sends deliveries over HTTP; close it when done. Follows no redirects."""

    def __init__(self, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._timeout = timeout_seconds
        # Proxies of the environment are for the outside: this machine is reached directly.
        self._local = self._new_client(trust_env=False)
        self._outside: httpx.AsyncClient | None = None

    def _new_client(self, *, trust_env: bool) -> httpx.AsyncClient:
        # There is one for each repository at most, and slow ones must not delay others.
        limits = httpx.Limits(max_connections=None)
        return httpx.AsyncClient(timeout=self._timeout, limits=limits, trust_env=trust_env)

    async def close(self) -> None:
        """Close all connections."""
        await self._local.aclose()
        if self._outside is not None:
            await self._outside.aclose()

    async def send(
        self, delivery: Delivery, webhook: Webhook, body: bytes, provider: str = DEFAULT
    ) -> Delivery:
        """Post a delivery once, as a provider does; the delivery with what came of it.

        Raises ForgeError when the provider cannot sign with the webhook's secret.
        """
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"DCanary-Forge/{__version__}",
            "Accept": "*/*",
            **kind_of(provider).headers_of(
                delivery.delivery, delivery.event, body, webhook.secret, int(time.time())
            ),
        }
        try:
            request = request_of(webhook, headers, body)
            client = self._client(request.url.host)
            request.extensions = {
                **request.extensions,
                "timeout": httpx.Timeout(self._timeout).as_dict(),
            }
            response = await client.send(request, stream=True)
            try:
                text = await _beginning(response)
            finally:
                await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ProxyUnusable) as error:
            reason = str(error) or type(error).__name__
            return unanswered(delivery, f"{webhook.url} could not be reached: {reason}")
        return answered(delivery, response.status_code, text)

    def _client(self, host: str) -> httpx.AsyncClient:
        """The client for a host. Raises ProxyUnusable.

        The one for the outside is made when first needed: a proxy setting that cannot be used then
        fails what would use it, not the start of the forge.
        """
        if host in ("127.0.0.1", "::1"):
            return self._local
        if self._outside is None:
            try:
                self._outside = self._new_client(trust_env=True)
            except proxies.WRONG as error:
                named = proxies.at_fault() or "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY"
                raise ProxyUnusable(
                    f"the proxy that the environment names ({named}) cannot be used: {error}"
                ) from error
        return self._outside


async def _beginning(response: httpx.Response) -> str:
    """The first MAX_RESPONSE_BYTES of a response as text."""
    content = b""
    async for part in response.aiter_bytes():
        content += part
        if len(content) >= MAX_RESPONSE_BYTES:
            break
    return content[:MAX_RESPONSE_BYTES].decode("utf-8", "replace")
