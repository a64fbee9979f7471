"""A canister as an object: methods by the names of its Candid interface, values as plain Python.

Records are dicts, variants one-key dicts, opt None or the value, blobs bytes, principals text.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from dcanary.candid import Interface, Method, parse_interface
from dcanary.client import principal
from dcanary.client.errors import (
    ClientError,
    NetworkError,
    OtherVersion,
    RefusedError,
    RejectedError,
)
from dcanary.client.transport import Connection

NO_SUCH_METHOD = "IC0536"


class Actor:
    """Calls to one canister by an interface that is known at run time only."""

    def __init__(self, connection: Connection, canister: str, interface: Interface) -> None:
        self.connection = connection
        self.canister = canister
        self.raw = principal.from_text(canister)
        self.interface = interface

    @classmethod
    def from_metadata(cls, connection: Connection, canister: str) -> Actor:
        """Read the interface from the canister's certified `candid:service` metadata.

        Raises ClientError when the canister has no module or does not publish its interface.
        """
        text = connection.metadata(principal.from_text(canister), "candid:service")
        if text is None:
            raise ClientError(
                f"canister {canister} does not publish its interface",
                "is a module installed? its metadata candid:service is missing",
            )
        return cls(connection, canister, parse_interface(text.decode()))

    def call(self, method: str, *args: Any, certified: bool = False) -> Any:
        """Reply value (None, one value, or a tuple). Queries go as queries, answered by one node
        that could lie, unless `certified`: then the whole subnet answers and signs.

        Raises ClientError when there is no such method or an argument does not fit its type.
        """
        signature = self.signature(method)
        try:
            arg = signature.encode(args)
        except (TypeError, ValueError) as error:
            raise ClientError(f"{method}: argument does not fit: {error}") from None
        values = self.exchange(method, arg, certified=certified)
        if not values:
            return None
        return values[0] if len(values) == 1 else tuple(values)

    def signature(self, method: str) -> Method:
        """Raises ClientError when the interface has no such method."""
        found = self.interface.methods.get(method)
        if found is None:
            raise ClientError(
                f"canister {self.canister} has no method {method}",
                f"it has: {', '.join(sorted(self.interface.methods))}",
            )
        return found

    def exchange(self, method: str, arg: bytes, *, certified: bool = False) -> list[Any]:
        """Values of the reply to an encoded argument. Raises ClientError."""
        signature = self.signature(method)
        if signature.is_query and not certified:
            reply = self.connection.query(self.raw, method, arg)
        else:
            reply = self.connection.update(self.raw, method, arg)
        try:
            return signature.decode(reply)
        except (TypeError, ValueError) as error:
            raise self._misfit(method, error) from None

    def _misfit(self, method: str, error: Exception) -> ClientError:
        """What to raise for a reply that does not fit the interface."""
        return NetworkError(f"{method}: the reply does not fit the interface: {error}")

    def ask(self, method: str, *args: Any, certified: bool = False) -> Any:
        """Like `call`, for methods that answer `Ok | Err`: the value of Ok, or RefusedError."""
        reply = self.call(method, *args, certified=certified)
        if isinstance(reply, dict) and "Ok" in reply:
            return reply["Ok"]
        if isinstance(reply, dict) and "Err" in reply:
            kind, sentence = next(iter(reply["Err"].items()))
            raise RefusedError(kind, sentence, method)
        raise NetworkError(f"{method}: the reply is neither Ok nor Err")


class Canister(Actor):
    """Base of the generated classes (`client/calls/`): calls by an interface that is shipped.

    Not by the one that the canister publishes: callers use the fields of the shipped one, and
    reading it would cost every command a certified answer per canister.
    """

    did: ClassVar[str]

    def __init__(self, connection: Connection, canister: str) -> None:
        super().__init__(connection, canister, shipped_interface(self.did))

    def exchange(self, method: str, arg: bytes, *, certified: bool = False) -> list[Any]:
        """See `Actor.exchange`. Raises OtherVersion where the canister is not of this version."""
        try:
            return super().exchange(method, arg, certified=certified)
        except RejectedError as error:
            if error.error_code != NO_SUCH_METHOD:
                raise
            raise OtherVersion(self._name, f"it has no method {method}") from None

    def _misfit(self, method: str, error: Exception) -> ClientError:
        return OtherVersion(self._name, f"its answer to {method} has another form: {error}")

    @property
    def _name(self) -> str:
        return self.did.removesuffix(".did")

    def is_of_this_version(self) -> bool:
        """Whether the canister publishes the shipped interface, white space aside. Certified.

        The number of a version does not say it: it stays the same from release to release.
        """
        published = self.connection.metadata(self.raw, "candid:service")
        shipped = interface_text(self.did)
        return published is not None and published.decode().split() == shipped.split()


def interface_text(file: str) -> str:
    """The text of an interface file of `client/types/`, such as `webhook.did`."""
    return (Path(__file__).parent / "types" / file).read_text(encoding="utf-8")


@cache
def shipped_interface(file: str) -> Interface:
    """The interface in a file of `client/types/`, parsed once."""
    return parse_interface(interface_text(file))
