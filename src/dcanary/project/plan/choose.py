"""The pipeline that a project gets: of its canisters, else of the whole folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from dcanary.pipeline.graph import find_cycle
from dcanary.pipeline.limits import MAX_TARGETS_PER_PIPELINE
from dcanary.project.facts import Canister, Kind, Project
from dcanary.project.plan import whole
from dcanary.project.plan.assets import AssetsPlanner, unused_packages
from dcanary.project.plan.azle import AzlePlanner
from dcanary.project.plan.fit import PAGE, Fit, NotYet, Open, Planner, name_for
from dcanary.project.plan.kybra import KybraPlanner
from dcanary.project.plan.motoko import MotokoPlanner
from dcanary.project.plan.rust import RustPlanner, without_canister
from dcanary.project.plan.unbuilt import UnbuiltPlanner

_UNBUILT = UnbuiltPlanner()
PLANNERS: Mapping[Kind, Planner] = {
    Kind.MOTOKO: MotokoPlanner(),
    Kind.RUST: RustPlanner(),
    Kind.KYBRA: KybraPlanner(),
    Kind.AZLE: AzlePlanner(),
    Kind.ASSETS: AssetsPlanner(),
    Kind.CUSTOM: _UNBUILT,
    Kind.PREBUILT: _UNBUILT,
    Kind.PULL: _UNBUILT,
}
WHOLE: tuple[Callable[[Project], Fit | NotYet | None], ...] = (
    whole.library,
    whole.node,
    whole.site,
)
MAX_PARTS = MAX_TARGETS_PER_PIPELINE
"""Canisters of one pipeline: each has up to two stages, and a pipeline has bounds."""
SEVERAL = f"{PAGE}#several-canisters"


@dataclass(frozen=True)
class Outlook:
    """What could be built of a project, canister by canister, and of the folder as a whole.

    `unused` is what was found and is no part of either.
    """

    canisters: tuple[tuple[Canister, Fit | NotYet], ...]
    folder: tuple[Fit | NotYet, ...]
    unused: tuple[Open, ...] = ()

    def fits(self) -> list[tuple[Canister, Fit]]:
        """The canisters that can be built."""
        return [(one, plan) for one, plan in self.canisters if isinstance(plan, Fit)]


class NoChoice(Exception):
    """No pipeline can be chosen. The message says what to do."""

    def __init__(self, message: str, reasons: tuple[Open, ...] = ()) -> None:
        super().__init__(message)
        self.reasons = reasons


def outlook(project: Project) -> Outlook:
    """Plan everything that the project holds."""
    canisters = [(one, PLANNERS[one.kind].plan(project, one)) for one in project.canisters]
    canisters = _with_interfaces(canisters)
    folder = [plan for ask in WHOLE if (plan := ask(project)) is not None]
    crates = without_canister(project)
    builds = any(isinstance(plan, Fit) for _, plan in canisters)
    unused = [
        *([] if crates is None else [crates]),
        *unused_packages(project, besides_canisters=builds),
    ]
    return Outlook(tuple(canisters), tuple(folder), tuple(unused))


def _with_interfaces(
    canisters: list[tuple[Canister, Fit | NotYet]],
) -> list[tuple[Canister, Fit | NotYet]]:
    """Those that import canisters whose `.did` no stage can make are not built."""
    while True:
        fits = {one.name: plan for one, plan in canisters if isinstance(plan, Fit)}
        edges = {
            name: [other for other in plan.interfaces if other in fits]
            for name, plan in fits.items()
        }
        circle = find_cycle(edges) or []
        lacking: dict[str, str] = {}
        for name, plan in fits.items():
            missing = [other for other in plan.interfaces if other not in fits]
            if missing:
                lacking[name] = f"it imports {', '.join(missing)}, which cannot be built here"
            elif name in circle:
                around = [other for other in plan.interfaces if other in circle]
                lacking[name] = (
                    f"it imports {', '.join(around)}, whose .did is made by a stage that needs "
                    "this one: put the .did into the repository, as candid of dfx.json or mops.toml"
                )
        if not lacking:
            return canisters
        canisters = [
            (one, NotYet((Open(lacking[one.name], one.place, SEVERAL),)))
            if one.name in lacking
            else (one, plan)
            for one, plan in canisters
        ]


def choose(project: Project, seen: Outlook, wanted: str | None = None) -> Fit:
    """The pipeline of the canister `wanted`, or of all that can be built.

    What the project holds besides is among what is open. Raises NoChoice when there is none.
    """
    fit = _chosen(project, seen, wanted)
    return replace(fit, open=(*fit.open, *seen.unused))


def _chosen(project: Project, seen: Outlook, wanted: str | None) -> Fit:
    fits = seen.fits()
    if wanted is not None:
        return _alone(wanted, _wanted(seen, wanted), seen)
    if len(fits) == 1:
        ((canister, fit),) = fits
        return _alone(canister.name, fit, seen)
    if fits:
        return _together(project, fits, seen)
    for plan in seen.folder:
        if isinstance(plan, Fit):
            return replace(plan, open=(*plan.open, *_others(seen, "")), builds=())
    reasons = _reasons(seen)
    if reasons:
        raise NoChoice("nothing here can be built yet", tuple(reasons))
    raise NoChoice(
        f"nothing known was found in {project.name}: choose one with --template NAME, see dcanary "
        "template list"
    )


def _wanted(seen: Outlook, name: str) -> Fit:
    for canister, plan in seen.canisters:
        if canister.name == name:
            if isinstance(plan, NotYet):
                raise NoChoice(f"the canister {name} cannot be built yet", plan.reasons)
            return plan
    known = ", ".join(canister.name for canister, _ in seen.canisters) or "none was found"
    raise NoChoice(f"there is no canister {name}: {known}")


def _reasons(seen: Outlook) -> list[Open]:
    """Why nothing can be built, the canister named with each reason."""
    found = []
    for canister, plan in seen.canisters:
        if isinstance(plan, NotYet):
            found += [replace(one, text=f"{canister.name}: {one.text}") for one in plan.reasons]
    for plan in seen.folder:
        if isinstance(plan, NotYet):
            found += plan.reasons
    return [*found, *seen.unused]


def _alone(name: str, fit: Fit, seen: Outlook) -> Fit:
    """The pipeline of one canister, with the others among what is open."""
    if fit.interfaces:
        place = next(one.place for one, _ in seen.canisters if one.name == name)
        text = (
            f"it imports {', '.join(fit.interfaces)}, whose .did is not in the repository but made "
            "by building that canister: leave out --canister"
        )
        raise NoChoice(f"the canister {name} cannot be built alone", (Open(text, place, SEVERAL),))
    opened = list(fit.open)
    if fit.after:
        place = next(one.place for one, _ in seen.canisters if one.name == name)
        text = (
            f"it refers to {', '.join(fit.after)}, which this pipeline does not deploy: deploy "
            "those before" + ("" if fit.environment else " and give their ids in an argument")
        )
        opened.append(Open(text, place, SEVERAL))
    return replace(fit, open=(*opened, *_others(seen, name)), after=(), builds=(name,))


def _others(seen: Outlook, name: str) -> list[Open]:
    found = []
    for canister, plan in seen.canisters:
        if canister.name == name:
            continue
        if isinstance(plan, Fit):
            text = (
                f"{canister.name}: left out; with --canister {canister.name} it is this one, "
                "without --canister both are there"
            )
            found.append(Open(text, canister.place, SEVERAL))
        else:
            found += [replace(one, text=f"{canister.name}: {one.text}") for one in plan.reasons]
    return found


def _of_each(fits: list[tuple[Canister, Fit]]) -> list[Open]:
    """What is open of canisters, once where it is the same of several."""
    found: dict[Open, list[str]] = {}
    for canister, fit in fits:
        for one in fit.open:
            found.setdefault(one, []).append(canister.name)
    return [replace(one, text=f"{', '.join(names)}: {one.text}") for one, names in found.items()]


def _together(project: Project, fits: list[tuple[Canister, Fit]], seen: Outlook) -> Fit:
    """One pipeline of several canisters, each after those that it refers to."""
    opened: list[Open] = []
    names = {canister.name for canister, _ in fits[:MAX_PARTS]}
    edges = {one.name: [other for other in fit.after if other in names] for one, fit in fits}
    cycle = find_cycle(edges)
    if cycle:
        text = f"{' -> '.join(cycle)}: in a circle, so no order of deployment is written"
        opened.append(Open(text, fits[0][0].place, SEVERAL))
        edges = {name: [] for name in edges}
    opened += _of_each(fits[:MAX_PARTS])
    parts = []
    for canister, fit in fits[:MAX_PARTS]:
        missing = [other for other in fit.after if other not in names]
        if missing:
            text = f"{canister.name}: refers to {', '.join(missing)}, which is not built here"
            opened.append(Open(text, canister.place, SEVERAL))
        parts.append((canister.name, replace(fit, open=(), after=tuple(edges[canister.name]))))
    for canister, _ in fits[MAX_PARTS:]:
        text = f"{canister.name}: left out, one pipeline gets {MAX_PARTS} canisters"
        opened.append(Open(text, canister.place, SEVERAL))
    for canister, plan in seen.canisters:
        if isinstance(plan, NotYet):
            opened += [replace(one, text=f"{canister.name}: {one.text}") for one in plan.reasons]
    values = {"name": name_for(project.name), "branch": project.branch}
    builds = tuple(name for name, _ in parts)
    return Fit("monorepo", values, tuple(opened), parts=tuple(parts), builds=builds)
