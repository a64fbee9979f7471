"""Requests as the network takes them: their id, the sender's signature, their CBOR.

Source: IC interface specification, "Request authentication" and "Representation-independent
hashing of structured data".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import cbor2

from dcanary.client.identity import Signer

SELF_DESCRIBED_CBOR = 55799
_DOMAIN = b"\x0aic-request"

Value = bytes | str | int | Sequence["Value"]


def request_id(content: Mapping[str, Value]) -> bytes:
    """The hash that names a request, and that its sender signs."""
    pairs = [hashlib.sha256(key.encode()).digest() + _hash(value) for key, value in content.items()]
    return hashlib.sha256(b"".join(sorted(pairs))).digest()


def _hash(value: Value) -> bytes:
    if isinstance(value, bytes):
        return hashlib.sha256(value).digest()
    if isinstance(value, str):
        return hashlib.sha256(value.encode()).digest()
    if isinstance(value, int):
        return hashlib.sha256(_uleb128(value)).digest()
    return hashlib.sha256(b"".join(_hash(item) for item in value)).digest()


def _uleb128(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def sign_request(content: Mapping[str, Value], signer: Signer) -> tuple[bytes, bytes]:
    """(id, envelope) of a request. An anonymous one has no signature."""
    name = request_id(content)
    envelope: dict[str, object] = {"content": dict(content)}
    public_key, signature = signer.sign(_DOMAIN + name)
    if public_key is not None and signature is not None:
        envelope |= {"sender_pubkey": public_key, "sender_sig": signature}
    return name, cbor2.dumps(cbor2.CBORTag(SELF_DESCRIBED_CBOR, envelope))
