"""Front ends: the scripts of a `package.json`, with the packages that its lock pins."""

from __future__ import annotations

import shlex

from dcanary import not_yet
from dcanary.project.facts import Canister, NodePackage, Project
from dcanary.project.folder import inside
from dcanary.project.plan.fit import PAGE, Fit, NotYet, Open, Values, name_for, no_lock

HEADING = f"{PAGE}#front-ends"
OUTPUTS = {"next": "out"}
"""Tool -> the folder that it writes to. Others write to `dist`."""


def is_npm_lock(lock: str) -> bool:
    """Whether npm reads a lock file."""
    return lock.rpartition("/")[2] in ("package-lock.json", "npm-shrinkwrap.json")


def other_lock(package: NodePackage) -> NotYet:
    """Why a package whose lock is another tool's cannot be built."""
    text = (
        f"its packages are pinned by {package.lock}, and the image node has npm alone: lock with "
        "npm install --package-lock-only"
    )
    return NotYet((Open(text, package.place, f"{PAGE}#dependencies"),))


def front_end(project: Project, package: NodePackage, name: str, files: list[str]) -> Fit | NotYet:
    """The scripts `build` and `test` of a package. `files` is what is made, if that is known."""
    if not package.lock:
        command = "npm install --package-lock-only"
        return no_lock("its packages", "package-lock.json", command, package.place)
    if not is_npm_lock(package.lock):
        return other_lock(package)
    scripts = dict(package.scripts)
    # In a workspace the lock lies above, and npm installs for all of it.
    above = package.lock.rpartition("/")[0]
    opened = []
    own = next((one for one in project.node if one.folder == (above or ".")), package)
    if own.installs:
        # `npm rebuild` afterwards, for the scripts of packages, would run the project's own too.
        commands = [f"npm ci --ignore-scripts{_prefix(above)}"]
        names = ", ".join(f"{name} ({text})" for name, text in own.installs)
        text = (
            f"its own {names} is not run, nor are those of packages: stages have no network, so "
            "what it makes has to be in the repository"
        )
        opened.append(Open(text, own.place, HEADING))
    else:
        commands = [f"npm ci{_prefix(above)}"]
    if "build" in scripts:
        commands.append(f"npm run build{_prefix(package.folder)}")
        if not files:
            tool = next((one for one in package.tools if one in OUTPUTS), "")
            output = OUTPUTS.get(tool, "dist")
            files = [f"{output}/" if package.folder == "." else f"{package.folder}/{output}/"]
            text = f"{files[0]} is compared: write another folder where build makes another one"
            opened.append(Open(text, package.place, HEADING))
    elif "test" in scripts:
        commands.append(f"npm test{_prefix(package.folder)}")
    values: Values = {
        "name": name_for(name),
        "branch": project.branch,
        "lock": package.lock,
        "commands": commands,
        "files": files,
    }
    return Fit("front-end", values, tuple(opened))


def _prefix(folder: str) -> str:
    return "" if folder in ("", ".") else f" --prefix {shlex.quote(folder)}"


class AssetsPlanner:
    """Plans what asset canisters serve: the files are built, compared and kept."""

    def plan(self, project: Project, canister: Canister) -> Fit | NotYet:
        """See `Planner`."""
        package = _package_of(project, canister)
        if package is None:
            text = not_yet.ASSET_CANISTERS.sentence()
            return NotYet((Open(text, canister.place, HEADING),))
        made = [
            f"{folder}/"
            for one in canister.source
            if (folder := inside(one)) and not any(site.folder == folder for site in project.sites)
        ]
        plan = front_end(project, package, canister.name, made)
        if isinstance(plan, NotYet):
            return plan
        text = not_yet.ASSET_CANISTERS.sentence()
        opened = (*plan.open, Open(text, canister.place, HEADING))
        return Fit(plan.template, plan.values, opened)


def _package_of(project: Project, canister: Canister) -> NodePackage | None:
    """The package whose script `build` makes the files; the nearest above them."""
    builders = [one for one in project.node if "build" in dict(one.scripts)]
    folders = [f"{inside(one)}/" for one in canister.source]
    around = [
        one
        for one in builders
        if one.folder == "." or any(folder.startswith(f"{one.folder}/") for folder in folders)
    ]
    return max(around, key=lambda one: len(one.folder), default=None)
