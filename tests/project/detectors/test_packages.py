"""What package files say: mops.toml, Cargo.toml, package.json."""

from __future__ import annotations

from pathlib import Path

from dcanary.project.facts import Dependency, Kind, Place
from tests.project.folders import COUNTER_MO, canister, found

CRATE = """\
[package]
name = "engine"

[lib]
crate-type = ["cdylib"]

[dependencies]
ic-cdk = {workspace = true}
"""


def test_mops_says_packages_lock_compiler_and_canisters(tmp_path: Path) -> None:
    project = found(
        tmp_path,
        {
            "mops.toml": '[dependencies]\nbase = "0.7.4"\n\n[toolchain]\nmoc = "1.9.0"\n\n'
            '[canisters]\napp = "src/App.mo"\n',
            "mops.lock": "{}",
            "src/App.mo": COUNTER_MO,
        },
    )
    assert project.mops is not None
    assert project.mops.dependencies == (Dependency("base", "0.7.4", Place("mops.toml", 2)),)
    assert (project.mops.lock, project.mops.compiler) == ("mops.lock", "1.9.0")
    assert str(canister(project, "app").place) == "mops.toml:8"


def test_a_workspace_shows_its_canister_crates(tmp_path: Path) -> None:
    project = found(
        tmp_path,
        {
            "Cargo.toml": '[workspace]\nmembers = ["crates/*"]\nexclude = ["crates/old"]\n',
            "Cargo.lock": "",
            "crates/engine/Cargo.toml": CRATE,
            "crates/types/Cargo.toml": '[package]\nname = "types"\n',
            "crates/old/Cargo.toml": CRATE.replace("engine", "old"),
        },
    )
    assert project.cargo is not None
    assert project.cargo.workspace
    assert project.cargo.lock == "Cargo.lock"
    assert [(one.name, one.canister) for one in project.cargo.crates] == [
        ("engine", True),
        ("types", False),
    ]
    (engine,) = project.canisters
    assert (engine.kind, str(engine.place)) == (Kind.RUST, "crates/engine/Cargo.toml:5")


def test_a_script_that_builds_a_crate_of_its_name_is_a_rust_canister(tmp_path: Path) -> None:
    project = found(
        tmp_path,
        {
            "dfx.json": '{"canisters": {"engine": {"type": "custom", "build": "./build.sh"}}}',
            "Cargo.toml": CRATE,
        },
    )
    (engine,) = project.canisters
    assert engine.kind is Kind.RUST


def test_package_json_says_scripts_tools_and_the_lock_of_its_workspace(tmp_path: Path) -> None:
    package = (
        '{"name": "app", "scripts": {"build": "vite build", "dev": "vite"},\n'
        ' "devDependencies": {\n  "vite": "^6.0.1"}}'
    )
    project = found(
        tmp_path,
        {"pnpm-lock.yaml": "", "apps/web/package.json": package, "node_modules/x/package.json": ""},
    )
    (node,) = project.node
    assert node.scripts == (("build", "vite build"),)
    assert node.tools == ("vite",)
    assert node.lock == "pnpm-lock.yaml"
    assert node.dependencies == (Dependency("vite", "^6.0.1", Place("apps/web/package.json", 3)),)


def test_a_site_is_static_where_no_tool_builds_it(tmp_path: Path) -> None:
    files = {"public/index.html": "<p>", "public/a.css": "", "README.md": ""}
    (site,) = found(tmp_path / "static", files).sites
    assert site.files == ("public/a.css", "public/index.html")
    built = files | {"package.json": '{"scripts": {"build": "vite build"}}'}
    assert found(tmp_path / "built", built).sites == ()
