"""The key by which an executor, or a person who seals, reads what is sealed to it."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from dcanary.secrets.errors import SecretProblem

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def secret_key(path: Path) -> X25519PrivateKey:
    """The key in a file of mode 0600, made when there is none.

    Raises SecretProblem for a file that others can read or that is no such key, OSError when it
    cannot be read or made.
    """
    if not path.exists():
        _make(path)
    with path.open("rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & _OTHERS:
            raise SecretProblem(
                f"others can read the key {path}: chmod 600 it, or remove it and seal again"
            )
        raw = file.read(64)
    try:
        return X25519PrivateKey.from_private_bytes(bytes.fromhex(raw.decode().strip()))
    except (ValueError, UnicodeDecodeError):
        raise SecretProblem(f"{path} holds no X25519 key: remove it and seal again") from None


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = X25519PrivateKey.generate().private_bytes_raw().hex()
    # Made whole beside its place: a crash leaves no half key, and of two that begin together one
    # key stays.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(name, path)
        except FileExistsError:
            return
    finally:
        Path(name).unlink(missing_ok=True)


def public_bytes(key: X25519PrivateKey) -> bytes:
    """The 32 bytes that others seal to."""
    return key.public_key().public_bytes_raw()


def fingerprint(public: bytes) -> str:
    """A public key as people compare it: 16 hexadecimal digits of its sha256, in groups."""
    text = hashlib.sha256(public).hexdigest()[:16]
    return "-".join(text[at : at + 4] for at in range(0, 16, 4))
