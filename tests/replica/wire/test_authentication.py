"""Envelopes, signatures, delegations and expiry."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.replica.wire.authentication import MAX_INGRESS_TTL_NS, authenticate
from dcanary.replica.wire.envelope import CallRequest, ReadStateRequest, decode_envelope
from dcanary.replica.wire.errors import RequestRefused
from tests.replica.helpers.client import Client, Signer, delegate, sign_content

NOW = time.time_ns()
CANISTER = bytes(8) + b"\x01\x01"


def call_of(signer: Signer | None, **more: Any) -> dict[str, Any]:
    return Client("", signer).call_content(CANISTER, "go", b"arg", **more)


def check(envelope: dict[str, Any], now: int | None = None) -> CallRequest | ReadStateRequest:
    decoded = decode_envelope(cbor2.dumps(envelope))
    authenticate(decoded, time.time_ns() if now is None else now)
    return decoded.request


def refusal(envelope: dict[str, Any], now: int | None = None) -> str:
    with pytest.raises(RequestRefused) as caught:
        check(envelope, now)
    assert caught.value.status == 400
    return caught.value.message


@pytest.mark.parametrize("kind", ["ed25519", "p256", "secp256k1"])
def test_a_signed_call_is_accepted_and_a_changed_one_is_not(kind: str) -> None:
    signer = Signer(kind)
    envelope = sign_content(call_of(signer), signer)
    request = check(envelope)
    assert isinstance(request, CallRequest)
    assert (request.method, request.arg, request.is_query) == ("go", b"arg", False)
    envelope["content"]["arg"] = b"other"
    assert "Invalid signature" in refusal(envelope)


@pytest.mark.parametrize("kind", ["ed25519", "p256", "secp256k1"])
def test_a_signature_with_a_flipped_bit_is_refused(kind: str) -> None:
    signer = Signer(kind)
    envelope = sign_content(call_of(signer), signer)
    forged = bytearray(envelope["sender_sig"])
    forged[-1] ^= 1
    envelope["sender_sig"] = bytes(forged)
    assert "Invalid signature" in refusal(envelope)


def test_the_key_of_someone_else_is_refused() -> None:
    signer, thief = Signer(), Signer()
    content = call_of(signer)
    assert "not the owner" in refusal(sign_content(content, thief))


def test_a_missing_signature_is_refused() -> None:
    assert "Missing signature" in refusal({"content": call_of(Signer())})


def test_nulls_of_an_anonymous_request_count_as_absent() -> None:
    content = call_of(None)
    check({"content": content, "sender_pubkey": None, "sender_sig": None})


def test_a_signed_anonymous_request_is_refused() -> None:
    signer = Signer()
    assert "anonymous" in refusal(sign_content(call_of(None), signer))


@pytest.mark.parametrize(
    "expiry",
    [NOW - 1, NOW + MAX_INGRESS_TTL_NS + 31 * 10**9, 0, 2**64 - 1],
    ids=["just over", "too far ahead", "never set", "the largest number"],
)
def test_an_expiry_outside_the_window_is_refused_in_the_words_agents_know(expiry: int) -> None:
    text = refusal({"content": call_of(None, ingress_expiry=expiry)}, NOW)
    assert text.startswith("Invalid request expiry: ")


def test_an_anonymous_query_may_carry_any_expiry() -> None:
    content = {**call_of(None, ingress_expiry=1), "request_type": "query"}
    check({"content": content}, NOW)


def with_delegation(content: dict[str, Any], signer: Signer, *chain: Any) -> dict[str, Any]:
    owner_key = chain[0]
    envelope = sign_content(content, signer)
    return {**envelope, "sender_pubkey": owner_key, "sender_delegation": list(chain[1:])}


def test_a_chain_of_delegations_is_accepted() -> None:
    owner, middle, last = Signer(), Signer("p256"), Signer("secp256k1")
    chain = [delegate(owner, middle), delegate(middle, last, targets=[CANISTER])]
    check(with_delegation(call_of(owner), last, owner.der, *chain))


def test_a_delegation_by_someone_else_is_refused() -> None:
    owner, thief = Signer(), Signer()
    chain = [delegate(thief, thief)]
    assert "Invalid signature" in refusal(with_delegation(call_of(owner), thief, owner.der, *chain))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"expiration": 1}, "expiry"),
        ({"targets": [b"\x01"]}, "targets"),
        ({"targets": [b"\x01"] * 1001}, "targets"),
        ({"permissions": "queries"}, "permits queries only"),
        ({"permissions": "nothing"}, "unknown permissions"),
    ],
)
def test_a_delegation_that_does_not_cover_the_call_is_refused(
    fields: dict[str, Any], why: str
) -> None:
    owner, session = Signer(), Signer()
    chain = [delegate(owner, session, **fields)]
    assert why in refusal(with_delegation(call_of(owner), session, owner.der, *chain))


def test_a_cycle_of_delegations_is_refused() -> None:
    owner, other = Signer(), Signer()
    chain = [delegate(owner, other), delegate(other, owner)]
    assert "cycle" in refusal(with_delegation(call_of(owner), owner, owner.der, *chain))


def test_more_than_twenty_delegations_are_refused() -> None:
    signers = [Signer() for _ in range(22)]
    chain = [delegate(a, b) for a, b in pairwise(signers)]
    envelope = with_delegation(call_of(signers[0]), signers[-1], signers[0].der, *chain)
    assert "more than 20" in refusal(envelope)


@pytest.mark.parametrize("last", ["01", "02"])
def test_keys_of_kinds_to_come_are_told_apart(last: str) -> None:
    der = bytes.fromhex("3014300c060a2b0601040183b84301" + last + "030400010203")
    content = call_of(None)
    from dcanary.candid.principal import self_authenticating

    content["sender"] = self_authenticating(der)
    envelope = {"content": content, "sender_pubkey": der, "sender_sig": b"x"}
    assert refusal(envelope).startswith("not supported yet")


@pytest.mark.parametrize("field", ["sender", "canister_id", "method_name", "arg", "request_type"])
def test_a_missing_field_is_named(field: str) -> None:
    content = call_of(None)
    del content[field]
    assert f"`{field}`" in refusal({"content": content})


@given(st.data())
def test_truncated_or_damaged_envelopes_are_refused_never_crash(data: st.DataObject) -> None:
    signer = Signer()
    whole = cbor2.dumps(sign_content(call_of(signer), signer))
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(RequestRefused):
        decode_envelope(whole[:cut])
    position = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[position] ^= data.draw(st.integers(1, 255))
    try:
        authenticate(decode_envelope(bytes(damaged)), time.time_ns())
    except RequestRefused as error:
        assert error.status == 400


@given(st.binary(max_size=100))
def test_any_bytes_are_refused_as_envelope(data: bytes) -> None:
    with pytest.raises(RequestRefused):
        decode_envelope(data)
