"""Motoko canisters, with the `moc` of the runtime motoko.

That compiler always uses enhanced orthogonal persistence and refuses actors that are not declared
`persistent` (M0220). So every module it makes has to be upgraded with `memory: keep`: the default
would drop the memory, or be refused by the network.
"""

from __future__ import annotations

from dcanary import not_yet
from dcanary.project.facts import Canister, Dependency, MotokoProgram, Place, Project
from dcanary.project.folder import inside, parent
from dcanary.project.plan.fit import (
    PAGE,
    Fit,
    NotYet,
    Open,
    Values,
    argument,
    argument_values,
    name_for,
    steps_after,
)

SHIPPED = frozenset({"core"})
"""Packages that come with the runtime's compiler."""
KEPT_FLAGS = frozenset({"--hide-warnings", "-Werror", "--all-libs"})
"""Flags without a value that the runtime's compiler takes."""
NEEDLESS_FLAGS = frozenset({"--enhanced-orthogonal-persistence", "--release", "-c"})
"""What the runtime's compiler does anyway."""


class MotokoPlanner:
    """Plans Motoko canisters whose packages are in the folder, or are `core`."""

    def plan(self, project: Project, canister: Canister) -> Fit | NotYet:
        """See `Planner`."""
        program = project.motoko.get(canister.main)
        if program is None:
            return NotYet((_no_program(canister),))
        folders, reasons = packages(project, dict(program.packages))
        reasons = [*_refused(program), *reasons]
        if reasons:
            return NotYet(tuple(reasons))
        flags, open_flags = _flags(canister)
        name = name_for(canister.name)
        values: Values = {
            "name": name,
            "branch": project.branch,
            "main": canister.main,
            "flags": [*flags, *folders],
            **argument_values(canister),
        }
        taken = program.place if program.takes_argument else None
        return Fit(
            "motoko",
            values,
            (
                *open_flags,
                *steps_after(canister),
                *argument(project, canister, taken),
                *_core(project, program),
            ),
        )


def _no_program(canister: Canister) -> Open:
    if not canister.main:
        return Open("it names no program (main)", canister.place)
    return Open(f"its program {canister.main} is not there, or declares no actor", canister.place)


def _refused(program: MotokoProgram) -> list[Open]:
    """What the runtime's compiler would refuse."""
    found = []
    if not program.persistent:
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


def packages(project: Project, used: dict[str, Place]) -> tuple[list[str], list[Open]]:
    """The flags that name packages in the folder, and why others cannot be had."""
    pinned = {one.name: one for one in project.mops.dependencies} if project.mops else {}
    flags: list[str] = []
    reasons: list[Open] = []
    for name, place in sorted(used.items()):
        if project.mops is not None and name == project.mops.name:
            base = parent(project.mops.place.file)
            flags += ["--package", name, "src" if base == "." else f"{base}/src"]
        elif (known := pinned.get(name)) and (folder := _in_folder(project, known)):
            flags += ["--package", name, folder]
        elif name not in SHIPPED:
            where = pinned[name].place if name in pinned else place
            version = f" {pinned[name].version}" if name in pinned else ""
            text = not_yet.PACKAGES.sentence(
                f"the package {name}{version} (imported in {place}) is"
            )
            reasons.append(Open(text, where, f"{PAGE}#dependencies"))
    return flags, reasons


def _in_folder(project: Project, dependency: Dependency) -> str:
    """The sources of a package that is named by a path inside the folder."""
    if not dependency.version.startswith("."):
        return ""
    found = inside(dependency.version, parent(dependency.place.file))
    return f"{found}/src" if found and found != "." else ""


def _flags(canister: Canister) -> tuple[list[str], list[Open]]:
    kept = [flag for flag in canister.flags if flag in KEPT_FLAGS]
    dropped = [
        flag for flag in canister.flags if flag not in KEPT_FLAGS and flag not in NEEDLESS_FLAGS
    ]
    if not dropped:
        return kept, []
    text = f"{' '.join(dropped)}: left out, the moc of the runtime motoko has no such flags"
    return kept, [Open(text, canister.place, f"{PAGE}#motoko")]


def _core(project: Project, program: MotokoProgram) -> list[Open]:
    """Say it when the version of `core` is the runtime's and not the one asked for."""
    if "core" not in dict(program.packages) or project.mops is None:
        return []
    for one in project.mops.dependencies:
        if one.name == "core" and not one.version.startswith("."):
            text = f"core {one.version}: the core that comes with the runtime's compiler is used"
            return [Open(text, one.place, f"{PAGE}#motoko")]
    return []
