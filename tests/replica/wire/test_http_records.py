"""The HTTP records and effective ids against ic-py's encoder, and against arbitrary bytes."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ic.candid import Types, decode, encode

from dcanary.candid import CandidError
from dcanary.replica.wire.effective import effective_canister_id
from dcanary.replica.wire.envelope import CallRequest
from dcanary.replica.wire.errors import RequestRefused
from dcanary.replica.wire.http_records import (
    StreamingCallback,
    decode_response,
    decode_streamed,
    encode_outcall_result,
    encode_request,
)
from tests.replica.helpers import http_canister

_header = st.tuples(st.text(max_size=10), st.text(max_size=10))


@given(
    st.text(max_size=8), st.text(max_size=30), st.lists(_header, max_size=4), st.binary(max_size=99)
)
def test_a_canister_reads_the_request_as_it_was_sent(
    method: str, url: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    value = http_canister.decode_request(encode_request(method, url, headers, body))
    assert (value["method"], value["url"]) == (method, url)
    assert bytes(value["body"]) == body
    assert [tuple(pair) for pair in value["headers"]] == headers
    assert value["certificate_version"] == [2]


@given(st.integers(100, 599), st.lists(_header, max_size=4), st.binary(max_size=99), st.booleans())
def test_the_response_is_read_as_the_canister_gave_it(
    status: int, headers: list[tuple[str, str]], body: bytes, upgrade: bool
) -> None:
    encoded = http_canister.response(status, body, headers, upgrade=upgrade)
    response = decode_response(encoded)
    assert response.status == status
    assert list(response.headers) == headers
    assert response.body == body
    assert response.upgrade is upgrade
    assert response.streaming is None


def test_optional_fields_may_be_missing() -> None:
    kind = Types.Record(
        {"status_code": Types.Nat16, "headers": http_canister.PAIRS, "body": http_canister.BLOB}
    )
    value = {"status_code": 204, "headers": [], "body": []}
    response = decode_response(encode([{"type": kind, "value": value}]))
    assert (response.status, response.upgrade, response.streaming) == (204, False, None)


def test_a_token_of_any_type_reaches_the_callback_unchanged() -> None:
    token = {"key": "k", "index": 10**20, "tags": [[-5], [], [7]]}
    first = http_canister.streamed(b"piece", token)
    body, rest = decode_streamed(first, StreamingCallback(b"c", "more", b""))
    assert body == b"piece"
    assert rest is not None
    assert (rest.canister_id, rest.method) == (b"c", "more")
    assert decode(rest.token, http_canister.TOKEN)[0]["value"] == token
    assert decode_streamed(http_canister.streamed(b"", None), rest) == (b"", None)


def test_the_first_callback_is_read_whatever_its_signature() -> None:
    token = {"key": "k", "index": 3, "tags": []}
    streaming = {"Callback": {"callback": ["2vxsx-fae", "more"], "token": token}}
    found = decode_response(http_canister.response(200, b"first", streaming=streaming)).streaming
    assert found is not None
    assert (found.canister_id, found.method) == (b"\x04", "more")
    assert decode(found.token, http_canister.TOKEN)[0]["value"] == token


def test_a_callback_that_is_no_function_or_lacks_its_token_is_refused() -> None:
    pair = http_canister.PAIRS
    for case in ({"callback": Types.Text, "token": Types.Nat}, {"token": Types.Nat}):
        strategy = Types.Variant({"Callback": Types.Record(case)})
        kind = Types.Record(
            {
                "status_code": Types.Nat16,
                "headers": pair,
                "body": http_canister.BLOB,
                "streaming_strategy": Types.Opt(strategy),
            }
        )
        callback = {name: 7 if name == "token" else "more" for name in case}
        value = {
            "status_code": 200,
            "headers": [],
            "body": [],
            "streaming_strategy": [{"Callback": callback}],
        }
        with pytest.raises(CandidError):
            decode_response(encode([{"type": kind, "value": value}]))


def test_an_outcall_result_is_read_by_the_canister() -> None:
    kind = Types.Record(
        {
            "status": Types.Nat,
            "headers": Types.Vec(Types.Record({"name": Types.Text, "value": Types.Text})),
            "body": http_canister.BLOB,
        }
    )
    value = decode(encode_outcall_result(404, [("a", "b")], b"xyz"), kind)[0]["value"]
    assert value["status"] == 404
    assert value["headers"] == [{"name": "a", "value": "b"}]
    assert bytes(value["body"]) == b"xyz"


@given(st.binary(max_size=80))
@example(b"")
def test_arbitrary_bytes_are_read_or_refused(data: bytes) -> None:
    for candidate in (data, b"DIDL" + data):
        try:
            decode_response(candidate)
        except CandidError:
            continue


@given(st.data())
def test_a_damaged_response_is_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(http_canister.response(200, b"body", [("a", "b")], upgrade=False))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(4, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode_response(bytes(whole[: data.draw(st.integers(4, len(whole)))]))
    except CandidError:
        return


def management_call(method: str, arg: bytes) -> CallRequest:
    return CallRequest(b"", b"\x04", 0, False, b"", method, arg)


def test_the_effective_canister_id_is_read_from_the_argument() -> None:
    target = bytes(8) + b"\x01\x01"
    for method, name in (
        ("canister_status", "canister_id"),
        ("install_chunked_code", "target_canister"),
    ):
        kind = Types.Record({name: Types.Principal, "other": Types.Text})
        arg = encode([{"type": kind, "value": {name: target, "other": "x"}}])
        assert effective_canister_id(management_call(method, arg)) == target
    create = management_call("provisional_create_canister_with_cycles", b"")
    assert effective_canister_id(create) is None
    with pytest.raises(RequestRefused, match="effective canister id"):
        effective_canister_id(management_call("canister_status", b"DIDL\x00\x00"))
