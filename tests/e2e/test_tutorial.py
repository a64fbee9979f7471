"""docs/tutorial.md, typed by a reader: every command, in order, in one shell, in a fresh copy."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dcanary.cli.operations.processes import Processes
from dcanary.replica.network import control
from tests.e2e.world import PATIENCE, ROOT, unsandboxed

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "shared.@"


@dataclass
class Step:
    """A command of the tutorial and the lines that it is said to print."""

    command: str
    printed: list[str] = field(default_factory=list)


def steps(text: str) -> list[Step]:
    """All commands of the `console` blocks; lines without a prompt are output."""
    found: list[Step] = []
    for block in _BLOCK.findall(text):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Step(line[2:]))
            elif line.startswith("> "):
                found[-1].command += "\n" + line[2:]
            elif line.strip():
                found[-1].printed.append(line.strip())
    return found


def digest(*files: Path) -> str:
    """As scripts/setup.sh notes what it has installed."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def lend(folder: Path, copy: Path, *files: str) -> None:
    """Let a copy of the project use an installed folder without being able to change it."""
    place = copy / folder.name
    place.mkdir()
    for entry in folder.iterdir():
        if entry.name != ".dcanary-setup":
            (place / entry.name).symlink_to(entry)
    (place / ".dcanary-setup").write_text(digest(*(copy / name for name in files)) + "\n")


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    """A clone of the project, set up; what runs in it is stopped at the end."""
    place = tmp_path / "dcanary"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(place)], check=True, timeout=60 * PATIENCE)
    lend(ROOT / ".venv", place, "requirements.lock", "pyproject.toml")
    lend(ROOT / "node_modules", place, "package-lock.json")
    yield place
    home = place / ".dcanary" / "tutorial"
    Processes(home / "processes").stop_all()
    control.stop(home / "network")


def outputs(script_output: str) -> dict[int, tuple[str, int]]:
    """Step number -> what it printed and its exit code."""
    found = {}
    for part in script_output.split(f"{_MARK} begin ")[1:]:
        number, _, rest = part.partition("\n")
        printed, _, code = rest.rpartition(f"{_MARK} end ")
        if code:
            found[int(number)] = (printed, int(code))
    return found


@pytest.mark.timeout(400 * PATIENCE)
def test_every_command_of_the_tutorial_works_and_prints_what_the_text_says(
    copy: Path, tmp_path: Path
) -> None:
    known = steps((copy / "docs" / "tutorial.md").read_text())
    assert len(known) > 30
    script = ["set -u"]
    for number, step in enumerate(known):
        script += [f"echo; echo '{_MARK} begin {number}'", step.command]
        script += [f'code=$?; echo; echo "{_MARK} end $code"; [ $code = 0 ] || exit 1']
    home = tmp_path / "home"
    home.mkdir()
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("DCANARY")},
        "HOME": str(home),
        "XDG_CACHE_HOME": cache,
        # The programs of .venv shall run the copy's sources.
        "PYTHONPATH": str(copy / "src"),
        # Should setup find something missing, it must not change what is lent.
        "PIP_DRY_RUN": "1",
        "npm_config_dry_run": "true",
    }
    if unsandboxed():
        environment["DCANARY_ALLOW_UNSANDBOXED"] = "1"
    done = subprocess.run(
        ["bash", "-s"],
        input="\n".join(script) + "\n",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=copy,
        env=environment,
        timeout=380 * PATIENCE,
    )
    ran = outputs(done.stdout)
    for number, step in enumerate(known):
        assert number in ran, f"not reached: {step.command}\n{done.stdout[-3000:]}"
        printed, code = ran[number]
        assert code == 0, f"$ {step.command}\n{printed}"
        for line in step.printed:
            for piece in line.split("…"):
                assert piece.strip() in printed, f"$ {step.command}\n{printed}"
    assert done.returncode == 0

    def answers(method: str) -> list[str]:
        wanted = f"dcanary target call counter-motoko {method}"
        return [ran[n][0].strip() for n, s in enumerate(known) if s.command == wanted]

    # inc, get: 1. Upgraded: the value is kept, one inc adds ten. Taken back: 1.
    assert answers("get")[0] == answers("get")[1] == answers("get")[-1] == "(1 : nat)"
    assert "(11 : nat)" in answers("inc") + answers("get")
    # The hash that was approved is the one that the network certifies.
    (shown,) = [
        ran[n][0] for n, s in enumerate(known) if s.command == "dcanary target show counter-motoko"
    ]
    (decided,) = [ran[n][0] for n, s in enumerate(known) if "approve approval-1 " in s.command]
    (certified,) = re.findall(r"certified_module_hash\W+([0-9a-f]{64})", shown)
    assert certified in decided
    # Nothing is left in the reader's home but what tools cache there.
    left = [path for path in home.rglob("*") if "dcanary" in path.name.lower()]
    assert left == []
