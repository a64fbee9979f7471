"""Signatures of requests: Ed25519, ECDSA on P-256 and secp256k1, given DER public keys."""

from __future__ import annotations

from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from dcanary import not_yet

from .errors import bad_request

_COSE_OID = bytes.fromhex("060a2b0601040183b8430101")
_CANISTER_SIGNATURE_OID = bytes.fromhex("060a2b0601040183b8430102")

PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey


@lru_cache(maxsize=1024)
def _load(der: bytes) -> PublicKey:
    if _CANISTER_SIGNATURE_OID in der[:24]:
        raise bad_request(not_yet.CANISTER_SIGNATURES.sentence())
    if _COSE_OID in der[:24]:
        raise bad_request(not_yet.WEBAUTHN_KEYS.sentence())
    try:
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise bad_request(f"Invalid public key: not a known DER encoding ({error})") from error
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in ("secp256r1", "secp256k1"):
        return key
    raise bad_request("Invalid public key: expected Ed25519, ECDSA P-256 or ECDSA secp256k1")


def verify(der_public_key: bytes, message: bytes, signature: bytes) -> None:
    """Raises RequestRefused (400) unless `signature` over `message` verifies.

    ECDSA signatures are the 64 bytes r||s over SHA-256 of the message.
    """
    key = _load(der_public_key)
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
            return
        if len(signature) != 64:
            raise bad_request(
                f"Invalid signature: an ECDSA signature has 64 bytes, got {len(signature)}"
            )
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except InvalidSignature as error:
        raise bad_request("Invalid signature: it does not verify under the given key") from error
