"""`icp.yaml` and `dfx.json`: other tool chains build the same five modules."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dcanary.client.system import CANISTERS
from dcanary.wasm import build_canister

ROOT = Path(__file__).resolve().parents[2]
ICP = ROOT / "node_modules" / "@icp-sdk" / "icp-cli-linux-x64" / "bin" / "icp"
OUT = Path(".dcanary/build")


def dfx_canisters() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "dfx.json").read_text())["canisters"]
    return found


def icp_commands() -> dict[str, list[str]]:
    """Canister -> the commands of its one build step."""
    canisters = yaml.safe_load((ROOT / "icp.yaml").read_text())["canisters"]
    commands = {}
    for one in canisters:
        (step,) = one["build"]["steps"]
        assert step["type"] == "script"
        commands[one["name"]] = step["commands"]
    assert len(commands) == len(canisters)
    return commands


def run_icp(tree: Path, *arguments: str) -> str:
    """Output of icp, which may keep its settings in the tree and send nothing anywhere."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(Path.home()),  # the build's cache is there
        "ICP_HOME": str(tree / "icp-home"),
        "DO_NOT_TRACK": "1",
    }
    if "XDG_CACHE_HOME" in os.environ:
        environment["XDG_CACHE_HOME"] = os.environ["XDG_CACHE_HOME"]
    done = subprocess.run(
        [str(ICP), *arguments],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, f"icp {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout


def copy_of_the_tree(folder: Path) -> Path:
    """What the build files refer to, somewhere else."""
    shutil.copy(ROOT / "icp.yaml", folder)
    ignored = shutil.ignore_patterns("__pycache__")
    for sources in ("canisters", "shared"):
        shutil.copytree(ROOT / sources, folder / sources, ignore=ignored)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


@pytest.mark.parametrize("name", CANISTERS)
def test_dfx_finds_what_its_build_command_writes(name: str) -> None:
    described = dfx_canisters()[name]
    assert described["type"] == "custom"
    (command,) = described["build"]
    program, verb, sources, *options = shlex.split(command)
    assert (program, verb, sources) == (".venv/bin/dcanary", "build", f"canisters/{name}")
    assert options == ["--name", name, "--out", str(OUT)]
    assert described["wasm"] == str(OUT / f"{name}.wasm.gz")
    assert described["candid"] == str(OUT / f"{name}.did")
    assert os.access(ROOT / program, os.X_OK)
    assert (ROOT / sources / "main.py").is_file()


def test_dfx_and_icp_know_the_five_canisters() -> None:
    assert tuple(dfx_canisters()) == CANISTERS
    assert tuple(icp_commands()) == CANISTERS


@pytest.mark.parametrize("name", CANISTERS)
def test_icp_runs_the_command_of_dfx_and_takes_its_module(name: str) -> None:
    described = dfx_canisters()[name]
    build, take = icp_commands()[name]
    assert [build] == described["build"]
    assert take == f'cp {described["wasm"]} "$ICP_WASM_OUTPUT_PATH"'


@pytest.mark.replica
def test_icp_builds_the_same_modules_as_dcanary_build(tmp_path: Path) -> None:
    assert ICP.is_file(), "icp is missing: run make setup (it comes from npm, for Linux on x86-64)"
    tree = copy_of_the_tree(tmp_path)
    assert run_icp(tree, "--version").split()[-1] == "1.5.0"
    run_icp(tree, "build")
    for name in CANISTERS:
        artifact = (tree / ".icp" / "cache" / "artifacts" / name).read_bytes()
        built = build_canister(ROOT / "canisters" / name, name=name)
        assert hashlib.sha256(artifact).hexdigest() == built.module_hash_gz, name
        assert (tree / OUT / f"{name}.did").read_text() == built.did
