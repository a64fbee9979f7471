"""Who sent a request, and until when it is valid (interface specification, "Authentication")."""

from __future__ import annotations

from dcanary.candid import principal

from .envelope import CallRequest, Envelope, ReadStateRequest
from .errors import bad_request
from .signatures import verify

REQUEST_DOMAIN = b"\x0aic-request"
DELEGATION_DOMAIN = b"\x1aic-request-auth-delegation"
MAX_INGRESS_TTL_NS = 5 * 60 * 10**9
PERMITTED_DRIFT_NS = 30 * 10**9
"""How much longer than `MAX_INGRESS_TTL_NS` an expiry may lie ahead, for clocks that differ."""


def _check_expiry(request: CallRequest | ReadStateRequest, now: int) -> None:
    is_call = isinstance(request, CallRequest) and not request.is_query
    if request.sender == principal.ANONYMOUS and not is_call:
        return
    latest = now + MAX_INGRESS_TTL_NS + PERMITTED_DRIFT_NS
    if not now <= request.ingress_expiry <= latest:
        # Agents recognise this text and read the replica's time again.
        raise bad_request(
            "Invalid request expiry: Specified ingress_expiry not within expected range: "
            f"Minimum allowed expiry: {now}, Maximum allowed expiry: {latest}, "
            f"Provided expiry: {request.ingress_expiry}"
        )


def _check_chain(envelope: Envelope, now: int) -> bytes:
    """Check the delegations; returns the key that must have signed the request."""
    assert envelope.sender_public_key is not None
    request = envelope.request
    key = envelope.sender_public_key
    seen = {key}
    for delegation in envelope.delegations:
        verify(key, DELEGATION_DOMAIN + delegation.raw_hash, delegation.signature)
        if delegation.expiration < now:
            raise bad_request(
                f"Invalid delegation expiry: {delegation.expiration} is before the time {now}"
            )
        key = delegation.public_key
        if key in seen:
            raise bad_request("Invalid delegation: the chain of delegations contains a cycle")
        seen.add(key)
        if not isinstance(request, CallRequest):
            continue
        if delegation.queries_only and not request.is_query:
            raise bad_request("Invalid delegation: it permits queries only, not calls")
        if delegation.targets is not None and request.canister_id not in delegation.targets:
            raise bad_request(
                f"Canister {principal.to_text(request.canister_id)} is not one of the "
                "delegation targets"
            )
    return key


def authenticate(envelope: Envelope, now: int) -> None:
    """Raises RequestRefused (400) unless the sender signed the request and it has not expired.

    `now` is the subnet's time in nanoseconds.
    """
    request = envelope.request
    _check_expiry(request, now)
    if request.sender == principal.ANONYMOUS:
        if envelope.sender_public_key or envelope.signature or envelope.delegations:
            raise bad_request("Invalid request: an anonymous request must not carry a signature")
        return
    if envelope.sender_public_key is None or envelope.signature is None:
        raise bad_request(
            f"Missing signature from user: {principal.to_text(request.sender)}: set sender_pubkey "
            "and sender_sig"
        )
    if principal.self_authenticating(envelope.sender_public_key) != request.sender:
        raise bad_request(
            f"The user {principal.to_text(request.sender)} is not the owner of the public key"
        )
    key = _check_chain(envelope, now)
    verify(key, REQUEST_DOMAIN + request.request_id, envelope.signature)
