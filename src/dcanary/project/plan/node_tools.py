"""What each package manager of Node.js is called with, by the lock file that it writes."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True)
class NodeTool:
    """Commands with places for the `folder` in which they run, and for more `options`."""

    image: str
    """A standard image that has it."""
    install: str
    run: str
    test: str
    folder: str
    """The option that names the folder, in commands that are not run in it."""

    def command(self, text: str, folder: str, options: str = "", script: str = "") -> str:
        """A command of this tool in a folder of the repository, of which `.` is the root."""
        given = "" if folder in ("", ".") else f" {self.folder} {shlex.quote(folder)}"
        return text.format(folder=given, options=options, script=script)


NPM = NodeTool(
    image="node",
    install="npm ci{options}{folder}",
    run="npm run {script}{folder}",
    test="npm test{folder}",
    folder="--prefix",
)
PNPM = NodeTool(
    image="node-all",
    install="pnpm{folder} install --frozen-lockfile{options}",
    run="pnpm{folder} run {script}",
    test="pnpm{folder} test",
    folder="--dir",
)
YARN = NodeTool(
    image="node-all",
    install="yarn{folder} install --offline --frozen-lockfile{options}",
    run="yarn{folder} run {script}",
    test="yarn{folder} test",
    folder="--cwd",
)
TOOLS = {"npm": NPM, "pnpm": PNPM, "Yarn 1": YARN}
