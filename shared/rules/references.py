"""Ids of targets inside arguments: where they go, and how they are put in. Plain Python.

An argument is encoded when its pipeline is registered, when the canisters that it refers to may not
exist yet. A placeholder of the same width stands for each id, so that putting the id in changes no
other byte: nothing is encoded on chain, and what people approve holds the ids themselves.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kybra import Principal

    from shared.types.pipeline import Reference

PLACEHOLDER = b"${canister"
"""Stands for an id: as many bytes as the ids that a network gives to canisters."""
PLACEHOLDER_TEXT = b"rzae3-rzepn-rwc3t-jon2g-k4q"
"""Stands for the text of an id: PLACEHOLDER as a principal is written."""


def width(reference: "Reference") -> int:
    """How many bytes of the argument the id takes."""
    return len(_placeholder(reference))


def _placeholder(reference: "Reference") -> bytes:
    return PLACEHOLDER_TEXT if reference["textual"] else PLACEHOLDER


def problem(argument: bytes, references: "list[Reference]") -> "str | None":
    """Why references do not fit their argument, or None: each has its placeholder for itself."""
    free = 0
    for reference in sorted(references, key=lambda one: one["offset"]):
        start, end = reference["offset"], reference["offset"] + width(reference)
        name = reference["canister"][:64]
        if start < free:
            return f"the reference to {name} overlaps another one at byte {start}"
        if argument[start:end] != _placeholder(reference):
            return f"no placeholder for the canister of {name} stands at byte {start}"
        free = end
    return None


def targets_of(references: "list[Reference] | None") -> "list[str]":
    """The targets that references name, each once, in their order."""
    return list(dict.fromkeys(one["canister"] for one in references or []))


def filled(
    argument: bytes, references: "list[Reference] | None", canisters: "dict[str, Principal]"
) -> "bytes | str":
    """The argument with the ids of `canisters` in it; a sentence when that cannot be."""
    why = problem(argument, references or [])
    if why is not None:
        return why
    out = bytearray(argument)
    for reference in references or []:
        name = reference["canister"]
        canister = canisters.get(name)
        if canister is None:
            return f"the canister of target {name[:64]} is not known"
        raw = canister.bytes
        if len(raw) != len(PLACEHOLDER):
            return (
                f"target {name[:64]} is {canister.to_str()}, whose id has {len(raw)} bytes: only "
                f"ids of {len(PLACEHOLDER)} bytes fit in"
            )
        text = canister.to_str().encode() if reference["textual"] else raw
        out[reference["offset"] : reference["offset"] + width(reference)] = text
    return bytes(out)
