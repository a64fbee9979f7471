"""One small anonymous request cannot keep the replica busy."""

import time

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.replica.wire.envelope import decode_envelope
from dcanary.replica.wire.errors import RequestRefused
from dcanary.replica.wire.plain_cbor import MAX_ITEMS, check_plain

CONTENT: dict[str, object] = {
    "request_type": "call",
    "sender": b"\4",
    "ingress_expiry": 1,
    "canister_id": b"a",
    "method_name": "m",
    "arg": b"",
}


def envelope_with(extra: bytes) -> bytes:
    """An envelope whose content has one more field, `x`, of the given CBOR."""
    fields = b"".join(cbor2.dumps(key) + cbor2.dumps(value) for key, value in CONTENT.items())
    count = bytes([5 << 5 | len(CONTENT) + 1])
    return b"\xa1" + cbor2.dumps("content") + count + fields + cbor2.dumps("x") + extra


def doubling(levels: int) -> bytes:
    """Shared lists of two that each stand for twice the one before: 2 ** levels items."""
    item = b"\xd8\x1c\x81\x01"
    for level in range(levels, 0, -1):
        item = b"\xd8\x1c\x82" + item + b"\xd8\x1d" + cbor2.dumps(level)
    return item


@pytest.mark.parametrize(
    "extra",
    [
        doubling(40),
        b"\xc2" + cbor2.dumps(b"\xff" * 1_000_000),
        b"\xd9\x01\x00" + cbor2.dumps([b"a" * 100]),
        b"\xc1\x00",
    ],
    ids=["shared values", "big number", "string references", "date"],
)
def test_a_request_with_tags_is_refused_at_once(extra: bytes) -> None:
    started = time.monotonic()
    with pytest.raises(RequestRefused, match="CBOR tag"):
        decode_envelope(envelope_with(extra))
    assert time.monotonic() - started < 1


def test_a_request_of_very_many_items_is_refused() -> None:
    many = b"\x9a" + (MAX_ITEMS + 1).to_bytes(4, "big") + b"\x00" * (MAX_ITEMS + 1)
    with pytest.raises(RequestRefused, match="CBOR items"):
        decode_envelope(envelope_with(many))


def test_bytes_that_look_like_tags_inside_a_value_are_no_tags() -> None:
    assert decode_envelope(envelope_with(cbor2.dumps(b"\xc2\xd8\x1c" * 20))).request
    assert decode_envelope(b"\xd9\xd9\xf7" + envelope_with(b"\x9f\x01\x02\xff")).request


plain = st.recursive(
    st.integers(0, 2**64 - 1) | st.binary(max_size=300) | st.text(max_size=40) | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=20,
)


@given(plain)
def test_every_plain_value_passes(value: object) -> None:
    check_plain(cbor2.dumps(value))


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_refusal(data: bytes) -> None:
    try:
        check_plain(data)
    except RequestRefused as refused:
        assert refused.status == 400
