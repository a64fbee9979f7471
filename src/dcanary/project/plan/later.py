"""Canisters that no pipeline can build yet, each kind with its reason."""

from __future__ import annotations

from dcanary import not_yet
from dcanary.project.facts import Canister, Kind, Project
from dcanary.project.plan.fit import PAGE, NotYet, Open

REASONS = {
    Kind.RUST: ("no pipeline is written for it yet", "rust-and-azle"),
    Kind.AZLE: ("no pipeline is written for it yet", "rust-and-azle"),
    Kind.ASSETS: (not_yet.ASSET_CANISTERS.sentence(), "front-ends"),
    Kind.CUSTOM: ("its own build commands need tools that no runtime has", "custom-builds"),
    Kind.PREBUILT: ("a module that is made elsewhere: there is nothing to build", "custom-builds"),
    Kind.PULL: ("a canister of somebody else: there is nothing to build", "custom-builds"),
}


class LaterPlanner:
    """Says why a canister cannot be built today."""

    def plan(self, project: Project, canister: Canister) -> NotYet:
        """See `Planner`."""
        text, heading = REASONS[canister.kind]
        return NotYet((Open(text, canister.place, f"{PAGE}#{heading}"),))
