"""CBOR envelopes of the HTTPS interface, decoded into typed requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cbor2

from dcanary import not_yet
from dcanary.candid import principal

from .errors import bad_request
from .plain_cbor import check_plain
from .request_id import hash_of_map

SELF_DESCRIBED = b"\xd9\xd9\xf7"
"""CBOR tag 55799, which clients may put before a request."""
MAX_NONCE = 32
MAX_PATHS = 1000
MAX_LABELS = 127
MAX_DELEGATIONS = 20
MAX_TARGETS = 1000


@dataclass(frozen=True, slots=True)
class Delegation:
    """One link of a delegation chain; `raw` is what was signed."""

    public_key: bytes
    expiration: int
    targets: frozenset[bytes] | None
    queries_only: bool
    signature: bytes
    raw_hash: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """What every request has. `ingress_expiry` is in nanoseconds since the Unix epoch."""

    request_id: bytes
    sender: bytes
    ingress_expiry: int


@dataclass(frozen=True, slots=True)
class CallRequest(Request):
    """A call (`is_query` False) or a query. `canister_id` is empty for the management canister."""

    is_query: bool
    canister_id: bytes
    method: str
    arg: bytes


@dataclass(frozen=True, slots=True)
class ReadStateRequest(Request):
    """A request for parts of the certified state tree."""

    paths: tuple[tuple[bytes, ...], ...]


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request with its proof of origin, not yet checked."""

    request: CallRequest | ReadStateRequest
    sender_public_key: bytes | None
    signature: bytes | None
    delegations: tuple[Delegation, ...]


def _field(content: Mapping[object, object], name: str, kind: type) -> object:
    value = content.get(name)
    if value is None:
        raise bad_request(f"Could not parse body as CBOR envelope: missing field `{name}`")
    if not isinstance(value, kind) or isinstance(value, bool):
        raise bad_request(
            f"Could not parse body as CBOR envelope: field `{name}` has type "
            f"{type(value).__name__}, expected {kind.__name__}"
        )
    return value


def _blob(content: Mapping[object, object], name: str) -> bytes:
    value = _field(content, name, bytes)
    assert isinstance(value, bytes)
    return value


def _nat64(content: Mapping[object, object], name: str) -> int:
    value = _field(content, name, int)
    assert isinstance(value, int)
    if not 0 <= value < 1 << 64:
        raise bad_request(f"field `{name}` is not a 64-bit natural number")
    return value


def _text(content: Mapping[object, object], name: str) -> str:
    value = _field(content, name, str)
    assert isinstance(value, str)
    return value


def _principal(content: Mapping[object, object], name: str) -> bytes:
    value = _blob(content, name)
    if len(value) > principal.MAX_LENGTH:
        raise bad_request(f"field `{name}` is longer than {principal.MAX_LENGTH} bytes")
    return value


def _paths(content: Mapping[object, object]) -> tuple[tuple[bytes, ...], ...]:
    paths = content.get("paths")
    if not isinstance(paths, (list, tuple)):
        raise bad_request("Could not parse body as read request: `paths` is not an array")
    if len(paths) > MAX_PATHS:
        raise bad_request(f"read request has more than {MAX_PATHS} paths")
    out = []
    for path in paths:
        if not isinstance(path, (list, tuple)) or not all(isinstance(x, bytes) for x in path):
            raise bad_request(
                "Could not parse body as read request: invalid type: byte array, "
                "expected a sequence"
            )
        if len(path) > MAX_LABELS:
            raise bad_request(f"a path has more than {MAX_LABELS} labels")
        out.append(tuple(path))
    return tuple(out)


def _request(content: Mapping[object, object]) -> CallRequest | ReadStateRequest:
    kind = _text(content, "request_type")
    request_id = hash_of_map(content)
    sender = _principal(content, "sender")
    expiry = _nat64(content, "ingress_expiry")
    if content.get("nonce") is not None and len(_blob(content, "nonce")) > MAX_NONCE:
        raise bad_request(f"nonce is longer than {MAX_NONCE} bytes")
    if content.get("sender_info") is not None:
        raise bad_request(not_yet.SENDER_INFO.sentence())
    if kind == "read_state":
        return ReadStateRequest(request_id, sender, expiry, _paths(content))
    if kind not in ("call", "query"):
        raise bad_request(f"unknown request_type {kind!r}: expected call, query or read_state")
    return CallRequest(
        request_id,
        sender,
        expiry,
        kind == "query",
        _principal(content, "canister_id"),
        _text(content, "method_name"),
        _blob(content, "arg"),
    )


def _delegation(item: object) -> Delegation:
    if not isinstance(item, Mapping) or not isinstance(item.get("delegation"), Mapping):
        raise bad_request("sender_delegation holds something that is not a signed delegation")
    body: Mapping[object, object] = item["delegation"]
    targets = body.get("targets")
    if targets is not None:
        if not isinstance(targets, (list, tuple)) or not all(isinstance(t, bytes) for t in targets):
            raise bad_request("targets of a delegation must be an array of principals")
        if len(targets) > MAX_TARGETS:
            raise bad_request(f"a delegation has more than {MAX_TARGETS} targets")
    permissions = body.get("permissions")
    if permissions not in (None, "all", "queries"):
        raise bad_request(f"a delegation has unknown permissions {permissions!r}")
    return Delegation(
        _blob(body, "pubkey"),
        _nat64(body, "expiration"),
        None if targets is None else frozenset(targets),
        permissions == "queries",
        _blob(item, "signature"),
        hash_of_map(body),
    )


def decode_envelope(body: bytes) -> Envelope:
    """Decode the body of a POST. Raises RequestRefused (400) when it is not an envelope."""
    data = body[3:] if body.startswith(SELF_DESCRIBED) else body
    check_plain(data)
    try:
        decoded = cbor2.loads(data, allow_duplicate_keys=False)
    # cbor2 may raise from the built-in decoders of tags (dates, fractions, addresses) too.
    except Exception as error:
        raise bad_request(f"Could not parse body as CBOR envelope: {error}") from error
    if not isinstance(decoded, Mapping) or not isinstance(decoded.get("content"), Mapping):
        raise bad_request("Could not parse body as CBOR envelope: missing field `content`")
    delegations = decoded.get("sender_delegation")
    if delegations is None:
        delegations = ()
    if not isinstance(delegations, (list, tuple)):
        raise bad_request("sender_delegation must be an array")
    if len(delegations) > MAX_DELEGATIONS:
        raise bad_request(f"more than {MAX_DELEGATIONS} delegations")
    return Envelope(
        _request(decoded["content"]),
        None if decoded.get("sender_pubkey") is None else _blob(decoded, "sender_pubkey"),
        None if decoded.get("sender_sig") is None else _blob(decoded, "sender_sig"),
        tuple(_delegation(item) for item in delegations),
    )
