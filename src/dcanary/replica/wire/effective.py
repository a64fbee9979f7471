"""Effective canister ids (interface specification, section "Effective canister id")."""

from __future__ import annotations

from functools import cache

from dcanary.candid import CandidError, Codec, parse_types, principal

from .envelope import CallRequest
from .errors import bad_request

_ANY = frozenset({"create_canister", "provisional_create_canister_with_cycles", "raw_rand"})


@cache
def _argument(field: str) -> Codec:
    """The argument of a management call; its other fields are skipped, whatever they are."""
    nodes = parse_types(f"type argument = record {{ {field} : principal }}")
    return Codec([nodes["argument"]], principals_as_bytes=True)


def effective_canister_id(request: CallRequest) -> bytes | None:
    """The id that the URL must name; None when any canister of the subnet will do.

    Raises RequestRefused (400) when a management call does not say which canister it is about.
    """
    if request.canister_id != principal.MANAGEMENT_CANISTER:
        return request.canister_id
    if request.method in _ANY:
        return None
    name = "target_canister" if request.method == "install_chunked_code" else "canister_id"
    try:
        (argument,) = _argument(name).decode(request.arg)
        canister_id: bytes = argument[name]
        return canister_id
    except CandidError as error:
        raise bad_request(
            f"Cannot tell the effective canister id of {request.method} on the management "
            f"canister: {error}"
        ) from error


def check_effective_canister_id(request: CallRequest, given: bytes) -> None:
    """Raises RequestRefused (400) when `given`, of the URL, is not the effective canister id."""
    expected = effective_canister_id(request)
    if expected is not None and expected != given:
        raise bad_request(
            "Specified CanisterId does not match effective canister id in URL: expected "
            f"{principal.to_text(expected)}, URL has {principal.to_text(given)}"
        )
