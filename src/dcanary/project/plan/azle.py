"""TypeScript canisters: the project's own Azle in the image azle, packages by package-lock.json."""

from __future__ import annotations

import re

from dcanary.project.facts import Canister, Project
from dcanary.project.plan.fit import (
    PAGE,
    Fit,
    NotYet,
    Open,
    argument,
    argument_values,
    name_for,
    no_lock,
    steps_after,
)
from dcanary.project.plan.npm import other_lock

HEADING = f"{PAGE}#rust-and-azle"
_MINOR = re.compile(r"[\^~=v\s]*0\.(\d{1,4})\b")
FIRST_MINOR = 24
"""Of Azle 0.24 the build asks dfx for nothing (0.23 ran `dfx info webserver-port`)."""


class AzlePlanner:
    """Plans canisters that Azle builds."""

    def plan(self, project: Project, canister: Canister) -> Fit | NotYet:
        """See `Planner`."""
        # `azle build` reads dfx.json and node_modules in the folder where it runs.
        package = next((one for one in project.node if one.folder == "."), None)
        if package is None or "azle" not in package.tools:
            text = "the package.json in the root does not depend on azle"
            return NotYet((Open(text, canister.place, HEADING),))
        if not any(place.file == "dfx.json" for place in canister.places):
            text = "azle reads the program from dfx.json, which does not name it"
            return NotYet((Open(text, canister.place, HEADING),))
        if not package.lock:
            command = "npm install --package-lock-only"
            return no_lock("its packages", "package-lock.json", command, package.place)
        if package.lock_tool != "npm":
            # Azle's own postinstall and its compiler look for packages where npm puts them.
            return other_lock(package, ("npm",))
        asked = next(one for one in package.dependencies if one.name == "azle")
        minor = _MINOR.match(asked.version)
        if minor is not None and int(minor[1]) < FIRST_MINOR:
            text = (
                f"azle {asked.version} calls dfx while it builds, which no stage has: use "
                f"0.{FIRST_MINOR} or later"
            )
            return NotYet((Open(text, asked.place, HEADING),))
        values = {
            "name": name_for(canister.name),
            "branch": project.branch,
            "canister": canister.name,
            "lock": package.lock,
            **argument_values(canister),
        }
        return Fit(
            "azle",
            values,
            (*steps_after(canister), *argument(project, canister, None)),
            canister.dependencies,
        )
