"""What is said of the canisters that a pipeline builds and of those that it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dcanary.project.plan.choose import choose, outlook
from dcanary.project.plan.fit import Fit
from dcanary.project.plan.summary import not_built, summary
from tests.project.folders import COUNTER_MO, found

CUSTOM = {"type": "custom", "build": "make", "wasm": "x.wasm", "candid": "x.did"}
TOOLS = (
    "its own build commands need tools that no runtime has, "
    "docs/how-to/bring-your-project.md#custom-builds"
)


def folder(built: int, custom: int) -> dict[str, str]:
    """A project with so many canisters of Motoko and of other tools."""
    canisters: dict[str, object] = {f"m{one}": {"main": f"m{one}.mo"} for one in range(built)}
    canisters |= {f"c{one}": CUSTOM for one in range(custom)}
    files = {f"m{one}.mo": COUNTER_MO for one in range(built)}
    return {"dfx.json": json.dumps({"canisters": canisters}), **files}


@pytest.mark.parametrize(
    ("built", "custom", "said"),
    [
        (1, 0, ""),
        (2, 0, "builds 2 of 2 canisters: m0, m1"),
        (2, 2, f"builds 2 of 4 canisters: m0, m1; not built: c0, c1 ({TOOLS})"),
        (1, 1, f"builds 1 of 2 canisters: m0; not built: c0 ({TOOLS})"),
    ],
)
def test_canisters_with_one_reason_are_listed_together(
    tmp_path: Path, built: int, custom: int, said: str
) -> None:
    project = found(tmp_path, folder(built, custom))
    seen = outlook(project)
    assert summary(seen, choose(project, seen)) == said


def test_those_beyond_what_one_pipeline_takes_are_not_built(tmp_path: Path) -> None:
    project = found(tmp_path, folder(17, 0))
    seen = outlook(project)
    text = summary(seen, choose(project, seen))
    assert text.startswith("builds 16 of 17 canisters: m0, ")
    assert "; not built: m16 (one pipeline gets 16 canisters, " in text


def test_a_chosen_canister_leaves_out_the_others(tmp_path: Path) -> None:
    project = found(tmp_path, folder(2, 0))
    seen = outlook(project)
    fit = choose(project, seen, "m1")
    assert summary(seen, fit).startswith("builds 1 of 2 canisters: m1; not built: m0 (left out, ")
    assert [name for name, _ in not_built(seen, fit)] == ["m0"]


def test_a_site_in_place_of_its_canister_builds_none(tmp_path: Path) -> None:
    project = found(tmp_path, {**folder(0, 1), "public/index.html": "<p>"})
    seen = outlook(project)
    text = summary(seen, choose(project, seen))
    assert text == f"builds 0 of 1 canister; not built: c0 ({TOOLS})"


def test_of_a_template_with_values_of_its_own_nothing_is_counted(tmp_path: Path) -> None:
    seen = outlook(found(tmp_path, folder(1, 1)))
    assert summary(seen, Fit("kybra", {"main": "a.py"})) == ""
