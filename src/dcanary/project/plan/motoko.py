"""Motoko canisters, with the `moc` of the runtime motoko.

That compiler always uses enhanced orthogonal persistence and refuses actors that are not declared
`persistent` (M0220). So every module it makes has to be upgraded with `memory: keep`: the default
would drop the memory, or be refused by the network.
"""

from __future__ import annotations

from dataclasses import dataclass

from dcanary import not_yet
from dcanary.project.facts import Canister, Dependency, MotokoProgram, Place, Project
from dcanary.project.folder import inside, parent
from dcanary.project.plan.fit import (
    PAGE,
    Fit,
    NotYet,
    Open,
    argument,
    argument_values,
    name_for,
    steps_after,
)

SHIPPED = frozenset({"core"})
"""Packages that come with the runtime's compiler."""
PERSISTENT = "--default-persistent-actors"
KEPT_FLAGS = frozenset({"--hide-warnings", "-Werror", "--all-libs", PERSISTENT})
"""Flags without a value that the runtime's compiler takes."""
WARNING_FLAGS = frozenset({"-A", "-W", "-E"})
"""Flags that the runtime's compiler takes with codes of warnings, after `=` or as the next word."""
NEEDLESS_FLAGS = frozenset({"--enhanced-orthogonal-persistence", "--release", "-c"})
"""What the runtime's compiler does anyway."""


class MotokoPlanner:
    """Plans Motoko canisters whose packages are in the folder, shipped, or locked by mops."""

    def plan(self, project: Project, canister: Canister) -> Fit | NotYet:
        """See `Planner`."""
        program = project.motoko.get(canister.main)
        if program is None:
            return NotYet((_no_program(canister),))
        kept, open_flags = _flags(project, canister)
        found = packages(project, dict(program.packages))
        reasons = [*_refused(program, PERSISTENT in kept), *found.reasons]
        if reasons:
            return NotYet(tuple(reasons))
        values: dict[str, str | list[str]] = {
            "name": name_for(canister.name),
            "branch": project.branch,
            "main": canister.main,
            "flags": [*kept, *found.flags],
            **argument_values(canister),
        }
        if found.locked and project.mops is not None:
            values["lock"] = project.mops.lock
        taken = program.place if program.takes_argument else None
        return Fit(
            "mops" if found.locked else "motoko",
            values,
            (
                *open_flags,
                *steps_after(canister),
                *argument(project, canister, taken),
                *_versions(project, program, found),
            ),
            canister.dependencies,
        )


def _no_program(canister: Canister) -> Open:
    if not canister.main:
        return Open("it names no program (main)", canister.place)
    return Open(f"its program {canister.main} is not there, or declares no actor", canister.place)


def _refused(program: MotokoProgram, persistent: bool) -> list[Open]:
    """What the runtime's compiler would refuse; `persistent`: a flag says that actors are."""
    found = []
    if not program.persistent and not persistent:
        found.append(
            Open(
                "the actor is not declared persistent, which the moc of the runtime motoko asks "
                "for (M0220): write `persistent actor`",
                program.place,
                f"{PAGE}#motoko",
            )
        )
    for target, place in program.canisters:
        text = not_yet.CANISTER_IMPORTS.sentence(target)
        found.append(Open(text, place, f"{PAGE}#several-canisters"))
    for target, place in program.missing:
        found.append(Open(f"imports {target}, which is not in the folder", place, f"{PAGE}#motoko"))
    return found


@dataclass(frozen=True)
class Packages:
    """Where the packages of a program are: flags for those in the folder, names of those that the
    lock file pins, and why others cannot be had."""

    flags: tuple[str, ...]
    locked: tuple[str, ...]
    reasons: tuple[Open, ...]


def packages(project: Project, used: dict[str, Place]) -> Packages:
    """Where the packages are that a program uses."""
    mops = project.mops
    pinned = {one.name: one for one in mops.dependencies} if mops else {}
    flags: list[str] = []
    locked: list[str] = []
    reasons: list[Open] = []
    for name, place in sorted(used.items()):
        if mops is not None and name == mops.name:
            base = parent(mops.place.file)
            flags += ["--package", name, "src" if base == "." else f"{base}/src"]
        elif (known := pinned.get(name)) and (folder := _in_folder(project, known)):
            flags += ["--package", name, folder]
        elif name in SHIPPED:
            continue
        elif mops is not None and mops.lock:
            # Also one that mops.toml does not name: a package of a package.
            locked.append(name)
        else:
            reasons.append(_not_pinned(name, place, pinned.get(name)))
    return Packages(tuple(flags), tuple(locked), tuple(reasons))


def _not_pinned(name: str, place: Place, known: Dependency | None) -> Open:
    if known is None:
        text = f"the package {name} is in no mops.toml: add it with `mops add {name}`"
        return Open(text, place, f"{PAGE}#dependencies")
    text = (
        f"the package {name} {known.version} (imported in {place}) is pinned by no mops.lock: make "
        "it with `mops install --lock update` and commit it"
    )
    return Open(text, known.place, f"{PAGE}#dependencies")


def _in_folder(project: Project, dependency: Dependency) -> str:
    """The sources of a package that is named by a path inside the folder."""
    if not dependency.version.startswith("."):
        return ""
    found = inside(dependency.version, parent(dependency.place.file))
    return f"{found}/src" if found and found != "." else ""


def _flags(project: Project, canister: Canister) -> tuple[list[str], list[Open]]:
    """The flags of a canister that the runtime's compiler takes, and what is said of the others."""
    words = list(canister.flags)
    place = canister.place
    if not words and project.mops is not None:
        words, place = list(project.mops.flags), project.mops.place
    kept: list[str] = []
    dropped: list[str] = []
    while words:
        flag = words.pop(0)
        head, equals, _ = flag.partition("=")
        if flag in KEPT_FLAGS or (equals and head in WARNING_FLAGS):
            kept.append(flag)
        elif flag in WARNING_FLAGS and words:
            kept += [flag, words.pop(0)]
        elif flag not in NEEDLESS_FLAGS:
            dropped.append(flag)
            while words and not words[0].startswith("-"):
                dropped.append(words.pop(0))
    if not dropped:
        return kept, []
    text = f"{' '.join(dropped)}: left out, the moc of the runtime motoko has no such flags"
    return kept, [Open(text, place, f"{PAGE}#motoko")]


def _versions(project: Project, program: MotokoProgram, found: Packages) -> list[Open]:
    """Say it when a version is the runtime's and not the one asked for."""
    mops = project.mops
    if mops is None:
        return []
    opened = []
    if mops.compiler:
        text = f"moc {mops.compiler} is asked for: the moc of the runtime motoko is used"
        opened.append(Open(text, mops.place, f"{PAGE}#motoko"))
    if "core" not in dict(program.packages) or found.locked:
        # Among what is fetched the lock's core is too.
        return opened
    for one in mops.dependencies:
        if one.name == "core" and not one.version.startswith("."):
            text = f"core {one.version}: the core that comes with the runtime's compiler is used"
            opened.append(Open(text, one.place, f"{PAGE}#motoko"))
    return opened
