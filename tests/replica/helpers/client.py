"""A small signing client that lets tests bend every part of a request."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import cbor2
import httpx
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dcanary.candid import principal

from .certificates import hash_of

HTTP = httpx.Client(timeout=30, trust_env=False)
"""Shared by all tests, so that no client is left open."""
CBOR = {"content-type": "application/cbor"}


class Signer:
    """A key: `ed25519`, `p256` or `secp256k1`."""

    def __init__(self, kind: str = "ed25519") -> None:
        self._key: Any
        if kind == "ed25519":
            self._key = ed25519.Ed25519PrivateKey.generate()
        else:
            curve = ec.SECP256R1() if kind == "p256" else ec.SECP256K1()
            self._key = ec.generate_private_key(curve)
        self.der = self._key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        self.principal = principal.self_authenticating(self.der)

    def sign(self, message: bytes) -> bytes:
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(message)
        r, s = decode_dss_signature(self._key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def sign_content(content: dict[str, Any], signer: Signer | None) -> dict[str, Any]:
    """The envelope of a request."""
    if signer is None:
        return {"content": content}
    signature = signer.sign(b"\x0aic-request" + hash_of(content))
    return {"content": content, "sender_pubkey": signer.der, "sender_sig": signature}


def delegate(owner: Signer, to: Signer, **fields: Any) -> dict[str, Any]:
    """A signed delegation from `owner` to the key of `to`."""
    body = {"pubkey": to.der, "expiration": time.time_ns() + 10**12, **fields}
    signature = owner.sign(b"\x1aic-request-auth-delegation" + hash_of(body))
    return {"delegation": body, "signature": signature}


@dataclass
class Client:
    """Talks to one replica."""

    url: str
    signer: Signer | None = None

    @property
    def sender(self) -> bytes:
        return b"\x04" if self.signer is None else self.signer.principal

    def content(self, kind: str, **fields: Any) -> dict[str, Any]:
        base = {
            "request_type": kind,
            "sender": self.sender,
            "ingress_expiry": time.time_ns() + 240 * 10**9,
            "nonce": os.urandom(16),
        }
        return {**base, **fields}

    def call_content(self, canister: bytes, method: str, arg: bytes, **more: Any) -> dict[str, Any]:
        return self.content("call", canister_id=canister, method_name=method, arg=arg, **more)

    def post(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
        return HTTP.post(self.url + path, content=body, headers=headers or CBOR)

    def send(self, path: str, content: dict[str, Any]) -> httpx.Response:
        return self.post(path, cbor2.dumps(sign_content(content, self.signer)))

    def call(self, canister: bytes, method: str, arg: bytes, version: str = "v4") -> httpx.Response:
        path = f"/api/{version}/canister/{principal.to_text(canister)}/call"
        return self.send(path, self.call_content(canister, method, arg))

    def query(self, canister: bytes, method: str, arg: bytes) -> httpx.Response:
        path = f"/api/v3/canister/{principal.to_text(canister)}/query"
        content = self.content("query", canister_id=canister, method_name=method, arg=arg)
        return self.send(path, content)

    def read_state(self, effective: bytes, *paths: list[bytes]) -> httpx.Response:
        path = f"/api/v3/canister/{principal.to_text(effective)}/read_state"
        return self.send(path, self.content("read_state", paths=list(paths)))
