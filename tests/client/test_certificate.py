"""Certificates: what the root key signs is believed, nothing else."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from py_arkworks_bls12381 import G1Point, G2Point, Scalar

from dcanary.client import certificate
from dcanary.client.errors import CertificateError

Tree = list[Any]


class Key:
    """A BLS key of the test's own, so that the check is independent of the replica's signer."""

    def __init__(self, secret: int) -> None:
        self._scalar = Scalar(secret)
        public = G2Point() * self._scalar
        self.der = certificate.DER_PREFIX + bytes(public.to_compressed_bytes())

    def sign(self, tree: Tree) -> bytes:
        message = b"\x0dic-state-root" + certificate.root_hash(tree)
        point = G1Point.hash_to_curve(message, certificate.BLS_DOMAIN) * self._scalar
        return bytes(point.to_compressed_bytes())

    def certify(self, tree: Tree, delegation: Any = None) -> bytes:
        record = {"tree": tree, "signature": self.sign(tree)}
        if delegation is not None:
            record["delegation"] = delegation
        return cbor2.dumps(cbor2.CBORTag(55799, record))


ROOT = Key(7)
LEAF: Tree = [3, b"good"]
TREE: Tree = [1, [2, b"a", LEAF], [1, [2, b"c", [3, b"see"]], [4, b"\x11" * 32]]]


def test_the_root_hash_is_that_of_the_specification_example() -> None:
    tree: Tree = [
        1,
        [
            1,
            [2, b"a", [1, [1, [2, b"x", [3, b"hello"]], [0]], [2, b"y", [3, b"world"]]]],
            [2, b"b", [3, b"good"]],
        ],
        [1, [2, b"c", [0]], [2, b"d", [3, b"morning"]]],
    ]
    expected = "eb5c5b2195e62d996b84c9bcc8259d19a83786a2f59e0878cec84c811f669aa0"
    assert certificate.root_hash(tree).hex() == expected


def test_a_certificate_signed_by_the_root_key_gives_its_values() -> None:
    tree = certificate.verify(ROOT.certify(TREE), ROOT.der)
    assert certificate.lookup(tree, [b"a"]) == b"good"


def test_a_pruned_part_leaves_what_may_lie_in_it_unknown() -> None:
    with pytest.raises(certificate.Unknown):
        certificate.lookup(TREE, [b"d"])


def test_a_label_between_two_shown_neighbours_is_absent() -> None:
    assert certificate.lookup(TREE, [b"b"]) is None
    assert certificate.lookup(TREE, [b"A"]) is None


def test_a_label_is_absent_when_nothing_is_pruned() -> None:
    assert certificate.lookup([1, [2, b"a", LEAF], [2, b"c", LEAF]], [b"b"]) is None


def test_another_key_is_not_believed() -> None:
    with pytest.raises(CertificateError, match="not signed by the network's root key"):
        certificate.verify(Key(8).certify(TREE), ROOT.der)


def test_a_changed_leaf_is_not_believed() -> None:
    record = {"tree": [2, b"a", [3, b"evil"]], "signature": ROOT.sign([2, b"a", LEAF])}
    with pytest.raises(CertificateError):
        certificate.verify(cbor2.dumps(record), ROOT.der)


@pytest.mark.parametrize(
    "blob", [b"", b"\xff", cbor2.dumps([1]), cbor2.dumps({"tree": [9], "signature": b"x"})]
)
def test_what_is_not_a_certificate_is_refused(blob: bytes) -> None:
    with pytest.raises(CertificateError):
        certificate.verify(blob, ROOT.der)


def _delegated(ranges: list[list[bytes]], key: Key = ROOT) -> bytes:
    subnet = Key(99)
    listed = cbor2.dumps(cbor2.CBORTag(55799, ranges))
    inner: Tree = [1, [2, b"canister_ranges", [3, listed]], [2, b"public_key", [3, subnet.der]]]
    parent = key.certify([2, b"subnet", [2, b"S", inner]])
    return subnet.certify(TREE, {"subnet_id": b"S", "certificate": parent})


CANISTER = b"\0" * 7 + b"\x05\x01\x01"
LOW, HIGH = b"\0" * 8 + b"\x01\x01", b"\0" * 7 + b"\xff\x01\x01"


def test_a_delegation_of_the_root_key_is_followed_for_canisters_in_its_ranges() -> None:
    tree = certificate.verify(_delegated([[LOW, HIGH]]), ROOT.der, CANISTER)
    assert certificate.lookup(tree, [b"a"]) == b"good"


def test_a_subnet_may_not_speak_for_a_canister_outside_its_ranges() -> None:
    with pytest.raises(CertificateError, match="not one of the subnet's"):
        certificate.verify(_delegated([[LOW, LOW]]), ROOT.der, CANISTER)


def test_a_delegation_by_another_key_is_not_followed() -> None:
    with pytest.raises(CertificateError):
        certificate.verify(_delegated([[LOW, HIGH]], Key(8)), ROOT.der, CANISTER)
