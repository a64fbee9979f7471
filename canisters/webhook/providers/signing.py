"""Signatures that several forges have in common: HMAC-SHA-256 of the raw body. Plain Python."""

import hashlib
import hmac

HEX_CHARS = 64


def is_hex_signature(
    body: bytes, signature: "str | None", prefix: str, secrets: "list[bytes]"
) -> bool:
    """Whether `signature` is `prefix` and the hexadecimal HMAC under one of the live secrets.

    Every secret is tried and compared in constant time, whichever fits; what cannot be a signature
    is not worth hashing a body for.
    """
    given = (signature or "").encode("utf-8", "replace")
    if len(given) != len(prefix) + HEX_CHARS:
        return False
    signed = False
    for secret in secrets:
        expected = prefix + hmac.new(secret, body, hashlib.sha256).hexdigest()
        signed = hmac.compare_digest(expected.encode(), given) or signed
    return signed
