"""Python canisters against the Kybra API, with `dcanary build` of the runtime python."""

from __future__ import annotations

from dcanary import not_yet
from dcanary.project.facts import Canister, Project
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


class KybraPlanner:
    """Plans Kybra canisters that import nothing from outside the folder."""

    def plan(self, project: Project, canister: Canister) -> Fit | NotYet:
        """See `Planner`."""
        program = project.kybra.get(canister.main)
        if program is None:
            said = f"its program {canister.main} is not there, or does not import kybra"
            return NotYet((Open(said if canister.main else "it names no program", canister.place),))
        if program.packages:
            return NotYet(
                tuple(
                    Open(
                        not_yet.PACKAGES.sentence(f"the module {name} is"),
                        place,
                        f"{PAGE}#dependencies",
                    )
                    for name, place in program.packages
                )
            )
        values = {
            "name": name_for(canister.name),
            "branch": project.branch,
            "main": canister.main,
            **argument_values(canister),
        }
        taken = program.place if program.takes_argument else None
        opened = (*steps_after(canister), *argument(project, canister, taken))
        return Fit("kybra", values, opened, canister.dependencies)
