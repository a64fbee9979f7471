"""`icp.yaml` and `dfx.json`: other tool chains build the same five modules."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from dcanary.client.system import CANISTERS
from dcanary.wasm import build_canister
from tests.replica.helpers.icp import Icp, copy_of_the_tree

ROOT = Path(__file__).resolve().parents[2]
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
    tree = copy_of_the_tree(tmp_path)
    icp = Icp(tree)
    assert icp.run("--version").split()[-1] == "1.5.0"
    icp.run("build")
    for name in CANISTERS:
        artifact = (tree / ".icp" / "cache" / "artifacts" / name).read_bytes()
        built = build_canister(ROOT / "canisters" / name, name=name)
        assert hashlib.sha256(artifact).hexdigest() == built.module_hash_gz, name
        assert (tree / OUT / f"{name}.did").read_text() == built.did
