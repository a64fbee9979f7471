"""Requests are those that other agents make: ids, signatures and CBOR."""

from __future__ import annotations

from pathlib import Path

import cbor2
from hypothesis import given
from hypothesis import strategies as st
from ic.agent import sign_request as reference_sign
from ic.identity import Identity as IcIdentity
from ic.utils import to_request_id as reference_id

from dcanary.client.envelope import request_id, sign_request
from dcanary.client.identity import Anonymous, create_identity

CONTENT = {
    "request_type": "call",
    "canister_id": b"\x00\x01",
    "method_name": "inc",
    "arg": b"DIDL\x00\x00",
    "sender": b"\x04",
    "ingress_expiry": 1_700_000_000_000_000_000,
    "nonce": b"n" * 16,
}
PATHS = st.lists(st.lists(st.binary(max_size=9), max_size=3), max_size=3)


@given(
    st.fixed_dictionaries(
        {"method_name": st.text(), "arg": st.binary(), "ingress_expiry": st.integers(0, 2**64)},
        optional={"paths": PATHS, "nonce": st.binary(max_size=32)},
    )
)
def test_the_id_of_a_request_is_that_of_ic_py(content: dict[str, object]) -> None:
    assert request_id(content) == reference_id(content)  # type: ignore[arg-type]


def test_a_signed_request_is_that_of_ic_py_byte_for_byte(tmp_path: Path) -> None:
    ours = create_identity(tmp_path / "a.pem")
    theirs = IcIdentity.from_pem((tmp_path / "a.pem").read_text())
    name, envelope = sign_request(CONTENT, ours)
    reference_name, reference_envelope = reference_sign(CONTENT, theirs)
    assert name == reference_name
    made, reference = cbor2.loads(envelope), cbor2.loads(reference_envelope)
    assert getattr(made, "value", made) == getattr(reference, "value", reference)


def test_an_anonymous_request_has_no_signature() -> None:
    _, envelope = sign_request(CONTENT, Anonymous())
    made = cbor2.loads(envelope)
    assert set(getattr(made, "value", made)) == {"content"}
