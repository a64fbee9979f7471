"""References: `${canister:TARGET}` and `${network}`, in textual arguments and in the environment.

In an argument the network's name is put in at once. A canister's id is known to the canisters of
DCanary alone, when the target has been released: a placeholder of the same width goes into the
encoded argument, and a record of where it stands. `shared/rules/references.py` puts the id there.

A stage's environment is the same for all who build, before anything is released: ids are put in
when the file is read, so that everybody can see them in the pipeline.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dcanary.candid import principal
from dcanary.pipeline.names import check_name

PLACEHOLDER = b"${canister"
"""As in shared/rules/references.py, and so is its text."""
PLACEHOLDER_TEXT = principal.to_text(PLACEHOLDER).encode()
MAX_REFERENCES = 64
"""Of one argument."""
_WRITTEN = re.compile(r"\$\{([^{}]*)\}")
_IN_TEXT = re.compile(r"\$\{(network|canister:[^{}]*)\}")
_KNOWN = "use ${canister:TARGET} or ${network}, and \\u{24} for a plain $"


def stand_in(target: str) -> str:
    """An id for a target where no installation has one: the same everywhere."""
    digest = hashlib.sha256(f"stand-in for {target}".encode()).digest()
    return principal.to_text(digest[:8] + b"\xff\x01")


@dataclass(frozen=True)
class Installation:
    """What references ask of the installation that a pipeline is for: the name of its network,
    whether a target is registered there, and the id of its canister, None while it has none.

    Without an installation the network is `local`, and all targets are taken to be registered, each
    with a canister of an id that no network gives.
    """

    network: Callable[[], str] = lambda: "local"
    has_target: Callable[[str], bool] = lambda _: True
    canister_of: Callable[[str], str | None] = lambda target: stand_in(target)


ANY = Installation()


@dataclass(frozen=True)
class Reference:
    """The id of a target's canister goes to byte `offset`; `textual`: as text."""

    canister: str
    offset: int
    textual: bool


@dataclass(frozen=True)
class Argument:
    """A Candid message, with placeholders where `references` are."""

    encoded: bytes
    references: tuple[Reference, ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets that are referred to, each once."""
        return tuple(dict.fromkeys(one.canister for one in self.references))


@dataclass
class _Marks:
    """A text in which each reference to a canister has become an id of its own."""

    text: str
    canisters: Mapping[bytes, str] = field(default_factory=dict)


def encode(text: str, network: Callable[[], str], encoded: Callable[[str], bytes]) -> Argument:
    """Encode a textual argument that may hold references. Raises ValueError for a wrong reference.

    `encoded` encodes a text without references.
    """
    marks = _marked(text, network)
    message = encoded(marks.text)
    found = []
    for mark, canister in marks.canisters.items():
        places = [(mark, PLACEHOLDER), (principal.to_text(mark).encode(), PLACEHOLDER_TEXT)]
        times = [(one, put) for one, put in places if message.count(one) == 1]
        if len(times) != 1 or sum(message.count(one) for one, _ in places) != 1:
            raise ValueError(
                f"${{canister:{canister}}} cannot stand there: write "
                f'principal "${{canister:{canister}}}", or put it into a text'
            )
        ((one, put),) = times
        found.append(Reference(canister, message.index(one), put is PLACEHOLDER_TEXT))
        message = message.replace(one, put)
    return Argument(message, tuple(sorted(found, key=lambda one: one.offset)))


def in_text(text: str, installation: Installation) -> str:
    """A plain text with its references replaced; other `${…}` stays, it is for programs.

    Raises ValueError for a reference that cannot be replaced.
    """

    def put(match: re.Match[str]) -> str:
        if match[1] == "network":
            return installation.network()
        target = match[1].removeprefix("canister:")
        try:
            check_name(target)
        except ValueError as error:
            raise ValueError(f"{match[0]}: the target's name {error}") from None
        if not installation.has_target(target):
            raise ValueError(
                f"{match[0]}: there is no target {target}: add it and give it a canister with "
                f"dcanary target add {target} and dcanary target create {target}"
            )
        canister = installation.canister_of(target)
        if canister is None:
            raise ValueError(
                f"{match[0]}: the target {target} has no canister yet, and its id is needed before "
                f"anything is built: dcanary target create {target}"
            )
        return canister

    return _IN_TEXT.sub(put, text)


def _marked(text: str, network: Callable[[], str]) -> _Marks:
    canisters: dict[bytes, str] = {}

    def put(match: re.Match[str]) -> str:
        word = match[1]
        if word == "network":
            return network().replace("\\", "\\\\").replace('"', '\\"')
        kind, _, name = word.partition(":")
        if kind != "canister" or not name:
            raise ValueError(f"{match[0]} is not known: {_KNOWN}")
        try:
            check_name(name)
        except ValueError as error:
            raise ValueError(f"{match[0]}: the target's name {error}") from None
        # Unlike anything else in the message, so that it is found there.
        mark = b"DCANARY" + len(canisters).to_bytes(3, "big")
        canisters[mark] = name
        return principal.to_text(mark)

    marked = _WRITTEN.sub(put, text)
    if "${" in marked:
        raise ValueError(f"a reference is not closed: {_KNOWN}")
    if len(canisters) > MAX_REFERENCES:
        raise ValueError(f"must hold at most {MAX_REFERENCES} references")
    return _Marks(marked, canisters)


def to_candid(argument: Argument) -> list[dict[str, Any]] | None:
    """The references as Candid records; None when there are none."""
    if not argument.references:
        return None
    return [
        {"canister": one.canister, "offset": one.offset, "textual": one.textual}
        for one in argument.references
    ]
