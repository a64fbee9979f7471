"""Keys, certificates and query signatures, verified by independent code."""

from __future__ import annotations

from pathlib import Path

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature

from dcanary.replica.certification.certificate import Certifier, sign_query_response
from dcanary.replica.certification.hash_tree import Leaf, labeled_map
from dcanary.replica.certification.keys import (
    FIRST_SEED_FILE,
    SEED_FILE,
    SubnetKeys,
    keep_seed,
    load_or_create_seed,
)
from tests.replica.helpers import certificates

KEYS = SubnetKeys(bytes(range(32)))
TREE = labeled_map({b"time": Leaf(b"\x01"), b"zzz": Leaf(b"hidden")})


def test_a_certificate_verifies_under_the_root_key_and_no_other() -> None:
    blob = Certifier(KEYS).certificate(TREE, [[b"time"]])
    tree = certificates.open_certificate(blob, KEYS.root_key)
    assert certificates.lookup(tree, b"time") == b"\x01"
    other = SubnetKeys(bytes(32))
    with pytest.raises(AssertionError, match="signature"):
        certificates.open_certificate(blob, other.root_key)


def test_a_certificate_whose_tree_was_changed_does_not_verify() -> None:
    blob = Certifier(KEYS).certificate(TREE, [[b"time"]])
    decoded = cbor2.loads(blob[3:])
    tree = [1, [2, b"time", [3, b"\x02"]], decoded["tree"][2]]
    decoded = {"tree": tree, "signature": decoded["signature"]}
    with pytest.raises(AssertionError, match="signature"):
        certificates.open_certificate(b"\xd9\xd9\xf7" + cbor2.dumps(decoded), KEYS.root_key)


def test_certificates_of_one_root_share_a_signature_and_of_another_do_not() -> None:
    certifier = Certifier(KEYS)
    first = certifier.certificate(TREE, [[b"time"]])
    other = certifier.certificate(labeled_map({b"time": Leaf(b"\x02")}), [[b"time"]])
    again = certifier.certificate(TREE, [[b"time"]])
    assert first == again
    for blob in (first, other, again):
        certificates.open_certificate(blob, KEYS.root_key)


def test_the_keys_have_the_lengths_and_ids_of_the_interface() -> None:
    assert (len(KEYS.root_key), len(KEYS.node_key)) == (133, 44)
    assert len(KEYS.subnet_id) == 29
    assert KEYS.subnet_id[-1] == 2
    assert SubnetKeys(bytes(range(32))).root_key == KEYS.root_key


def test_a_query_signature_verifies_and_binds_reply_and_request() -> None:
    reply = {"status": "replied", "reply": {"arg": b"x"}}
    signed = {**reply, "signatures": [sign_query_response(KEYS, reply, b"id", 5)]}
    certificates.verify_query_signature(signed, b"id", KEYS.node_key)
    with pytest.raises(InvalidSignature):
        certificates.verify_query_signature(signed, b"other", KEYS.node_key)
    with pytest.raises(InvalidSignature):
        certificates.verify_query_signature(
            {**signed, "reply": {"arg": b"y"}}, b"id", KEYS.node_key
        )


def test_the_seed_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    seed = load_or_create_seed(tmp_path)
    assert load_or_create_seed(tmp_path) == seed
    # Its lasting name would say that there is a state.
    assert [path.name for path in tmp_path.iterdir()] == [FIRST_SEED_FILE]
    for _ in range(2):
        keep_seed(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [SEED_FILE]
        assert load_or_create_seed(tmp_path) == seed
    assert (tmp_path / SEED_FILE).stat().st_mode & 0o777 == 0o600
    assert repr(seed) not in repr(SubnetKeys(seed))


def test_a_damaged_seed_is_refused_not_replaced(tmp_path: Path) -> None:
    (tmp_path / SEED_FILE).write_bytes(b"short")
    with pytest.raises(ValueError, match="damaged"):
        load_or_create_seed(tmp_path)
    assert (tmp_path / SEED_FILE).read_bytes() == b"short"
