"""Principals: text and bytes, as the Internet Computer writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ic.principal import Principal as OtherPrincipal

from dcanary.testing.native import Principal, as_principal, same_principal


@given(st.binary(max_size=29))
def test_text_is_that_of_another_implementation_and_reads_back(raw: bytes) -> None:
    principal = Principal(raw)
    assert principal.to_str() == str(OtherPrincipal(bytes=raw))
    assert Principal.from_str(principal.to_str()) == principal
    assert principal.hex == raw.hex().upper()
    assert Principal.from_hex(principal.hex) == principal


def test_well_known_principals() -> None:
    assert Principal.management_canister().to_str() == "aaaaa-aa"
    assert Principal.anonymous().to_str() == "2vxsx-fae"
    assert Principal.self_authenticating(b"key").bytes[-1] == 2
    assert len(Principal.anonymous().to_account_id().bytes) == 32


@pytest.mark.parametrize("text", ["", "aaaaa", "aaaaa-ab", "AAAAA-AA", "2vxsx-fa", "a!aaa-aa"])
def test_wrong_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a principal"):
        Principal.from_str(text)


def test_principals_are_equal_by_value_also_to_other_classes_of_principals() -> None:
    assert Principal(b"a") == Principal(b"a") != Principal(b"b")
    assert len({Principal(b"a"), Principal(b"a")}) == 1
    assert Principal(b"a") == OtherPrincipal(bytes=b"a")
    assert Principal(b"a") != b"a"
    assert same_principal(b"\x04", "2vxsx-fae")
    assert as_principal("aaaaa-aa") == Principal(b"")
