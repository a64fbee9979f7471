"""The one pipeline that a project gets: of a canister, else of the whole folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from dcanary import not_yet
from dcanary.project.facts import Canister, Kind, Project
from dcanary.project.plan import whole
from dcanary.project.plan.fit import PAGE, Fit, NotYet, Open, Planner
from dcanary.project.plan.kybra import KybraPlanner
from dcanary.project.plan.later import LaterPlanner
from dcanary.project.plan.motoko import MotokoPlanner

_LATER = LaterPlanner()
PLANNERS: Mapping[Kind, Planner] = {
    **dict.fromkeys(Kind, _LATER),
    Kind.MOTOKO: MotokoPlanner(),
    Kind.KYBRA: KybraPlanner(),
}
WHOLE: tuple[Callable[[Project], Fit | NotYet | None], ...] = (
    whole.library,
    whole.node,
    whole.site,
)


@dataclass(frozen=True)
class Outlook:
    """What could be built of a project, canister by canister, and of the folder as a whole."""

    canisters: tuple[tuple[Canister, Fit | NotYet], ...]
    folder: tuple[Fit | NotYet, ...]

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
    folder = [plan for ask in WHOLE if (plan := ask(project)) is not None]
    return Outlook(tuple(canisters), tuple(folder))


def choose(project: Project, seen: Outlook, wanted: str | None = None) -> Fit:
    """The pipeline of the canister `wanted`, or the only one that there can be.

    What the project holds besides is among what is open. Raises NoChoice when there is none, or
    more than one.
    """
    if wanted is not None:
        return _with_others(_wanted(seen, wanted), seen, wanted)
    fits = seen.fits()
    if len(fits) == 1:
        ((canister, fit),) = fits
        return _with_others(fit, seen, canister.name)
    if fits:
        names = ", ".join(canister.name for canister, _ in fits)
        raise NoChoice(not_yet.SEVERAL_CANISTERS.sentence(names))
    for plan in seen.folder:
        if isinstance(plan, Fit):
            return _with_others(plan, seen, "")
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
    return found


def _with_others(fit: Fit, seen: Outlook, name: str) -> Fit:
    """The fit, with the other canisters among what is open."""
    others = []
    for canister, plan in seen.canisters:
        if canister.name == name:
            continue
        if isinstance(plan, Fit):
            text = (
                f"{canister.name}: left out, a pipeline deploys one canister; with --canister "
                f"{canister.name} it is this one"
            )
            others.append(Open(text, canister.place, f"{PAGE}#several-canisters"))
        else:
            others += [replace(one, text=f"{canister.name}: {one.text}") for one in plan.reasons]
    return replace(fit, open=(*fit.open, *others))
