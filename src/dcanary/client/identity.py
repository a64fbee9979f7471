"""Keys that sign calls. Files are PEM (PKCS #8 or SEC1), as dfx and icp export them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from dcanary.client import principal
from dcanary.client.errors import ConfigError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Signer(Protocol):
    """What is asked of an identity to make a request of it."""

    def sender(self) -> bytes:
        """The principal."""
        ...

    def sign(self, message: bytes) -> tuple[bytes | None, bytes | None]:
        """(DER public key, signature), or (None, None) of the anonymous identity."""
        ...


class Anonymous:
    """Signs nothing; canisters give it nothing privileged."""

    name = "anonymous"

    def sender(self) -> bytes:
        return principal.ANONYMOUS

    def sign(self, message: bytes) -> tuple[bytes | None, bytes | None]:
        return None, None

    @property
    def principal(self) -> str:
        return principal.to_text(principal.ANONYMOUS)


class Identity:
    """An Ed25519 or secp256k1 key and the principal it authenticates."""

    def __init__(
        self, key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey, name: str
    ) -> None:
        self._key = key
        self.name = name
        self.der_public_key = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self._principal = principal.self_authenticating(self.der_public_key)

    def __repr__(self) -> str:
        return f"Identity({self.name}, {self.principal})"

    @property
    def principal(self) -> str:
        """The principal as text."""
        return principal.to_text(self._principal)

    def sender(self) -> bytes:
        return self._principal

    def sign(self, message: bytes) -> tuple[bytes | None, bytes | None]:
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self.der_public_key, self._key.sign(message)
        r, s = decode_dss_signature(self._key.sign(message, ec.ECDSA(hashes.SHA256())))
        return self.der_public_key, r.to_bytes(32, "big") + s.to_bytes(32, "big")


def load_identity(path: Path) -> Identity:
    """Raises ConfigError when the file is missing, encrypted or of another key type."""
    try:
        pem = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            f"there is no identity file {path}",
            f"create one with: dcanary identity new {path.stem}",
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot read the identity file {path}: {error.strerror}") from None
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        raise ConfigError(f"{path} is encrypted", "export it without a password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(f"{path} is not a PEM private key") from None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return Identity(key, path.stem)
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256K1):
        return Identity(key, path.stem)
    raise ConfigError(f"{path} holds a key of another kind: use Ed25519 or secp256k1")


def create_identity(path: Path) -> Identity:
    """A new Ed25519 key in a file that only its owner can read. Raises ConfigError if it exists."""
    if not NAME.fullmatch(path.stem):
        raise ConfigError(f"{path.stem!r} is not a name: use letters, digits, '.', '_' and '-'")
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(
            f"the identity {path.stem} exists already ({path})", "choose another name"
        ) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    return Identity(key, path.stem)
