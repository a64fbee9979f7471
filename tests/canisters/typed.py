"""Calls as a person types them: arguments in the text of Candid, through its parser."""

from __future__ import annotations

from typing import Any

from dcanary.candid import parse_interface
from dcanary.candid.text import encode_text
from dcanary.testing.native import NativeCanister, PrincipalLike


def message(canister: NativeCanister, method: str, arguments: str) -> bytes:
    """The message that `icp canister call` makes of these arguments."""
    signature = parse_interface(canister.did).methods[method]
    return encode_text(arguments, signature.arguments.types)


def call(canister: NativeCanister, method: str, arguments: str, caller: PrincipalLike) -> Any:
    """The answer of an update or a query."""
    data = message(canister, method, arguments)
    if parse_interface(canister.did).methods[method].is_query:
        return canister.decode_result(method, canister.query_raw(method, data, caller=caller))
    return canister.submit_raw(method, data, caller=caller).result()
