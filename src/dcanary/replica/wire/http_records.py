"""The Candid records of canisters that speak HTTP, and of HTTP outcalls.

    record { method: text; url: text; headers: vec record { text; text }; body: blob;
             certificate_version: opt nat16 }                                  (to the canister)
    record { status: nat; headers: vec record { name: text; value: text }; body: blob }
                                                                     (`http_request_result`)
Source: HTTP gateway specification; interface specification, "IC method http_request".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .candid_reader import (
    MAGIC,
    NAT,
    NAT8,
    NAT16,
    OPT,
    RECORD,
    TEXT,
    VEC,
    CandidError,
    Message,
    Value,
    field_hash,
    sized,
    sleb128,
)
from .request_id import uleb128

Headers = Sequence[tuple[str, str]]


def _record(fields: dict[int, int]) -> bytes:
    body = b"".join(uleb128(fid) + sleb128(ref) for fid, ref in sorted(fields.items()))
    return sleb128(RECORD) + uleb128(len(fields)) + body


def _encode(types: Sequence[bytes], values: dict[str, bytes]) -> bytes:
    """A message whose only argument is a record of the first type of the table."""
    ordered = sorted((field_hash(name), value) for name, value in values.items())
    return (
        MAGIC
        + uleb128(len(types))
        + b"".join(types)
        + b"\x01\x00"
        + b"".join(value for _, value in ordered)
    )


def encode_request(method: str, url: str, headers: Headers, body: bytes) -> bytes:
    """Argument of `http_request` and `http_request_update`. `url` is path and query."""
    types = [
        _record(
            {
                field_hash("method"): TEXT,
                field_hash("url"): TEXT,
                field_hash("headers"): 1,
                field_hash("body"): 3,
                field_hash("certificate_version"): 4,
            }
        ),
        sleb128(VEC) + sleb128(2),
        _record({0: TEXT, 1: TEXT}),
        sleb128(VEC) + sleb128(NAT8),
        sleb128(OPT) + sleb128(NAT16),
    ]
    pairs = b"".join(sized(name.encode()) + sized(value.encode()) for name, value in headers)
    return _encode(
        types,
        {
            "method": sized(method.encode()),
            "url": sized(url.encode()),
            "headers": uleb128(len(headers)) + pairs,
            "body": sized(body),
            "certificate_version": b"\x01\x02\x00",
        },
    )


def encode_outcall_result(status: int, headers: Headers, body: bytes) -> bytes:
    """Reply of the management canister's `http_request`."""
    name, value = field_hash("name"), field_hash("value")
    types = [
        _record({field_hash("status"): NAT, field_hash("headers"): 1, field_hash("body"): 3}),
        sleb128(VEC) + sleb128(2),
        _record({name: TEXT, value: TEXT}),
        sleb128(VEC) + sleb128(NAT8),
    ]
    pairs = b"".join(
        b"".join(
            part for _, part in sorted([(name, sized(k.encode())), (value, sized(v.encode()))])
        )
        for k, v in headers
    )
    return _encode(
        types,
        {
            "status": uleb128(status),
            "headers": uleb128(len(headers)) + pairs,
            "body": sized(body),
        },
    )


@dataclass(frozen=True, slots=True)
class StreamingCallback:
    """Where the rest of a body comes from: `token` is the argument of the query to ask."""

    canister_id: bytes
    method: str
    token: bytes


@dataclass(frozen=True, slots=True)
class CanisterResponse:
    """What a canister answered to an HTTP request."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    upgrade: bool
    streaming: StreamingCallback | None


def _need(record: Value, name: str) -> Value:
    value = record.get(name)
    if value is None:
        raise CandidError(f"field `{name}` is missing")
    return value


def _streaming(record: Value) -> StreamingCallback | None:
    field = record.get("streaming_strategy")
    strategy = None if field is None else field.opt()
    if strategy is None:
        return None
    case, value = strategy.case()
    if case != field_hash("Callback"):
        raise CandidError("streaming_strategy has an unknown case")
    canister_id, method = _need(value, "callback").function()
    return StreamingCallback(canister_id, method, _need(value, "token").as_message())


def decode_response(data: bytes) -> CanisterResponse:
    """Reply of `http_request`. Raises CandidError when it is no HTTP response."""
    args = Message(data).args
    if not args:
        raise CandidError("the reply is empty")
    record = args[0]
    headers = []
    for item in _need(record, "headers").items():
        pair = item.fields()
        if set(pair) != {0, 1}:
            raise CandidError("a header is not a pair of texts")
        headers.append((pair[0].text(), pair[1].text()))
    upgrade_field = record.get("upgrade")
    upgrade = None if upgrade_field is None else upgrade_field.opt()
    return CanisterResponse(
        _need(record, "status_code").natural(),
        tuple(headers),
        _need(record, "body").blob(),
        upgrade is not None and upgrade.boolean(),
        _streaming(record),
    )


def decode_streamed(
    data: bytes, callback: StreamingCallback
) -> tuple[bytes, StreamingCallback | None]:
    """Reply of a streaming callback: a piece of body, and what to ask next.

    Raises CandidError when it is no such reply.
    """
    args = Message(data).args
    record = args[0].opt() if args else None
    if record is None:
        return b"", None
    token_field = record.get("token")
    token = None if token_field is None else token_field.opt()
    rest = None
    if token is not None:
        rest = StreamingCallback(callback.canister_id, callback.method, token.as_message())
    return _need(record, "body").blob(), rest
