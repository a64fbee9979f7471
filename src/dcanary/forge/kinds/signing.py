"""The signature that most forges have in common."""

from __future__ import annotations

import hashlib
import hmac


def hex_signature(secret: bytes, body: bytes) -> str:
    """HMAC-SHA-256 of the raw body, in hexadecimal."""
    return hmac.new(secret, body, hashlib.sha256).hexdigest()
