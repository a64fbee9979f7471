"""Which canister an HTTP request is for."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request

from dcanary.candid import principal

from ..wire.errors import bad_request

PARAMETER = "canisterId"


def from_host(host: str, domains: Sequence[str]) -> bytes | None:
    """Canister id in `<id>.<domain>` or `<id>.raw.<domain>`, with or without a port.

    Raises RequestRefused (400) when a name under a domain is no canister id.
    """
    name = host.rsplit(":", 1)[0].lower().rstrip(".") if not host.startswith("[") else host
    for domain in domains:
        suffix = f".{domain}"
        if name.endswith(suffix):
            label = name.removesuffix(suffix).removesuffix(".raw")
            try:
                return principal.from_text(label)
            except ValueError as error:
                raise bad_request(
                    f"{host} names no canister: {label!r} is not a canister id"
                ) from error
    return None


def _from_query(query: str) -> bytes | None:
    values = parse_qs(query).get(PARAMETER)
    if not values:
        return None
    try:
        return principal.from_text(values[0])
    except ValueError as error:
        raise bad_request(f"{PARAMETER}={values[0]} is not a canister id") from error


def canister_of(request: Request, domains: Sequence[str]) -> bytes:
    """From the host name, else the query, else the page that refers here.

    Raises RequestRefused (400) when none names a canister.
    """
    found = from_host(request.headers.get("host", ""), domains)
    if found is None:
        found = _from_query(request.url.query)
    referer = request.headers.get("referer")
    if found is None and referer:
        try:
            parts = urlsplit(referer)
        except ValueError:
            parts = urlsplit("")
        found = from_host(parts.netloc, domains)
        if found is None:
            found = _from_query(parts.query)
    if found is None:
        raise bad_request(
            "Which canister is this for? Use http://<canister id>."
            f"{domains[0]}:PORT/ or add ?{PARAMETER}=<canister id> to the URL."
        )
    return found
