"""Certificates: the only answers a client may believe.

A certificate is a hash tree signed by the network's BLS key. Without delegation (a network of one
subnet) or with one delegation (mainnet). Source: IC interface specification, "Certification".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import cbor2
from py_arkworks_bls12381 import GT, G1Point, G2Point

from dcanary.client.errors import CertificateError, OtherRootKey

BLS_DOMAIN = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
DER_PREFIX = bytes.fromhex(
    "308182301d060d2b0601040182dc7c0503010201060c2b0601040182dc7c05030201036100"
)

MAX_SKEW_NS = 5 * 60 * 1_000_000_000


class Unknown(Exception):
    """The path is pruned: the certificate neither shows nor denies it."""


def _node_hash(domain: str, *parts: bytes) -> bytes:
    text = domain.encode()
    return hashlib.sha256(bytes([len(text)]) + text + b"".join(parts)).digest()


def blob_of(value: object, what: str) -> bytes:
    """`value`, which a network said is `what`. Raises CertificateError unless it is a blob."""
    if not isinstance(value, bytes):
        raise CertificateError(f"{what} is missing or no blob")
    return value


def root_hash(tree: Sequence[Any]) -> bytes:
    """Raises CertificateError when the tree is malformed."""
    match tree:
        case [0]:
            return _node_hash("ic-hashtree-empty")
        case [1, left, right]:
            return _node_hash("ic-hashtree-fork", root_hash(left), root_hash(right))
        case [2, bytes(label), subtree]:
            return _node_hash("ic-hashtree-labeled", label, root_hash(subtree))
        case [3, bytes(value)]:
            return _node_hash("ic-hashtree-leaf", value)
        case [4, bytes(digest)] if len(digest) == 32:
            return digest
    raise CertificateError("the certificate's hash tree is malformed")


def _flatten(tree: Sequence[Any]) -> list[Sequence[Any]]:
    if tree[0] == 0:
        return []
    if tree[0] == 1:
        return _flatten(tree[1]) + _flatten(tree[2])
    return [tree]


def lookup(tree: Sequence[Any], path: Sequence[bytes]) -> bytes | None:
    """The value at `path`, None when provably absent. Raises Unknown when pruned.

    Labels are in order, so that two neighbours without a pruned part between them prove that
    nothing lies between (specification, "Lookup").
    """
    if not path:
        if tree[0] == 3:
            return bytes(tree[1])
        if tree[0] == 0:
            return None
        raise Unknown
    pruned_before = False
    for node in _flatten(tree):
        if node[0] == 4:
            pruned_before = True
        elif node[0] == 2:
            if node[1] == path[0]:
                return lookup(node[2], path[1:])
            if node[1] > path[0]:
                break
            pruned_before = False
        else:
            raise Unknown
    if pruned_before:
        raise Unknown
    return None


def _public_key(der: bytes) -> bytes:
    if not der.startswith(DER_PREFIX) or len(der) != len(DER_PREFIX) + 96:
        raise CertificateError("the root key is not a DER-encoded BLS12-381 key")
    return der[len(DER_PREFIX) :]


def _verify_signature(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        public = G2Point.from_compressed_bytes(key)
        signed = G1Point.from_compressed_bytes(signature)
    except ValueError:
        return False
    hashed = G1Point.hash_to_curve(message, BLS_DOMAIN)
    return bool(GT.pairing_check([signed, -hashed], [G2Point(), public]))


def _load(blob: bytes) -> dict[str, Any]:
    try:
        value = cbor2.loads(blob)
    except Exception as error:
        raise CertificateError("the certificate is not CBOR") from error
    value = getattr(value, "value", value)
    if not isinstance(value, dict) and hasattr(value, "keys"):
        value = dict(value)
    if not isinstance(value, dict) or "tree" not in value or "signature" not in value:
        raise CertificateError("the certificate has no tree or no signature")
    return value


def verify(blob: bytes, root_key: bytes, canister: bytes | None = None) -> Sequence[Any]:
    """Check the signature (through one delegation at most) and return the hash tree.

    With `canister`, a delegated subnet must be the one that hosts it. Raises CertificateError.
    """
    certificate = _load(blob)
    key = root_key
    if certificate.get("delegation") is not None:
        key = _delegated_key(certificate["delegation"], root_key, canister)
    signature = blob_of(certificate["signature"], "the certificate's signature")
    try:
        message = b"\x0dic-state-root" + root_hash(certificate["tree"])
    except RecursionError:
        raise CertificateError("the certificate's hash tree is too deep") from None
    if not _verify_signature(_public_key(key), signature, message):
        raise OtherRootKey
    tree: Sequence[Any] = certificate["tree"]
    return tree


def _delegated_key(delegation: Any, root_key: bytes, canister: bytes | None) -> bytes:
    """The subnet's key, as the root key certifies it."""
    if not hasattr(delegation, "get"):
        raise CertificateError("the certificate's delegation is malformed")
    subnet = blob_of(delegation.get("subnet_id"), "the delegation's subnet_id")
    parent = blob_of(delegation.get("certificate"), "the delegation's certificate")
    if _load(parent).get("delegation") is not None:
        raise CertificateError("the certificate's delegation is itself delegated")
    tree = verify(parent, root_key)
    try:
        key = lookup(tree, [b"subnet", subnet, b"public_key"])
        ranges = lookup(tree, [b"subnet", subnet, b"canister_ranges"])
    except Unknown:
        key, ranges = None, None
    if key is None:
        raise CertificateError("the delegation does not name the subnet's key")
    if canister and not _in_ranges(canister, ranges):
        raise CertificateError("the canister is not one of the subnet's that signed for it")
    return key


def _in_ranges(canister: bytes, ranges: bytes | None) -> bool:
    if ranges is None:
        return False
    try:
        listed = cbor2.loads(ranges)
        pairs = [(bytes(low), bytes(high)) for low, high in getattr(listed, "value", listed)]
    except (ValueError, TypeError, cbor2.CBORDecodeError):
        raise CertificateError("the subnet's canister ranges are malformed") from None
    return any(low <= canister <= high for low, high in pairs)


def check_freshness(tree: Sequence[Any], now_ns: int) -> None:
    """Raises CertificateError when the certificate's time is more than five minutes off."""
    try:
        raw = lookup(tree, [b"time"])
    except Unknown:
        raw = None
    if raw is None:
        raise CertificateError("the certificate does not say when it was made")
    made = 0
    for position, byte in enumerate(raw):
        made |= (byte & 0x7F) << (7 * position)
    if abs(now_ns - made) > MAX_SKEW_NS:
        way = "before" if made < now_ns else "after"
        raise CertificateError(
            f"the certificate was made {abs(now_ns - made) / 1e9:.0f} s {way} this machine's time",
            "is this machine's clock right? an old certificate may be a replay",
        )
