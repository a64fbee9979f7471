"""Canister side of the HTTP records, through ic-py's Candid: independent of the replica's own."""

from __future__ import annotations

from typing import Any

from ic.candid import Types, decode, encode

PAIRS = Types.Vec(Types.Tuple(Types.Text, Types.Text))
BLOB = Types.Vec(Types.Nat8)
REQUEST = Types.Record(
    {
        "method": Types.Text,
        "url": Types.Text,
        "headers": PAIRS,
        "body": BLOB,
        "certificate_version": Types.Opt(Types.Nat16),
    }
)
TOKEN = Types.Record(
    {"key": Types.Text, "index": Types.Nat, "tags": Types.Vec(Types.Opt(Types.Int))}
)
STRATEGY = Types.Variant(
    {"Callback": Types.Record({"callback": Types.Func([TOKEN], [], ["query"]), "token": TOKEN})}
)
RESPONSE = Types.Record(
    {
        "status_code": Types.Nat16,
        "headers": PAIRS,
        "body": BLOB,
        "upgrade": Types.Opt(Types.Bool),
        "streaming_strategy": Types.Opt(STRATEGY),
    }
)
STREAMED = Types.Opt(Types.Record({"body": BLOB, "token": Types.Opt(TOKEN)}))


def decode_request(arg: bytes) -> dict[str, Any]:
    """The record that the gateway sent, by field names."""
    value: dict[str, Any] = decode(arg, REQUEST)[0]["value"]
    return value


def response(
    status: int,
    body: bytes = b"",
    headers: list[tuple[str, str]] | None = None,
    *,
    upgrade: bool | None = None,
    streaming: dict[str, Any] | None = None,
) -> bytes:
    """An HTTP response of a canister."""
    value = {
        "status_code": status,
        "headers": [tuple(pair) for pair in headers or []],
        "body": list(body),
        "upgrade": [] if upgrade is None else [upgrade],
        "streaming_strategy": [] if streaming is None else [streaming],
    }
    return bytes(encode([{"type": RESPONSE, "value": value}]))


def streamed(body: bytes, token: dict[str, Any] | None) -> bytes:
    """Reply of a streaming callback."""
    value = [{"body": list(body), "token": [] if token is None else [token]}]
    return bytes(encode([{"type": STREAMED, "value": value}]))
