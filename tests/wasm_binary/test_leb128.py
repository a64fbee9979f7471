from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.wasm_binary import leb128


@given(st.integers(0, (1 << 64) - 1), st.binary(max_size=4))
def test_an_unsigned_number_is_read_back_with_its_end(value: int, rest: bytes) -> None:
    data = leb128.encode_unsigned(value)
    assert leb128.decode_unsigned(data + rest, 0) == (value, len(data))


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.binary(max_size=4))
def test_a_signed_number_is_read_back_with_its_end(value: int, rest: bytes) -> None:
    data = leb128.encode_signed(value)
    assert leb128.decode_signed(data + rest, 0) == (value, len(data))


@pytest.mark.parametrize(
    ("value", "data"), [(0, "00"), (127, "7f"), (128, "8001"), (624485, "e58e26")]
)
def test_unsigned_numbers_have_the_bytes_of_the_standard(value: int, data: str) -> None:
    assert leb128.encode_unsigned(value).hex() == data


@pytest.mark.parametrize(("value", "data"), [(-1, "7f"), (63, "3f"), (64, "c000"), (-65, "bf7f")])
def test_signed_numbers_have_the_bytes_of_the_standard(value: int, data: str) -> None:
    assert leb128.encode_signed(value).hex() == data


@given(st.integers(128, 1 << 40))
def test_a_number_that_is_cut_off_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match="ends inside"):
        leb128.decode_unsigned(leb128.encode_unsigned(value)[:-1], 0)
    with pytest.raises(ValueError, match="ends inside"):
        leb128.decode_signed(leb128.encode_signed(value)[:-1], 0)


def test_a_negative_number_has_no_unsigned_encoding() -> None:
    with pytest.raises(ValueError, match="-1 is negative"):
        leb128.encode_unsigned(-1)
