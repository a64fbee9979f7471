"""Calls of any canister, arguments and answers as text: Candid's own form or JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dcanary.candid import CandidError, text
from dcanary.candid.json import parse_arguments, to_json
from dcanary.candid.kinds import Type
from dcanary.cli.errors import UsageTrouble
from dcanary.client import principal
from dcanary.client.actor import Actor
from dcanary.client.errors import NetworkError
from dcanary.client.transport import Connection


@dataclass(frozen=True)
class Answer:
    """The values of a reply. `types` is None when nobody declared them: then `raw` is the text."""

    values: list[Any]
    types: list[Type] | None
    raw: str = ""

    def text(self) -> str:
        """Candid's textual form."""
        return self.raw if self.types is None else text.format_values(self.values, self.types)

    def json(self) -> Any:
        """See `dcanary.candid.json`; several values are an array, none is null."""
        if self.types is None:
            return self.raw
        shown = [to_json(v, node) for v, node in zip(self.values, self.types, strict=True)]
        return shown[0] if len(shown) == 1 else shown or None


def encode(arguments: str, types: list[Type], encode_values: Any) -> bytes:
    """The message of a call. Text that begins with `[` is JSON. Raises UsageTrouble."""
    try:
        if arguments.lstrip().startswith("["):
            message: bytes = encode_values(parse_arguments(arguments, types))
            return message
        return text.encode_text(arguments, types)
    except CandidError as error:
        raise UsageTrouble(f"the arguments do not fit: {error}") from None


def call(connection: Connection, canister: str, method: str, arguments: str) -> Answer:
    """Call a method by the canister's own certified interface.

    A canister that publishes none is called with an update; numbers are then `int` unless they
    carry a type. Raises UsageTrouble for arguments that do not fit, RejectedError, NetworkError.
    """
    raw = principal.from_text(canister)
    if connection.metadata(raw, "candid:service") is None:
        return _call_untyped(connection, raw, method, arguments)
    actor = Actor.from_metadata(connection, canister)
    signature = actor.signature(method)
    message = encode(arguments, signature.arguments.types, signature.encode)
    return Answer(actor.exchange(method, message), signature.results.types)


def _call_untyped(connection: Connection, raw: bytes, method: str, arguments: str) -> Answer:
    try:
        message = text.encode_untyped(arguments)
    except CandidError as error:
        raise UsageTrouble(f"the arguments are not Candid: {error}") from None
    reply = connection.update(raw, method, message)
    try:
        return Answer([], None, text.decode_untyped(reply))
    except CandidError as error:
        raise NetworkError(f"{method}: the reply is not Candid: {error}") from None
