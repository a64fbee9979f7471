"""Motoko canisters, with the `moc` of the runtime motoko.

That compiler always uses enhanced orthogonal persistence and refuses actors that are not declared
`persistent` (M0220), unless a flag says how to take them. So every module it makes has to be
upgraded with `memory: keep`: the default would drop the memory, or be refused by the network.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from dcanary.project.plan.imports import (
    ENV_ALIAS,
    HEADING,
    ID_ALIAS,
    IDL,
    Imports,
    imports_of,
)

SHIPPED = frozenset({"core", "base"})
"""Packages that come with the runtime's compiler."""
LEGACY = "--legacy-actors"
ACTOR_FLAGS = frozenset({"--default-persistent-actors", "--require-persistent-actors", LEGACY})
"""How actors that are not declared persistent are taken."""
KEPT_FLAGS = frozenset({"--hide-warnings", "-Werror", "--all-libs", *ACTOR_FLAGS})
"""Flags without a value that the runtime's compiler takes."""
VALUE_FLAGS = frozenset({"-A", "-W", "-E", "--implicit-package", IDL})
"""Flags that the runtime's compiler takes with a value, after `=` or as the next word."""
NEEDLESS_FLAGS = frozenset({"--enhanced-orthogonal-persistence", "--release", "-c"})
"""What the runtime's compiler does anyway."""


class MotokoPlanner:
    """Plans Motoko canisters whose packages are in the folder, shipped, or locked by mops."""

    def plan(self, project: Project, canister: Canister) -> Fit | NotYet:
        """See `Planner`."""
        program = project.motoko.get(canister.main)
        if program is None:
            return NotYet((_no_program(canister),))
        words, place = _words(project, canister)
        kept, open_flags = _flags(words, place)
        found = packages(project, dict(program.packages))
        imports = imports_of(project, program, words)
        reasons = [*imports.reasons, *_missing(program), *found.reasons]
        if reasons:
            return NotYet(tuple(reasons))
        if not program.persistent and not ACTOR_FLAGS.intersection(kept):
            kept.append(LEGACY)
            open_flags.append(_legacy(program))
        values: dict[str, str | list[str]] = {
            "name": name_for(canister.name),
            "branch": project.branch,
            "main": canister.main,
            "flags": [*kept, *found.flags],
            **argument_values(canister),
        }
        if imports.words:
            values["imports"] = " ".join(imports.words)
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
                *_ids(canister, imports),
            ),
            tuple(dict.fromkeys((*canister.dependencies, *imports.after))),
            imports.environment,
            imports.interfaces,
        )


def _no_program(canister: Canister) -> Open:
    if not canister.main:
        return Open("it names no program (main)", canister.place)
    return Open(f"its program {canister.main} is not there, or declares no actor", canister.place)


def _missing(program: MotokoProgram) -> list[Open]:
    return [
        Open(f"imports {target}, which is not in the folder", place, f"{PAGE}#motoko")
        for target, place in program.missing
    ]


def _legacy(program: MotokoProgram) -> Open:
    """Say what compilers before 1.0 did, and this one does with a flag."""
    text = (
        f"the actor is not declared persistent: with {LEGACY} its variables that are not declared "
        "stable begin anew at each upgrade, as with earlier compilers"
    )
    return Open(text, program.place, f"{PAGE}#motoko")


def _ids(canister: Canister, imports: Imports) -> list[Open]:
    """Say that targets need canisters before the pipeline can be registered."""
    if not imports.environment:
        return []
    names = ", ".join(name_for(one) for one in imports.after)
    text = (
        f"the ids of {names} are compiled into the module: these targets need canisters before the "
        "pipeline is registered, dcanary target create"
    )
    return [Open(text, canister.place, HEADING)]


@dataclass(frozen=True)
class Packages:
    """Where the packages of a program are: flags for those in the folder, names of those that the
    lock file pins, and why others cannot be had."""

    flags: tuple[str, ...]
    locked: tuple[str, ...]
    reasons: tuple[Open, ...]


def packages(project: Project, used: dict[str, Place]) -> Packages:
    """Where the packages are that a program uses: in the folder, in the lock, with the compiler."""
    mops = project.mops
    pinned = {one.name: one for one in mops.dependencies} if mops else {}
    lock = mops.lock if mops else ""
    vendored = dict(mops.vendored) if mops and not lock else {}
    flags: list[str] = []
    locked: list[str] = []
    reasons: list[Open] = []
    own = set()
    for name, place in sorted(used.items()):
        if mops is not None and name == mops.name:
            base = parent(mops.place.file)
            flags += ["--package", name, "src" if base == "." else f"{base}/src"]
        elif (known := pinned.get(name)) and (folder := _in_folder(project, known)):
            flags += ["--package", name, folder]
        elif name in vendored:
            own.add(name)
        elif name == "core" or (name in SHIPPED and not lock):
            continue
        elif lock:
            # Also one that mops.toml does not name: a package of a package.
            locked.append(name)
        else:
            reasons.append(_not_pinned(name, place, pinned.get(name)))
    if own:
        # All of them: packages need others.
        for name, folder in vendored.items():
            flags += ["--package", name, folder]
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


def _words(project: Project, canister: Canister) -> tuple[list[str], Place]:
    """The flags that the project gives the compiler for a canister, and where."""
    if not canister.flags and project.mops is not None:
        return list(project.mops.flags), project.mops.place
    return list(canister.flags), canister.place


def _flags(given: list[str], place: Place) -> tuple[list[str], list[Open]]:
    """The flags that the runtime's compiler takes, and what is said of the others."""
    words = list(given)
    kept: list[str] = []
    dropped: list[str] = []
    while words:
        flag = words.pop(0)
        head, equals, _ = flag.partition("=")
        if flag in KEPT_FLAGS or (equals and head in VALUE_FLAGS):
            kept.append(flag)
        elif flag in VALUE_FLAGS and words:
            kept += [flag, words.pop(0)]
        elif flag in (ENV_ALIAS, ID_ALIAS):
            # Written anew for the imports that there are.
            del words[:3]
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
    for one in mops.dependencies:
        # Among what is fetched those of the lock are too, and vendored ones are flags.
        taken = one.name in SHIPPED and one.name in dict(program.packages) and not found.locked
        if taken and one.name not in found.flags and not one.version.startswith("."):
            text = (
                f"{one.name} {one.version}: the {one.name} that comes with the runtime's compiler "
                "is used"
            )
            opened.append(Open(text, one.place, f"{PAGE}#motoko"))
    return opened
