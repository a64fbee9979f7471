"""Checks certificates and query signatures as a client does, without the replica's code."""

from __future__ import annotations

import hashlib
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from py_arkworks_bls12381 import GT, G1Point, G2Point

DST = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"


class Absent:
    """The path is provably not in the tree."""


class Unknown:
    """The tree does not say."""


def _hash(domain: str, *parts: bytes) -> bytes:
    return hashlib.sha256(bytes([len(domain)]) + domain.encode() + b"".join(parts)).digest()


def root_hash(tree: Any) -> bytes:
    """Digest of a hash tree in its CBOR form, by recursion as the specification writes it."""
    match tree[0]:
        case 0:
            return _hash("ic-hashtree-empty")
        case 1:
            return _hash("ic-hashtree-fork", root_hash(tree[1]), root_hash(tree[2]))
        case 2:
            return _hash("ic-hashtree-labeled", tree[1], root_hash(tree[2]))
        case 3:
            return _hash("ic-hashtree-leaf", tree[1])
        case 4:
            assert len(tree[1]) == 32
            return bytes(tree[1])
    raise AssertionError(f"unknown node {tree[0]}")


def _flatten(tree: Any) -> list[Any]:
    if tree[0] == 0:
        return []
    if tree[0] == 1:
        return _flatten(tree[1]) + _flatten(tree[2])
    return [tree]


def lookup(tree: Any, *path: bytes) -> Any:
    """Value, subtree, `Absent` or `Unknown` (interface specification, "Lookup")."""
    if not path:
        return tree[1] if tree[0] == 3 else Unknown if tree[0] == 4 else tree
    if tree[0] == 3:
        return Absent
    nodes = _flatten(tree)
    labels = [node[1] for node in nodes if node[0] == 2]
    assert labels == sorted(set(labels)), "labels must be strictly increasing"
    for node in nodes:
        if node[0] == 2 and node[1] == path[0]:
            return lookup(node[2], *path[1:])
    before, after = True, True
    for index, node in enumerate(nodes):
        if node[0] == 2 and node[1] < path[0]:
            before = index + 1 == len(nodes) or nodes[index + 1][0] == 2
        if node[0] == 2 and node[1] > path[0]:
            after = index == 0 or nodes[index - 1][0] == 2
            break
    if any(node[0] != 2 for node in nodes) and not labels:
        return Unknown
    if labels and path[0] < labels[0]:
        before = nodes[0][0] == 2
    if labels and path[0] > labels[-1]:
        after = nodes[-1][0] == 2
    return Absent if before and after else Unknown


def verify_signature(root_key: bytes, message: bytes, signature: bytes) -> bool:
    """BLS12-381, signatures in G1: e(signature, g2) = e(H(message), key)."""
    assert len(root_key) == 133
    key = G2Point.from_compressed_bytes(root_key[-96:])
    point = G1Point.from_compressed_bytes(signature)
    digest = G1Point.hash_to_curve(message, DST)
    return bool(GT.pairing(point, G2Point()) == GT.pairing(digest, key))


def open_certificate(blob: bytes, root_key: bytes) -> Any:
    """The tree of a certificate, after its signature was verified."""
    assert blob.startswith(b"\xd9\xd9\xf7"), "a certificate carries the self-describing tag"
    certificate = cbor2.loads(blob[3:])
    assert "delegation" not in certificate
    message = b"\x0dic-state-root" + root_hash(certificate["tree"])
    assert verify_signature(root_key, message, certificate["signature"]), "signature"
    return certificate["tree"]


def hash_of(value: Any) -> bytes:
    """Representation-independent hash, written anew for the tests."""
    if isinstance(value, dict):
        pairs = [hash_of(key) + hash_of(item) for key, item in value.items() if item is not None]
        return hashlib.sha256(b"".join(sorted(pairs))).digest()
    if isinstance(value, list):
        return hashlib.sha256(b"".join(map(hash_of, value))).digest()
    if isinstance(value, int):
        digits = []
        while True:
            digits.append(value % 128 + (128 if value > 127 else 0))
            value //= 128
            if not value:
                break
        return hashlib.sha256(bytes(digits)).digest()
    return hashlib.sha256(value.encode() if isinstance(value, str) else value).digest()


def verify_query_signature(reply: dict[str, Any], request_id: bytes, node_key: bytes) -> None:
    """Raises InvalidSignature unless the node signed this reply to this request."""
    signed = {key: value for key, value in reply.items() if key != "signatures"}
    signature = reply["signatures"][0]
    signed["timestamp"] = signature["timestamp"]
    signed["request_id"] = request_id
    key = load_der_public_key(node_key)
    assert isinstance(key, Ed25519PublicKey)
    assert signature["identity"] == hashlib.sha224(node_key).digest() + b"\x02"
    key.verify(signature["signature"], b"\x0bic-response" + hash_of(signed))
