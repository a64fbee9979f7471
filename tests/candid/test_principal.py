"""Textual principals against ic-py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ic.principal import Principal

from dcanary.candid import principal


@given(st.binary(max_size=29))
def test_text_agrees_with_ic_py_and_reads_back(data: bytes) -> None:
    text = principal.to_text(data)
    assert text == Principal(data).to_str()
    assert principal.from_text(text) == data


def test_the_management_canister_is_aaaaa_aa() -> None:
    assert principal.to_text(b"") == "aaaaa-aa"
    assert principal.from_text("aaaaa-aa") == b""


@pytest.mark.parametrize("text", ["", "aaaaa", "aaaaa-ab", "aaaaaaa", "w7x7r-cok77-xb", "ä-b"])
def test_text_that_is_not_canonical_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a principal"):
        principal.from_text(text)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        data = principal.from_text(text)
    except ValueError:
        return
    assert principal.to_text(data) == text.lower()
