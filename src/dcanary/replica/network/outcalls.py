"""HTTP requests of canisters, performed for real (interface specification, `http_request`)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx

from dcanary import not_yet, proxies
from dcanary.reach import is_loopback

from ..api import HttpOutcall, Reject, Reply, StateNotWritten
from ..node import UNWRITTEN_SECONDS, Node, NodeStopped
from ..wire.http_records import encode_outcall_result

log = logging.getLogger(__name__)

MAX_URL = 8192
MAX_RESPONSE = 2_000_000
"""Bytes of a response where the canister sets no lower limit."""
MAX_HEADERS = 64
MAX_HEADER = 8 * 1024
MAX_HEADERS_TOTAL = 48 * 1024
TIMEOUT_SECONDS = 30.0
WORKERS = 8
_SYS_FATAL, _SYS_TRANSIENT = 1, 2


def _refusal(code: int, message: str) -> Reject:
    return Reject(code, message, "IC0406")


def check(outcall: HttpOutcall, *, allow_http_loopback: bool) -> Reject | None:
    """Why an outcall may not be made, or None."""
    if outcall.method.upper() not in ("GET", "POST", "HEAD"):
        return _refusal(_SYS_FATAL, not_yet.OUTCALL_METHODS.sentence(outcall.method))
    if len(outcall.url) > MAX_URL:
        return _refusal(_SYS_FATAL, f"url is longer than {MAX_URL} characters")
    try:
        parts = urlsplit(outcall.url)
        host = parts.hostname or ""
    except ValueError as error:
        return _refusal(_SYS_FATAL, f"url {outcall.url!r} is malformed: {error}")
    loopback = is_loopback(host)
    if not host or parts.scheme not in ("http", "https"):
        return _refusal(_SYS_FATAL, f"url {outcall.url!r} must start with https:// and a host")
    if parts.scheme == "http" and not (loopback and allow_http_loopback):
        return _refusal(_SYS_FATAL, "url must start with https://")
    if loopback and not allow_http_loopback:
        return _refusal(_SYS_FATAL, "connecting to this machine is not allowed")
    sizes = [len(name.encode()) + len(value.encode()) for name, value in outcall.headers]
    if (
        len(sizes) > MAX_HEADERS
        or sum(sizes) > MAX_HEADERS_TOTAL
        or max(sizes, default=0) > (MAX_HEADER)
    ):
        return _refusal(
            _SYS_FATAL,
            f"at most {MAX_HEADERS} headers of {MAX_HEADER} bytes, {MAX_HEADERS_TOTAL} in total",
        )
    if outcall.max_response_bytes is not None and outcall.max_response_bytes > MAX_RESPONSE:
        return _refusal(_SYS_FATAL, f"max_response_bytes is above {MAX_RESPONSE}")
    return None


def perform(client: httpx.Client, outcall: HttpOutcall) -> Reply | Reject:
    """Make one checked outcall. Redirects are not followed: the canister sees them."""
    limit = MAX_RESPONSE if outcall.max_response_bytes is None else outcall.max_response_bytes
    try:
        with client.stream(
            outcall.method.upper(),
            outcall.url,
            headers=list(outcall.headers),
            content=outcall.body or None,
        ) as response:
            headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in response.headers.raw]
            size = sum(len(name) + len(value) for name, value in headers)
            body = bytearray()
            for part in response.iter_bytes():
                body += part
                if size + len(body) > limit:
                    break
            if size + len(body) > limit:
                return _refusal(
                    _SYS_FATAL, f"Http body exceeds size limit of {limit} bytes, headers included."
                )
            # The body is decoded, so its transfer headers would lie.
            kept = [h for h in headers if h[0].lower() not in ("content-encoding",)]
            return Reply(encode_outcall_result(response.status_code, kept, bytes(body)))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return _refusal(_SYS_TRANSIENT, f"Connecting to {outcall.url} failed: {error}")


class Clients:
    """HTTP clients: through the proxies of the environment, but never to this machine."""

    def __init__(self) -> None:
        self._direct = self._client(trust_env=False)
        self._outside: httpx.Client | None = None
        self._guard = threading.Lock()

    @staticmethod
    def _client(*, trust_env: bool) -> httpx.Client:
        return httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=trust_env)

    def to(self, host: str) -> httpx.Client:
        """The client for a host. Raises ProxyUnusable.

        The one for the outside is made when first needed: a proxy setting that cannot be used then
        fails the outcalls that would use it, not the start of the network.
        """
        if is_loopback(host):
            return self._direct
        with self._guard:
            if self._outside is None:
                try:
                    self._outside = self._client(trust_env=True)
                except proxies.WRONG as error:
                    named = proxies.at_fault() or "HTTPS_PROXY, ALL_PROXY"
                    raise ProxyUnusable(
                        f"the proxy that the environment names ({named}) cannot be used: {error}"
                    ) from error
            return self._outside

    def close(self) -> None:
        """Close all connections."""
        self._direct.close()
        if self._outside is not None:
            self._outside.close()


class ProxyUnusable(RuntimeError):
    """The proxy settings of the environment are not supported, or wrong."""


class Outcalls:
    """Performs the pending outcalls of a live node, each once."""

    def __init__(self, node: Node, *, allow_http_loopback: bool) -> None:
        self._node = node
        self._allow_http_loopback = allow_http_loopback
        self._clients = Clients()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="outcall")
        self._taken: set[int] = set()
        self._guard = threading.Lock()
        node.on_outcalls = self.take
        # Those that were pending when the network stopped.
        node.job(lambda: self.take(node.engine.http_outcalls()))

    def take(self, pending: Sequence[HttpOutcall]) -> None:
        """Start those of `pending` that are not under way."""
        with self._guard:
            new = [outcall for outcall in pending if outcall.request_id not in self._taken]
            self._taken.intersection_update(outcall.request_id for outcall in pending)
            self._taken.update(outcall.request_id for outcall in new)
        for outcall in new:
            self._pool.submit(self._one, outcall)

    def _one(self, outcall: HttpOutcall) -> None:
        try:
            answer = check(outcall, allow_http_loopback=self._allow_http_loopback)
            result = self._perform(outcall) if answer is None else answer
            self._answer(outcall.request_id, result)
        except (KeyError, NodeStopped):
            log.info("outcall %d is no longer waited for", outcall.request_id)
        except Exception:
            log.exception("outcall %d failed", outcall.request_id)

    def _answer(self, request_id: int, result: Reply | Reject) -> None:
        """Give the answer to the node, for as long as its disk is full: the request was made and
        must not be made again."""
        while True:
            try:
                self._node.answer_outcall(request_id, result)
                return
            except StateNotWritten:
                time.sleep(UNWRITTEN_SECONDS)

    def _perform(self, outcall: HttpOutcall) -> Reply | Reject:
        try:
            client = self._clients.to(urlsplit(outcall.url).hostname or "")
        except ProxyUnusable as error:
            return _refusal(_SYS_TRANSIENT, f"Connecting to {outcall.url} failed: {error}")
        return perform(client, outcall)

    def close(self) -> None:
        """Stop taking outcalls; those under way are abandoned."""
        self._node.on_outcalls = None
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._clients.close()
