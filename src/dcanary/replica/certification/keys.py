"""The keys of a subnet: BLS12-381 for certificates, Ed25519 for the node's query signatures.

Both are derived from one secret seed, so that a subnet keeps its id over restarts.
Source: interface specification, sections "Certification" and "Query" (signatures).
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_arkworks_bls12381 import G1Point, G2Point, Scalar

from dcanary.candid.principal import self_authenticating

DST = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
DER_PREFIX = bytes.fromhex(
    "308182301d060d2b0601040182dc7c0503010201060c2b0601040182dc7c05030201036100"
)
"""DER of a BLS12-381 public key, before its 96 bytes (compressed G2)."""
SEED_LENGTH = 32
SEED_FILE = "subnet.seed"
FIRST_SEED_FILE = "first.seed"
"""The seed until the first checkpoint is on the disk, so that a seed under its lasting name shows
that there was a state, and a first start that fails leaves nothing that does."""


def _derive(seed: bytes, purpose: str, length: int) -> bytes:
    out = b""
    while len(out) < length:
        info = f"dcanary-replica/{purpose}/{len(out)}".encode()
        out += hmac.new(seed, info, hashlib.sha256).digest()
    return out[:length]


class SubnetKeys:
    """Keys derived from a seed of 32 bytes. Never prints them."""

    def __init__(self, seed: bytes) -> None:
        """Raises ValueError for a seed of another length."""
        if len(seed) != SEED_LENGTH:
            raise ValueError(f"the seed of a subnet has {SEED_LENGTH} bytes, got {len(seed)}")
        self._secret = Scalar.from_be_bytes_mod_order(_derive(seed, "certificates", 48))
        self._node = Ed25519PrivateKey.from_private_bytes(_derive(seed, "node", 32))
        self.root_key = DER_PREFIX + (G2Point() * self._secret).to_compressed_bytes()
        """DER public key (133 bytes) under which certificates verify."""
        self.subnet_id = self_authenticating(self.root_key)
        self.node_key = self._node.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        """DER public key (44 bytes) of the only node."""
        self.node_id = self_authenticating(self.node_key)
        self.engine_seed = _derive(seed, "randomness", 32)
        """Seed of the subnet's random tape."""

    def sign_certificate(self, message: bytes) -> bytes:
        """BLS signature: 48 bytes, a compressed point of G1."""
        return (G1Point.hash_to_curve(message, DST) * self._secret).to_compressed_bytes()

    def sign_response(self, message: bytes) -> bytes:
        """Ed25519 signature of the node: 64 bytes."""
        return self._node.sign(message)


def seed_file(state_dir: Path) -> Path:
    """The file that holds the seed, or, where there is none, the one that should."""
    kept, first = state_dir / SEED_FILE, state_dir / FIRST_SEED_FILE
    return first if first.exists() and not kept.exists() else kept


def keep_seed(state_dir: Path) -> None:
    """Give the seed its lasting name: the first checkpoint is on the disk. Raises OSError."""
    if not (state_dir / SEED_FILE).exists():
        (state_dir / FIRST_SEED_FILE).rename(state_dir / SEED_FILE)


def load_or_create_seed(state_dir: Path) -> bytes:
    """The seed kept in a state folder; a new random one (file mode 0600) on first use.

    A new one has its first name until `keep_seed`. Raises ValueError when the file is damaged,
    OSError when it cannot be read or written.
    """
    path = seed_file(state_dir)
    try:
        seed = path.read_bytes()
    except FileNotFoundError:
        seed = os.urandom(SEED_LENGTH)
        path = state_dir / FIRST_SEED_FILE
        new = path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(seed)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    if len(seed) != SEED_LENGTH:
        raise ValueError(f"{path} is damaged: expected {SEED_LENGTH} bytes, found {len(seed)}")
    return seed
