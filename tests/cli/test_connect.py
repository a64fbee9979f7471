"""Where `dcanary system connect` finds what icp and dfx installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dcanary.cli.operations.connect import check, deployed, environments
from dcanary.client.errors import ConfigError
from dcanary.client.system import CANISTERS

IDS = {name: f"{name}-id" for name in CANISTERS}


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def icp(project: Path, environment: str, ids: Any, kind: str = "data") -> None:
    write(project / ".icp" / kind / "mappings" / f"{environment}.ids.json", ids)


@pytest.mark.parametrize("kind", ["data", "cache"])
def test_the_only_environment_of_icp_is_taken(tmp_path: Path, kind: str) -> None:
    icp(tmp_path, "embedded", {**IDS, "other": "x"}, kind)
    assert deployed(tmp_path, None) == IDS
    assert deployed(tmp_path, "embedded") == IDS


@pytest.mark.parametrize(
    "file", ["canister_ids.json", ".dfx/http___127_0_0_1_8000/canister_ids.json"]
)
def test_ids_of_dfx_are_found_by_network(tmp_path: Path, file: str) -> None:
    ids = {name: {"mine": text} for name, text in IDS.items()}
    write(tmp_path / file, {"__Candid_UI": {"mine": "x"}, **ids})
    assert deployed(tmp_path, None) == deployed(tmp_path, "mine") == IDS
    assert environments(tmp_path) == {"mine": IDS}


def test_several_environments_ask_for_a_choice(tmp_path: Path) -> None:
    icp(tmp_path, "one", IDS)
    icp(tmp_path, "two", IDS)
    icp(tmp_path, "half", {"webhook": "x"})
    with pytest.raises(ConfigError, match=r"several environments: one, two\n.*--environment"):
        deployed(tmp_path, None)
    assert deployed(tmp_path, "two") == IDS


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither icp nor dfx has installed the five"):
        deployed(tmp_path, None)
    icp(tmp_path, "half", {**IDS, "webhook": "x"} | {"deployment": "y"})
    icp(tmp_path, "part", {"webhook": "x"})
    with pytest.raises(ConfigError, match=r"pipeline_config, .* 'part'; there are ids for: half"):
        deployed(tmp_path, "part")
    with pytest.raises(ConfigError, match="'typo'"):
        deployed(tmp_path, "typo")


@pytest.mark.parametrize("content", ["[]", "{", '{"webhook": 1}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "canister_ids.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"canister_ids\.json"):
        environments(tmp_path)


def test_a_module_that_differs_and_a_canister_not_wired_fail_the_proof() -> None:
    good = {"canister": "webhook", "wired": True, "as_built": True}
    check([good, {**good, "as_built": None}])
    with pytest.raises(ConfigError, match="modules of verification"):
        check([good, {**good, "canister": "verification", "as_built": False}])
    with pytest.raises(ConfigError, match="not wired: webhook"):
        check([{**good, "wired": False}])
