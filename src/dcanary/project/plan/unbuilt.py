"""Canisters that no pipeline can build, each kind with its reason."""

from __future__ import annotations

from dcanary.project.facts import Canister, Kind, Project
from dcanary.project.plan.fit import PAGE, NotYet, Open

REASONS = {
    Kind.CUSTOM: ("its own build commands need tools that no runtime has", "custom-builds"),
    Kind.PREBUILT: ("a module that is made elsewhere: there is nothing to build", "custom-builds"),
    Kind.PULL: ("a canister of somebody else: there is nothing to build", "custom-builds"),
}


class UnbuiltPlanner:
    """Says why a canister cannot be built."""

    def plan(self, project: Project, canister: Canister) -> NotYet:
        """See `Planner`."""
        text, heading = REASONS[canister.kind]
        return NotYet((Open(text, canister.place, f"{PAGE}#{heading}"),))
