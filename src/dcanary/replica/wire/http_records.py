"""The Candid records of canisters that speak HTTP, and of HTTP outcalls.

Source: HTTP gateway specification; interface specification, "IC method http_request".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from dcanary.candid import ANY_FUNC, ANY_VALUE, CandidError, Codec, parse_types

Headers = Sequence[tuple[str, str]]

# Every canister has its own type `token`, and so its own type of callback.
_TYPES = """
type request = record {
  method : text;
  url : text;
  headers : vec record { text; text };
  body : blob;
  certificate_version : opt nat16;
};
type response = record {
  status_code : nat16;
  headers : vec record { text; text };
  body : blob;
  upgrade : opt bool;
  streaming_strategy : opt variant { Callback : record { callback : callback; token : token } };
};
type streamed = opt record { body : blob; token : opt token };
type outcall_result = record {
  status : nat;
  headers : vec record { name : text; value : text };
  body : blob;
};
"""
_CERTIFICATE_VERSION = 2


@cache
def _codec(name: str) -> Codec:
    nodes = parse_types(_TYPES, {"callback": ANY_FUNC, "token": ANY_VALUE})
    return Codec([nodes[name]], principals_as_bytes=True)


def encode_request(method: str, url: str, headers: Headers, body: bytes) -> bytes:
    """Argument of `http_request` and `http_request_update`. `url` is path and query."""
    record = {
        "method": method,
        "url": url,
        "headers": list(headers),
        "body": body,
        "certificate_version": _CERTIFICATE_VERSION,
    }
    return _codec("request").encode((record,))


def encode_outcall_result(status: int, headers: Headers, body: bytes) -> bytes:
    """Reply of the management canister's `http_request`."""
    record = {
        "status": status,
        "headers": [{"name": name, "value": value} for name, value in headers],
        "body": body,
    }
    return _codec("outcall_result").encode((record,))


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


def _streaming(strategy: dict[str, Any] | None) -> StreamingCallback | None:
    if strategy is None:
        return None
    chosen = strategy["Callback"]
    for name in ("callback", "token"):
        if chosen[name] is None:
            raise CandidError(f"field `{name}` is missing")
    canister_id, method = chosen["callback"]
    return StreamingCallback(canister_id, method, chosen["token"])


def decode_response(data: bytes) -> CanisterResponse:
    """Reply of `http_request`. Raises CandidError when it is no HTTP response."""
    (record,) = _codec("response").decode(data)
    return CanisterResponse(
        record["status_code"],
        tuple(record["headers"]),
        record["body"],
        record["upgrade"] is True,
        _streaming(record["streaming_strategy"]),
    )


def decode_streamed(
    data: bytes, callback: StreamingCallback
) -> tuple[bytes, StreamingCallback | None]:
    """Reply of a streaming callback: a piece of body, and what to ask next.

    Raises CandidError when it is no such reply.
    """
    (record,) = _codec("streamed").decode(data)
    if record is None:
        return b"", None
    rest = None
    if record["token"] is not None:
        rest = StreamingCallback(callback.canister_id, callback.method, record["token"])
    return record["body"], rest
