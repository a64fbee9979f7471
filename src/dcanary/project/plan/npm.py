"""Front ends: the scripts of a `package.json`, with the packages that its lock pins."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dcanary.project.facts import NodePackage, Place, Project
from dcanary.project.plan.fit import PAGE, Fit, NotYet, Open, Values, name_for, no_lock
from dcanary.project.plan.node_tools import NPM, TOOLS, NodeTool

HEADING = f"{PAGE}#front-ends"
_SDK = re.compile(r"(?:^|[\s;&|(])(?:npx\s+)?(?:dfx|icp|didc)(?=\s|$)")
"""Commands of the Internet Computer's tools in a script."""
OUTPUTS = {"next": "out"}
"""Tool -> the folder that it writes to. Others write to `dist`."""


def other_lock(package: NodePackage, tools: Iterable[str]) -> NotYet:
    """Why a package whose lock is none of `tools` cannot be built."""
    text = (
        f"its packages are pinned by {package.lock} of {package.lock_tool}: lock with "
        f"{' or '.join(tools)}"
    )
    return NotYet((Open(text, package.place, f"{PAGE}#dependencies"),))


def _unavailable(package: NodePackage) -> tuple[str, str, Place] | None:
    """A script that is run, with its text and place, which calls a tool that no stage has."""
    return next((one for one in package.ran if _SDK.search(one[1])), None)


def _without_hooks(
    package: NodePackage, tool: NodeTool, begin: str, command: str
) -> tuple[str, list[Open]]:
    """The command for a script where no hook calls what stages do not have, and what it leaves."""
    told = _unavailable(package)
    if told is None:
        return command, []
    script, text, place = told
    hooks = [one for one in package.ran if one[0] in (f"pre{begin}", f"post{begin}")]
    left = ""
    if script in [name for name, _, _ in hooks] and tool is NPM:
        # What a person asks for is run, the hooks around it are not (npm-run-script).
        command, left = f"{command} --ignore-scripts", ", and is not run"
    opened = [
        Open(
            f"its script {script} ({text}) calls what no stage has{left}: have what it makes in "
            "the repository, and in the stage a build without it",
            place,
            HEADING,
        )
    ]
    for name, other, where in hooks if left else []:
        if name != script:
            said = f"its script {name} ({other}) is not run either: call it in the stage if needed"
            opened.append(Open(said, where, HEADING))
    return command, opened


def front_end(project: Project, package: NodePackage, name: str, files: list[str]) -> Fit | NotYet:
    """The scripts `build` and `test` of a package. `files` is what is made, if that is known."""
    if not package.lock:
        command = "npm install --package-lock-only"
        return no_lock("its packages", "package-lock.json", command, package.place)
    tool = TOOLS.get(package.lock_tool)
    if tool is None:
        return other_lock(package, TOOLS)
    scripts = dict(package.scripts)
    # In a workspace the lock lies above, and the tool installs for all of it.
    above = package.lock.rpartition("/")[0]
    opened = []
    own = next((one for one in project.node if one.folder == (above or ".")), package)
    if own.installs:
        # `npm rebuild` afterwards, for the scripts of packages, would run the project's own too.
        commands = [tool.command(tool.install, above, " --ignore-scripts")]
        names = ", ".join(f"{name} ({text})" for name, text in own.installs)
        text = (
            f"its own {names} is not run, nor are those of packages: stages have no network, so "
            "what it makes has to be in the repository"
        )
        opened.append(Open(text, own.place, HEADING))
    else:
        commands = [tool.command(tool.install, above)]
    if "build" in scripts:
        build = tool.command(tool.run, package.folder, script="build")
        build, missing = _without_hooks(package, tool, "build", build)
        opened += missing
        commands.append(build)
        if not files:
            builder = next((one for one in package.tools if one in OUTPUTS), "")
            output = OUTPUTS.get(builder, "dist")
            files = [f"{output}/" if package.folder == "." else f"{package.folder}/{output}/"]
            text = f"{files[0]} is compared: write another folder where build makes another one"
            opened.append(Open(text, package.place, HEADING))
    elif "test" in scripts:
        test = tool.command(tool.test, package.folder)
        test, missing = _without_hooks(package, tool, "test", test)
        opened += missing
        commands.append(test)
    values: Values = {
        "name": name_for(name),
        "branch": project.branch,
        "lock": package.lock,
        "image": tool.image,
        "commands": commands,
        "files": files,
    }
    return Fit("front-end", values, tuple(opened))
