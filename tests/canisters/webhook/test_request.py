"""Requests are read from their Candid bytes as the typed codec reads them, or not at all."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from canisters.webhook.deliveries.request import read_request
from dcanary.testing.native import NativeNetwork
from tests.canisters.installation import CANISTERS

CANISTER = NativeNetwork().install(CANISTERS / "webhook" / "main.py")
TYPE = CANISTER.module("shared.types.http").HttpRequest

requests = st.fixed_dictionaries(
    {
        "method": st.text(max_size=8),
        "url": st.text(max_size=60),
        "headers": st.lists(st.tuples(st.text(max_size=12), st.text(max_size=80)), max_size=6),
        "body": st.binary(max_size=300),
        "certificate_version": st.none() | st.integers(0, 65_535),
    }
)


@given(requests)
def test_a_request_of_a_gateway_is_read_as_it_was_sent(request: Any) -> None:
    read = read_request(CANISTER.encode(TYPE, request))
    assert read is not None
    assert (read.method, read.url, read.body) == (
        request["method"],
        request["url"],
        request["body"],
    )
    assert read.headers == request["headers"]


@given(requests, st.data())
def test_a_request_that_is_cut_or_longer_is_not_read(request: Any, data: Any) -> None:
    message = CANISTER.encode(TYPE, request)
    cut = data.draw(st.integers(0, len(message) - 1))
    assert read_request(message[:cut]) is None
    assert read_request(message + b"\0") is None


@given(requests, st.data())
def test_a_changed_byte_is_read_or_not_but_never_raises(request: Any, data: Any) -> None:
    message = bytearray(CANISTER.encode(TYPE, request))
    place = data.draw(st.integers(0, len(message) - 1))
    message[place] = data.draw(st.integers(0, 255))
    read_request(bytes(message))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_none(data: bytes) -> None:
    read_request(data)
    read_request(b"DIDL" + data)


def test_another_type_is_not_read() -> None:
    for value in (b"DIDL\0\0", b"DIDL\0\1\x71\1a", b"DIDL\1\x6c\0\1\0"):
        assert read_request(value) is None
