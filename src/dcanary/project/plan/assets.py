"""Asset canisters: a front end, and the target that gets its files."""

from __future__ import annotations

import shlex

from dcanary.project.facts import Canister, Kind, NodePackage, Project
from dcanary.project.folder import inside
from dcanary.project.plan.fit import Fit, NotYet, Open, Values, name_for
from dcanary.project.plan.npm import HEADING, front_end

DEPLOYED = "docs/how-to/front-end.md"
BY_HAND = "write deploy.assets by hand"
NO_MODULE = (
    "its files are built and compared, and not deployed: commit the module assetstorage.wasm.gz, "
    "or pin its URL in urls.lock, and init writes the target"
)


class AssetsPlanner:
    """Plans asset canisters: their files are built, and put there where the module is known."""

    def plan(self, project: Project, canister: Canister) -> Fit | NotYet:
        """See `Planner`."""
        package = _package_of(project, canister)
        if package is None:
            return _static(project, canister)
        made = [
            f"{folder}/"
            for one in canister.source
            if (folder := inside(one)) and not any(site.folder == folder for site in project.sites)
        ]
        plan = front_end(project, package, canister.name, made)
        if isinstance(plan, NotYet):
            return plan
        return _deployed(project, canister, plan)


def _static(project: Project, canister: Canister) -> Fit | NotYet:
    """The files of a folder as they are, where nothing builds them."""
    folders = [inside(one) for one in canister.source]
    site = next((one for one in project.sites if one.folder in folders), None)
    module = project.asset_module
    if site is None or site.folder == ".":
        text = f"no package.json builds its files: {BY_HAND}"
        return NotYet((Open(text, canister.place, DEPLOYED),))
    if module is None or module.lock:
        text = "its files need no build: commit the module assetstorage.wasm.gz to deploy them"
        return NotYet((Open(text, canister.place, DEPLOYED),))
    folder = f"{site.folder}/"
    values: Values = {
        "name": name_for(canister.name),
        "branch": project.branch,
        "index": site.place.file,
        "files": [folder, module.path],
        "module": module.path,
        "assets": folder,
    }
    return Fit("static-canister", values)


def _deployed(project: Project, canister: Canister, plan: Fit) -> Fit:
    """The plan of a front end with the target that gets its files, if its module is known."""
    module = project.asset_module
    if module is None:
        opened = (*plan.open, Open(NO_MODULE, canister.place, DEPLOYED))
        return Fit(plan.template, plan.values, opened)
    files, commands = list(plan.values["files"]), list(plan.values["commands"])
    folder = files[0]
    opened = plan.open
    if len(files) > 1:
        text = f"{folder} alone goes into the canister, not {', '.join(files[1:])}"
        opened = (*opened, Open(text, canister.place, DEPLOYED))
    path, locks = module.path, [str(plan.values["lock"])]
    if module.lock:
        path = module.path.rpartition("/")[2]
        commands.append(f'cp "$DCANARY_URLS"/{shlex.quote(module.path)} {shlex.quote(path)}')
        locks.append(module.lock)
    values: Values = {
        "name": plan.values["name"],
        "branch": plan.values["branch"],
        "image": plan.values["image"],
        "locks": locks,
        "commands": commands,
        "files": [*files, path],
        "module": path,
        "assets": folder,
    }
    return Fit("asset-canister", values, opened)


def unused_packages(project: Project, *, besides_canisters: bool) -> list[Open]:
    """What is said of packages with a script `build` that is a part of no canister.

    The one in the root is built where the pipeline has no canister, not `besides_canisters`.
    """
    used = {
        package.folder
        for canister in project.canisters
        if canister.kind is Kind.ASSETS and (package := _package_of(project, canister))
    }
    if not besides_canisters:
        used |= {one.folder for one in project.node if one.folder == "."}
    return [
        Open(
            "its script build is run by no stage: name what it makes as source of an asset "
            "canister in dfx.json, or add a stage of your own",
            one.place,
            HEADING,
        )
        for one in project.node
        if "build" in dict(one.scripts) and "azle" not in one.tools and not _within(one, used)
    ]


def _within(package: NodePackage, folders: set[str]) -> bool:
    """Whether it is in one of these folders; what is built above may build what is below."""
    here = package.folder
    return any(one in (".", here) or here.startswith(f"{one}/") for one in folders)


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
