"""Whether a canister, and not one node or the gateway, gave an HTTP response.

Source: HTTP gateway protocol specification, "Response verification", version 2. Certificates are
checked by `client.certificate`. Of the expressions, only those are understood that certify listed
response headers; a response that is not certified is refused.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

import cbor2

from dcanary.client.certificate import Unknown, check_freshness, lookup, root_hash, verify
from dcanary.client.errors import CertificateError

_FIELD = re.compile(r"\s*(\w+)=(?::([A-Za-z0-9+/=]*):|(\d+))\s*")
_EXPRESSION = re.compile(
    r"default_certification\(ValidationArgs\{certification:Certification\{"
    r"(?:no_request_certification:Empty\{\}|request_certification:RequestCertification\{"
    r"certified_request_headers:\[(?P<request>[^\]]*)\],"
    r"certified_query_parameters:\[(?P<query>[^\]]*)\]\}),"
    r"response_certification:ResponseCertification\{certified_response_headers:"
    r"ResponseHeaderList\{headers:\[(?P<response>[^\]]*)\]\}\}\}\}\)"
)
EXACT, WILDCARD = b"<$>", b"<*>"


@dataclass(frozen=True)
class Exchange:
    """A request without a body, and the response to it.

    `url` is path and query, header names are in lower case.
    """

    method: str
    url: str
    status: int
    headers: Sequence[tuple[str, str]]
    body_sha256: bytes

    def header(self, name: str) -> str:
        """A header of the response. Raises CertificateError when it is not there."""
        for key, value in self.headers:
            if key == name:
                return value
        raise CertificateError(f"the response has no {name} header: it is not certified")


def check(exchange: Exchange, canister: bytes, root_key: bytes, now_ns: int) -> None:
    """Raises CertificateError unless `canister` certified this response to this request."""
    fields = _fields(exchange.header("ic-certificate"))
    if fields.get("version") != b"2":
        raise CertificateError("the response is certified by another version than 2")
    state = verify(_blob(fields, "certificate"), root_key, canister)
    check_freshness(state, now_ns)
    tree = _decoded(_blob(fields, "tree"), "tree")
    try:
        certified = lookup(state, [b"canister", canister, b"certified_data"])
    except Unknown:
        certified = None
    if certified is None or certified != root_hash(tree):
        raise CertificateError("the response's tree is not what the canister certified")
    path = _decoded(_blob(fields, "expr_path"), "expr_path")
    if not all(isinstance(part, str) for part in path):
        raise CertificateError("the expr_path of the response is malformed")
    labels = [part.encode() for part in path]
    check_path(labels, exchange.url, tree)
    expression = exchange.header("ic-certificateexpression")
    request, response = hashes_of(exchange, expression)
    wanted = [*labels, _sha256(expression.encode()), request, response]
    try:
        found = lookup(tree, wanted)
    except Unknown:
        found = None
    if found != b"":
        raise CertificateError(
            "the response is not the one that the canister certified",
            "its status, its headers or its bytes were changed on the way",
        )


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _fields(header: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in header.split(","):
        match = _FIELD.fullmatch(part)
        if match is None:
            raise CertificateError("the ic-certificate header is malformed")
        name, encoded, number = match.groups()
        found[name] = number.encode() if number else base64.b64decode(encoded + "==")
    return found


def _blob(fields: Mapping[str, bytes], name: str) -> bytes:
    if name not in fields:
        raise CertificateError(f"the ic-certificate header has no {name}")
    return fields[name]


def _decoded(blob: bytes, what: str) -> Sequence[Any]:
    try:
        value = cbor2.loads(blob)
    except Exception as error:
        raise CertificateError(f"the {what} of the response is no CBOR") from error
    value = getattr(value, "value", value)
    if not isinstance(value, list | tuple):
        raise CertificateError(f"the {what} of the response is malformed")
    return value


def check_path(labels: Sequence[bytes], url: str, tree: Sequence[Any]) -> None:
    """The most exact path that is certified for a URL decides, no other."""
    decoded = unquote_to_bytes(_path_and_query(url)[0])
    asked = [b"http_expr", *(part for part in decoded.split(b"/") if part)]
    if decoded.endswith(b"/"):
        asked.append(b"")
    if list(labels) == [*asked, EXACT]:
        return
    start = list(labels[:-1])
    if labels[-1:] != [WILDCARD] or asked[: len(start)] != start:
        raise CertificateError("the response is certified for another path")
    more = [[*asked, EXACT]]
    more += [[*asked[:end], WILDCARD] for end in range(len(start) + 1, len(asked) + 1)]
    for path in more:
        try:
            absent = lookup(tree, path) is None
        except Unknown:
            absent = False
        if not absent:
            raise CertificateError("the response is not the most exact one that is certified")


def _path_and_query(url: str) -> tuple[str, str]:
    """Of a URL without a host; `urlsplit` would take `//a/b` to have one."""
    path, _, query = url.partition("#")[0].partition("?")
    return path or "/", query


def _names(text: str) -> list[str]:
    return re.findall(r'"([^"]*)"', text)


def _map_hash(fields: Sequence[tuple[str, bytes]]) -> bytes:
    pairs = sorted(_sha256(key.encode()) + _sha256(value) for key, value in fields)
    return _sha256(b"".join(pairs))


def hashes_of(exchange: Exchange, expression: str) -> tuple[bytes, bytes]:
    """What stands for the request (empty: any) and for the response."""
    match = _EXPRESSION.fullmatch(re.sub(r"\s", "", expression))
    if match is None:
        raise CertificateError("the response's certificate expression is not one that is known")
    request = b""
    if match["request"] is not None:
        if match["request"] or match["query"]:
            raise CertificateError("the response is certified for headers of a request")
        about = [(":ic-cert-method", exchange.method.encode())]
        if _path_and_query(exchange.url)[1]:
            about.append((":ic-cert-query", b""))
        request = _sha256(_map_hash(about) + _sha256(b""))
    certified = {name.lower() for name in _names(match["response"])}
    fields = [(name, value.encode()) for name, value in exchange.headers if name in certified]
    fields.append(("ic-certificateexpression", expression.encode()))
    fields.append((":ic-cert-status", _leb128(exchange.status)))
    return request, _sha256(_map_hash(fields) + exchange.body_sha256)


def _leb128(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
