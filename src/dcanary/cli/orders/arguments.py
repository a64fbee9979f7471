"""Arguments of a module as text: by the `.did` that was built with it, where there is one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dcanary.candid import CandidError, DidSyntaxError, Interface, parse_interface, text
from dcanary.candid_export.bounds import MAX_DID_BYTES
from dcanary.candid_export.reading import InterfaceError, interface_text
from dcanary.cli.display import in_order
from dcanary.client import principal
from dcanary.client.errors import ClientError

if TYPE_CHECKING:
    from dcanary.client.system import System
    from dcanary.client.types.verification import File, Order

MAX_ASKED_BYTES = 16 << 20
"""Modules up to this size are asked for their interface: all of it has to be read for that."""
CHUNK_BYTES = 1_000_000


def arguments_text(argument: bytes, interface: Interface | None) -> str:
    """The values with their names, else with their types, else the bytes: always all of them.

    A message that holds more than the values tell, such as one whose types or numbers are written
    in an unusual way, is shown with its bytes.

    Candid lets a reader leave out what its own types do not name: fields, further arguments, an
    `opt` of another type. The interface comes from the commit that asks to be approved, so it must
    not decide what people see: where it reads less than is there, what is there is shown as well.
    """
    if not argument:
        return "none"
    try:
        told = _values_text(argument, interface)
        untold = text.untold(argument)
    except CandidError:
        return f"0x{argument.hex()} (not Candid)"
    told = in_order(told)
    if not untold:
        return told
    return f"{told}\nthe bytes, which may hold more ({untold}): 0x{argument.hex()}"


def _values_text(argument: bytes, interface: Interface | None) -> str:
    sent = text.decode_untyped(argument)
    if interface is None:
        return sent
    try:
        read, again = _as_read(argument, interface)
    except CandidError:
        # Not of those types; the types that the message carries say at least something.
        return sent
    if again == sent:
        return read
    return f"{sent}\nof which the module's interface reads:\n{read}"


def is_read_whole(argument: bytes, interface: Interface | None) -> bool:
    """Whether the module reads all values of an argument, as far as its interface tells.

    One that declares no arguments tells nothing: many `.did` files leave those of init out.
    """
    if not argument or interface is None or not interface.init.types:
        return True
    try:
        return _as_read(argument, interface)[1] == text.decode_untyped(argument)
    except CandidError:
        return False


def _as_read(argument: bytes, interface: Interface) -> tuple[str, str]:
    """The values that the module reads: by its interface, and in the form of `decode_untyped`.
    Raises CandidError when it reads none."""
    codec = interface.init
    values = codec.decode(argument)
    return text.format_values(values, codec.types), text.decode_untyped(codec.encode(values))


def interface_file(files: Sequence[File], artifact: str) -> File | None:
    """The `.did` that describes an artifact: of the same name, or the only one."""
    found = [one for one in files if one["path"].endswith(".did") and one["size"] <= MAX_DID_BYTES]
    stem = artifact.removesuffix(".gz").removesuffix(".wasm")
    same = [one for one in found if one["path"] == f"{stem}.did"]
    return same[0] if same else found[0] if len(found) == 1 else None


def interface_of(system: System, order: Order) -> Interface | None:
    """The interface of the ordered module: built with it and agreed on like it, or told by the
    module itself, or that which the target's canister publishes now; None when there is none that
    can be read."""
    try:
        did = _agreed_interface(system, order) or _published(system, order)
        return None if did is None else parse_interface(did.decode())
    except (DidSyntaxError, UnicodeDecodeError):
        return None


def _agreed_interface(system: System, order: Order) -> bytes | None:
    try:
        verdict = system.verification.get_round(order["run"], order["stage"])["verdict"]
        files = verdict["files"] if verdict else []
        file = interface_file(files, order["artifact"])
        if file is not None:
            return _content(system, order, file)
        module = next((each for each in files if each["path"] == order["artifact"]), None)
        if module is None or module["size"] > MAX_ASKED_BYTES:
            return None
        content = _content(system, order, module)
    except ClientError:
        return None  # Kept no longer, or not for this caller.
    try:
        text = None if content is None else interface_text(content)
    except InterfaceError:
        return None
    return None if text is None else text.encode()


def _content(system: System, order: Order, file: File) -> bytes | None:
    """The bytes of an agreed file; None when those that are sent are others."""
    content = b""
    while len(content) < file["size"]:
        content += system.build_executor.read_chunk(
            {
                "run": order["run"],
                "stage": order["stage"],
                "path": file["path"],
                "index": len(content) // CHUNK_BYTES,
            }
        )
    return content if hashlib.sha256(content).hexdigest() == file["sha256"] else None


def _published(system: System, order: Order) -> bytes | None:
    if order["canister"] is None:
        return None
    try:
        raw = principal.from_text(order["canister"])
        return system.connection.metadata(raw, "candid:service")
    except ClientError:
        return None
