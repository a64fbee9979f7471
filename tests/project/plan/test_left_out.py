"""What of front ends and crates no stage runs, and how it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcanary.project.plan.choose import choose, outlook
from dcanary.project.plan.fit import Fit
from tests.project.folders import COUNTER_PY, found


def chosen(root: Path, files: dict[str, str], wanted: str | None = None) -> Fit:
    """The pipeline of a folder with these files."""
    project = found(root, files)
    return choose(project, outlook(project), wanted)


@pytest.mark.parametrize(
    ("scripts", "command", "said"),
    [
        (
            '"prebuild": "dfx generate",\n"build": "vite build"',
            "npm run build --ignore-scripts",
            "its script prebuild (dfx generate) calls what no stage has, and is not run: have what "
            "it makes in the repository",
        ),
        (
            '"build": "npx didc bind x.did > x.ts && vite build"',
            "npm run build",
            "its script build (npx didc bind x.did > x.ts && vite build) calls what no stage has: ",
        ),
        (
            '"build": "npm run generate && vite build",\n"generate": "dfx generate"',
            "npm run build",
            "its script generate (dfx generate) calls what no stage has: ",
        ),
        (
            '"pretest": "icp build",\n"test": "vitest run"',
            "npm test --ignore-scripts",
            "its script pretest (icp build) calls what no stage has, and is not run: ",
        ),
        ('"build": "vite build",\n"deploy": "dfx deploy"', "npm run build", ""),
        ('"build": "npm run build",\n"prebuild": "npm run prebuild"', "npm run build", ""),
        ('"prebuild": "rimraf dist",\n"build": "vite build"', "npm run build", ""),
        ('"build": "vite build --base dfx/"', "npm run build", ""),
    ],
)
def test_a_build_that_calls_the_tools_of_the_sdk_says_what_is_missing(
    tmp_path: Path, scripts: str, command: str, said: str
) -> None:
    fit = chosen(
        tmp_path,
        {
            "package.json": f'{{"name": "shop", "scripts": {{{scripts}}},\n'
            '"dependencies": {"vite": "6"}}',
            "package-lock.json": "{}",
        },
    )
    assert fit.values["name"] == "shop"
    assert fit.values["commands"] == ["npm ci", command]
    told = [str(one) for one in fit.open if "calls what no stage has" in str(one)]
    assert [one.split(": ", 1)[1][: len(said)] for one in told] == ([said] if said else [])


def test_what_a_build_without_hooks_leaves_out_is_told_with_its_line(tmp_path: Path) -> None:
    fit = chosen(
        tmp_path,
        {
            "package.json": '{"scripts": {\n"prebuild": "dfx generate",\n"build": "vite build",\n'
            '"postbuild": "node copy.js"},\n"dependencies": {"vite": "6"}}',
            "package-lock.json": "{}",
        },
    )
    said = [str(one) for one in fit.open if "is not run" in str(one)]
    assert [one.partition(" (")[0] for one in said] == [
        "package.json:2: its script prebuild",
        "package.json:4: its script postbuild",
    ]


def test_crates_without_a_workspace_in_common_are_not_promised(tmp_path: Path) -> None:
    crate = (
        '[package]\nname = "{}"\n[lib]\ncrate-type = ["cdylib"]\n[dependencies]\nic-cdk = "0.17"\n'
    )
    files = {f"{name}/Cargo.toml": crate.format(name) for name in ("a", "b")}
    fit = chosen(tmp_path, {**files, "a/Cargo.lock": "version = 3\n", "b/Cargo.lock": ""})
    assert fit.builds == ("a",)
    assert [str(one) for one in fit.open if str(one).startswith("b/")] == [
        "b/Cargo.toml:4: b: its crate has no workspace in common with a/Cargo.toml, and packages "
        "come from one Cargo.lock: make one Cargo.toml with [workspace] of both"
    ]


def test_a_front_end_beside_a_canister_that_no_stage_builds_is_said(tmp_path: Path) -> None:
    package = '{"scripts": {"build": "vite build"}, "dependencies": {"vite": "6"}}'
    fit = chosen(tmp_path, {"src/main.py": COUNTER_PY, "web/package.json": package})
    assert fit.template == "kybra"
    assert [str(one).partition(" by no")[0] for one in fit.open] == [
        "web/package.json:1: its script build is run"
    ]


def test_a_front_end_that_an_asset_canister_has_is_not_said_to_be_left_out(tmp_path: Path) -> None:
    package = '{"scripts": {"build": "vite build"}, "dependencies": {"vite": "6"}}'
    files = {
        "dfx.json": '{"canisters": {"web": {"type": "assets", "source": ["web/dist"]}}}',
        "web/package.json": package,
        "web/package-lock.json": "{}",
        "web/parts/package.json": package,
    }
    assert not [one for one in chosen(tmp_path, files).open if "by no stage" in str(one)]
