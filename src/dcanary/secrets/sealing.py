"""A value sealed to one recipient, for one place: HPKE (RFC 9180), X25519, ChaCha20-Poly1305.

Rejected: sealed boxes of libsodium. They bind nothing, so that a ciphertext could be moved to
another name or repository and would open there; and they need a dependency more.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from dcanary.secrets.errors import SecretProblem

# MAX_SECRET_VALUE_BYTES of shared/rules/limits.py.
MAX_VALUE_BYTES = 16 * 1024
MIN_VALUE_BYTES = 8
"""A shorter value is guessed at once, and to mask it would make logs unreadable."""
KEY_BYTES = 32
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_DOMAIN = b"dcanary secret 1"
_LENGTH_BYTES = 4
# What a value with its length is filled up to, so that a ciphertext tells one of four sizes.
_STEPS = (256, 1_024, 4_096, _LENGTH_BYTES + MAX_VALUE_BYTES)


@dataclass(frozen=True)
class Place:
    """Where a sealed value belongs; it opens nowhere else.

    `installation` is the principal of its `pipeline_config`, `repository` is empty for a secret of
    all repositories, `recipient` is the principal that it is sealed to.
    """

    installation: str
    repository: str
    name: str
    version: int
    recipient: str

    def info(self) -> bytes:
        """The bytes that HPKE binds. Each part has its length before it: none can pass for two."""
        parts = (self.installation, self.repository, self.name, str(self.version), self.recipient)
        texts = [_DOMAIN, *(part.encode() for part in parts)]
        return b"".join(len(text).to_bytes(_LENGTH_BYTES, "big") + text for text in texts)


def check_value(value: bytes) -> None:
    """Raise SecretProblem for what cannot be the value of a secret."""
    if not MIN_VALUE_BYTES <= len(value) <= MAX_VALUE_BYTES:
        raise SecretProblem(
            f"the value has {len(value)} bytes: use {MIN_VALUE_BYTES} to {MAX_VALUE_BYTES}"
        )
    if b"\0" in value:
        raise SecretProblem("the value holds a NUL, which no environment variable can hold")
    try:
        value.decode()
    except UnicodeDecodeError:
        raise SecretProblem("the value is not UTF-8: encode it, such as with base64") from None


def seal(value: bytes, key: bytes, place: Place) -> bytes:
    """The value for the holder of a public key, in that place. Raises SecretProblem."""
    check_value(value)
    framed = len(value).to_bytes(_LENGTH_BYTES, "big") + value
    size = next(step for step in _STEPS if step >= len(framed))
    try:
        public = X25519PublicKey.from_public_bytes(key)
        return _SUITE.encrypt(framed.ljust(size, b"\0"), public, info=place.info())
    except ValueError as error:
        raise SecretProblem(
            f"{place.name} cannot be sealed to {place.recipient}: {error}"
        ) from None


def unseal(sealed: bytes, key: X25519PrivateKey, place: Place) -> bytes:
    """The value of a secret. Raises SecretProblem when it is not sealed to this key and place."""
    try:
        framed = _SUITE.decrypt(sealed, key, info=place.info())
    except (InvalidTag, ValueError):
        raise SecretProblem(
            f"the secret {place.name} does not open: it is sealed to another key, or for another "
            "name, version, repository or installation"
        ) from None
    size = int.from_bytes(framed[:_LENGTH_BYTES], "big")
    value = framed[_LENGTH_BYTES : _LENGTH_BYTES + size]
    if len(value) != size:
        raise SecretProblem(f"the secret {place.name} is damaged")
    try:
        check_value(value)
    except SecretProblem as error:
        raise SecretProblem(f"the secret {place.name}: {error}") from None
    return value
