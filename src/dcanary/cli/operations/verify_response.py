"""Whether what an HTTP address gives was certified by a canister."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx

from dcanary.cli.errors import UsageTrouble
from dcanary.client import principal
from dcanary.client.certified_response import Exchange, check
from dcanary.client.errors import ConfigError, NetworkError
from dcanary.client.http import client

MAX_BYTES = 1 << 30
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Verified:
    """What a canister certified: the status, and of the body its size and sha256."""

    canister: str
    status: int
    size: int
    sha256: str


def canister_in(url: str) -> str:
    """The canister that an address names, by its host or its query. Raises UsageTrouble."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageTrouble(f"{url} is no http:// or https:// address")
    named = [parts.hostname.partition(".")[0], *parse_qs(parts.query).get("canisterId", [])]
    for name in named:
        try:
            principal.from_text(name)
        except ConfigError:
            continue
        return name
    raise UsageTrouble(f"{url} names no canister: give --canister")


def verify(
    url: str, canister: str, root_key: bytes, take: Callable[[bytes], object] = lambda _: None
) -> Verified:
    """Ask for the address, and check that `canister` certified the answer.

    `take` gets the pieces of the body, of which nothing may be believed before this returns.
    Raises CertificateError for an answer that the canister did not certify, NetworkError.
    """
    hasher, size = hashlib.sha256(), 0
    parts = urlsplit(url)
    host, here = parts.netloc, url
    if (parts.hostname or "").endswith(".localhost"):
        # Resolvers differ in what they make of such names; they mean this machine (RFC 6761).
        port = f":{parts.port}" if parts.port else ""
        here = parts._replace(netloc=f"127.0.0.1{port}").geturl()
    try:
        asking = {"host": host, "accept-encoding": "identity"}
        with (
            client(here, TIMEOUT_SECONDS) as session,
            session.stream("GET", here, headers=asking) as answer,
        ):
            for piece in answer.iter_raw():
                size += len(piece)
                if size > MAX_BYTES:
                    raise NetworkError(f"{url} gives more than {MAX_BYTES:,} bytes")
                hasher.update(piece)
                take(piece)
            headers = [(name.lower(), value) for name, value in answer.headers.multi_items()]
            status, asked = answer.status_code, answer.request.url.raw_path.decode()
    except httpx.HTTPError as error:
        raise NetworkError(f"{url} cannot be read: {error}") from None
    exchange = Exchange("GET", asked, status, headers, hasher.digest())
    check(exchange, principal.from_text(canister), root_key, time.time_ns())
    return Verified(canister, status, size, hasher.hexdigest())
