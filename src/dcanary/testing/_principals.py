"""Principals as tests write them: objects, text, bytes, or the canister itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dcanary.testing._isolation import principal_module

if TYPE_CHECKING:
    from dcanary.wasm.guest.kybra._principal import Principal as Principal
else:
    Principal = principal_module().Principal

ANONYMOUS = Principal(b"\x04")


class HasPrincipal(Protocol):
    """A canister, as far as its identity goes."""

    id: Principal


PrincipalLike = Principal | HasPrincipal | str | bytes


def as_principal(value: PrincipalLike) -> Principal:
    """A Principal from a Principal, a canister, its text or its bytes."""
    if isinstance(value, str):
        return Principal.from_str(value)
    if isinstance(value, (bytes, bytearray)):
        return Principal(bytes(value))
    if hasattr(value, "id"):
        return value.id
    return Principal(value.bytes)


def same_principal(left: PrincipalLike, right: PrincipalLike) -> bool:
    """Whether both name the same identity, whatever they are written as."""
    return as_principal(left) == as_principal(right)


def user_principal(number: int) -> Principal:
    """A user principal for tests: self-authenticating in form, different for each number."""
    return Principal.self_authenticating(b"test key %d" % number)
