"""Imports of `canister:NAME` and `ic:ID` in Motoko.

The compiler of the runtime motoko puts the id of an imported canister into the module, so the id
has to be known before anything is built: the stage gets it in a variable whose value is a reference
to the target. The name of the variable is that of dfx. The types are those of a `.did`, of the
repository, or of the stage that builds the imported canister.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from dcanary import not_yet
from dcanary.project.facts import Canister, Kind, MotokoProgram, Place, Project
from dcanary.project.plan.fit import PAGE, Open, name_for

HEADING = f"{PAGE}#canisters-that-import-each-other"
ENV_ALIAS = "--actor-env-alias"
ID_ALIAS = "--actor-id-alias"
IDL = "--actor-idl"
_WITH_DID = frozenset({Kind.MOTOKO, Kind.KYBRA})
"""Kinds whose stage writes a `.did` beside the module, whatever the project has."""


@dataclass(frozen=True)
class Imports:
    """What the command needs, as words of shell, and what keeps an import from being resolved."""

    words: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    reasons: tuple[Open, ...] = ()


def imports_of(project: Project, program: MotokoProgram, flags: list[str]) -> Imports:
    """How the imports of a program are resolved. `flags` are those that its project gives moc."""
    given = _aliases(flags)
    known = {one.name: one for one in project.canisters}
    words: list[str] = []
    environment: dict[str, str] = {}
    after: list[str] = []
    interfaces: list[str] = []
    reasons: list[Open] = []
    for target, place in program.canisters:
        scheme, _, name = target.partition(":")
        if scheme == "ic":
            if not any(flag.partition("=")[0] == IDL for flag in flags):
                reasons.append(_unknown(target, place))
            continue
        canister, did = known.get(name), given.get(name, "")
        if not did and canister is not None:
            did = _committed(canister) or _made(canister)
            if did and not _committed(canister):
                interfaces.append(name)
        if not did:
            reasons.append(_unknown(target, place))
            continue
        variable = variable_of(name)
        environment[variable] = f"${{canister:{name_for(name)}}}"
        words += [ID_ALIAS, shlex.quote(name), f'"${variable}"', shlex.quote(did)]
        after.append(name)
    return Imports(tuple(words), environment, tuple(after), tuple(interfaces), tuple(reasons))


def variable_of(canister: str) -> str:
    """The variable that holds the id of a canister, as dfx names it."""
    return "CANISTER_ID_" + re.sub(r"[^A-Z0-9]", "_", canister.upper())


def _aliases(flags: list[str]) -> dict[str, str]:
    """Canister -> `.did`, from the aliases that the project's own flags hold."""
    return {
        flags[at + 1]: flags[at + 3]
        for at, flag in enumerate(flags)
        if flag in (ENV_ALIAS, ID_ALIAS) and len(flags) > at + 3
    }


def _committed(canister: Canister) -> str:
    return canister.candid


def _made(canister: Canister) -> str:
    """The `.did` that the stage of a canister writes; empty when it writes none."""
    return f"build/{name_for(canister.name)}.did" if canister.kind in _WITH_DID else ""


def _unknown(target: str, place: Place) -> Open:
    return Open(not_yet.CANISTER_IMPORTS.sentence(target), place, HEADING)
