"""Principals as a person types them: the shared text form, with errors of the client's own."""

from __future__ import annotations

from dcanary.candid import principal
from dcanary.candid.principal import ANONYMOUS, self_authenticating, to_text
from dcanary.client.errors import ConfigError

__all__ = ["ANONYMOUS", "MANAGEMENT", "from_text", "self_authenticating", "to_text"]

MANAGEMENT = principal.MANAGEMENT_CANISTER


def from_text(text: str) -> bytes:
    """Raises ConfigError when `text` is not the canonical form of a principal."""
    try:
        raw = principal.from_text(text)
    except ValueError:
        raw = None
    if raw is None or to_text(raw) != text:
        raise ConfigError(
            f"{text!r} is not a principal", "a principal looks like rrkah-fqaaa-aaaaa-aaaaq-cai"
        )
    return raw
