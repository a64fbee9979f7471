"""Request ids: the specification's example, and agreement with ic-py's own implementation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ic.utils import to_request_id

from dcanary.replica.wire.errors import RequestRefused
from dcanary.replica.wire.request_id import hash_of_map, uleb128


def test_the_specifications_example_hashes_to_its_published_id() -> None:
    content: dict[object, object] = {
        "request_type": "call",
        "sender": b"\x04",
        "ingress_expiry": 1_685_570_400_000_000_000,
        "canister_id": bytes.fromhex("00000000000004d2"),
        "method_name": "hello",
        "arg": b"DIDL\x00\xfd*",
    }
    expected = "1d1091364d6bb8a6c16b203ee75467d59ead468f523eb058880ae8ec80e2b101"
    assert hash_of_map(content).hex() == expected


def test_null_counts_as_absent() -> None:
    assert hash_of_map({"a": 1, "nonce": None}) == hash_of_map({"a": 1})


@pytest.mark.parametrize("value", [-1, 1.5, True, {1: 2}])
def test_values_without_a_hash_are_refused(value: object) -> None:
    with pytest.raises(RequestRefused) as caught:
        hash_of_map({"a": value})
    assert caught.value.status == 400


_paths = st.lists(st.lists(st.binary(max_size=40), max_size=4), max_size=4)


@given(arg=st.binary(max_size=200), expiry=st.integers(0, 2**64 - 1), paths=_paths)
def test_the_hash_agrees_with_ic_py(arg: bytes, expiry: int, paths: list[list[bytes]]) -> None:
    content: dict[Any, Any] = {"arg": arg, "ingress_expiry": expiry, "paths": paths, "x": "text"}
    assert hash_of_map(content) == to_request_id(content)


@given(st.integers(0, 2**70))
def test_uleb128_is_the_shortest_form(value: int) -> None:
    encoded = uleb128(value)
    assert sum((byte & 0x7F) << 7 * i for i, byte in enumerate(encoded)) == value
    assert len(encoded) == max(1, (value.bit_length() + 6) // 7)
