"""Projects with packages that a lock file pins: a fetch stage, and a build that uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dcanary.pipeline import parse_pipeline
from dcanary.project.plan.choose import NoChoice, choose, outlook
from dcanary.project.plan.fit import Fit, NotYet
from dcanary.project.template import load
from tests.project.folders import found

MAIN = 'import B "mo:base/Nat";\nimport N "mo:core/Nat";\nactor {\n};\n'
CRATE = """\
[package]
name = "shop-engine"
[lib]
crate-type = ["cdylib"]
[dependencies]
ic-cdk = "0.18"
"""


WASI_BUILD = """{"canisters": {"shop": {"type": "custom", "wasm": "shop.wasm", "candid": "shop.did",
 "build": "cargo build -p shop-engine --target wasm32-wasi --release"}}}
"""


def chosen(root: Path, files: dict[str, str], wanted: str | None = None) -> Fit:
    """The pipeline of a folder with these files."""
    project = found(root, files)
    return choose(project, outlook(project), wanted)


def test_motoko_packages_are_fetched_by_the_lock_of_mops_with_its_flags(tmp_path: Path) -> None:
    fit = chosen(
        tmp_path / "app",
        {
            "mops.toml": '[toolchain]\nmoc = "1.8.2"\n[dependencies]\nbase = "0.14.9"\n'
            '[moc]\nargs = ["--default-persistent-actors", "-W=M0236", "-A", "M0194", '
            '"--actor-env-alias", "b", "B", "b.did", "--release"]\n',
            "mops.lock": "{}",
            "src/main.mo": MAIN,
        },
    )
    assert (fit.template, fit.values["lock"]) == ("mops", "mops.lock")
    kept = ["--default-persistent-actors", "-W=M0236", "-A", "M0194"]
    assert fit.values["flags"] == kept
    assert [str(one) for one in fit.open] == [
        "mops.toml:1: moc 1.8.2 is asked for: the moc of the runtime motoko is used",
    ]


def test_a_rust_canister_is_built_with_its_interface_in_it(tmp_path: Path) -> None:
    fit = chosen(
        tmp_path,
        {
            "dfx.json": '{"canisters": {"Shop": {"type": "rust", "package": "shop-engine", '
            '"candid": "engine/shop it.did", "shrink": true, "gzip": true}}}',
            "Cargo.toml": '[workspace]\nmembers = ["engine"]\n',
            "Cargo.lock": "",
            "rust-toolchain.toml": '[toolchain]\nchannel = "1.80"\n',
            "engine/Cargo.toml": CRATE,
        },
    )
    assert fit.template == "rust"
    assert fit.values["steps"] == [
        "ic-wasm build/shop.wasm -o build/shop.wasm shrink",
        "ic-wasm build/shop.wasm -o build/shop.wasm metadata candid:service -f "
        "'engine/shop it.did' -v public",
        "cp 'engine/shop it.did' build/shop.did",
    ]
    assert (fit.values["package"], fit.values["flags"]) == ("shop-engine", [])
    told = [str(one) for one in fit.open]
    assert "rust-toolchain.toml asks for Rust 1.80: the image has 1.96" in told[0]
    assert "gzip: not done" in told[1]


@pytest.mark.parametrize(
    ("toolchain", "lock", "image"),
    [
        ("", "version = 3\n", "rust"),
        ("", "version = 4\n", "rust-web"),
        ("1.60.0", "", "rust"),
        ("1.64", "", "rust-web"),
        ("stable", "", "rust-web"),
    ],
)
def test_the_image_is_the_one_whose_rust_is_late_enough(
    tmp_path: Path, toolchain: str, lock: str, image: str
) -> None:
    asked = {"rust-toolchain.toml": f'[toolchain]\nchannel = "{toolchain}"\n'}
    files = {"Cargo.toml": CRATE, "Cargo.lock": lock} | (asked if toolchain else {})
    assert chosen(tmp_path / "app", files).values["image"] == image


VENDORED = """[source.crates-io]
replace-with = "vendored-sources"

[source.vendored-sources]
directory = "vendor"
"""


@pytest.mark.parametrize("settings", [".cargo/config.toml", ".cargo/config"])
def test_crates_that_the_repository_has_are_not_fetched(tmp_path: Path, settings: str) -> None:
    files = {
        "Cargo.toml": CRATE,
        "Cargo.lock": "version = 3\n",
        settings: VENDORED,
        "vendor/serde/Cargo.toml": '[package]\nname = "serde"\n',
    }
    fit = chosen(tmp_path / "app", files)
    assert fit.template == "rust-vendored"
    assert "lock" not in fit.values
    text = load(fit.template).render(fit.values)
    assert "kind: fetch" not in text
    assert "cargo build --release --locked --offline" in text


@pytest.mark.parametrize(
    "settings",
    [
        VENDORED.replace('vendor"', 'elsewhere"'),
        VENDORED.replace('"vendor"', '"../vendor"'),
        VENDORED.replace('"vendored-sources"\n', '"mirror"\n'),
        "[build]\njobs = 1\n",
    ],
)
def test_crates_that_the_repository_only_speaks_of_are_fetched(
    tmp_path: Path, settings: str
) -> None:
    files = {"Cargo.toml": CRATE, "Cargo.lock": "version = 3\n", ".cargo/config.toml": settings}
    files["vendor/serde/Cargo.toml"] = '[package]\nname = "serde"\n'
    assert chosen(tmp_path / "app", files).template == "rust"


@pytest.mark.parametrize(
    ("files", "target"),
    [
        ({".cargo/config.toml": '[build]\ntarget = "wasm32-wasip1"\n'}, "wasm32-wasip1"),
        ({"dfx.json": WASI_BUILD}, "wasm32-wasi"),
    ],
)
def test_a_canister_for_wasi_is_refused_where_its_target_is_named(
    tmp_path: Path, files: dict[str, str], target: str
) -> None:
    crate = {"Cargo.toml": CRATE, "Cargo.lock": "version = 3\n"}
    ((_, plan),) = outlook(found(tmp_path / "app", crate | files)).canisters
    assert isinstance(plan, NotYet)
    assert f"the target {target} is not supported yet" in str(plan.reasons[0])
    for_ic = {".cargo/config.toml": '[build]\ntarget = "wasm32-unknown-unknown"\n'}
    assert chosen(tmp_path / "other", crate | for_ic).template == "rust"


def test_a_crate_below_the_root_is_built_by_its_manifest(tmp_path: Path) -> None:
    fit = chosen(tmp_path / "app", {"backend/Cargo.toml": CRATE, "backend/Cargo.lock": ""})
    assert fit.values["flags"] == ["--manifest-path", "backend/Cargo.toml"]
    assert fit.values["lock"] == "backend/Cargo.lock"


def test_an_azle_canister_is_built_by_the_azle_of_the_project(tmp_path: Path) -> None:
    fit = chosen(
        tmp_path,
        {
            "dfx.json": '{"canisters": {"hello_world": {"type": "azle", "main": "src/index.ts"}}}',
            "package.json": '{"dependencies": {"azle": "0.33.0"}}',
            "package-lock.json": "{}",
        },
    )
    assert (fit.template, fit.values["canister"]) == ("azle", "hello_world")


@pytest.mark.parametrize(
    ("asked", "works"),
    [("^0.21.1", False), ("0.23.0", False), ("^0.24.1", True), ("1.0.0", True), ("latest", True)],
)
def test_an_azle_that_calls_dfx_while_it_builds_is_refused(
    tmp_path: Path, asked: str, works: bool
) -> None:
    files = {
        "dfx.json": '{"canisters": {"hello": {"type": "azle", "main": "src/index.ts"}}}',
        "package.json": json.dumps({"dependencies": {"azle": asked}}),
        "package-lock.json": "{}",
    }
    if works:
        assert chosen(tmp_path, files).template == "azle"
        return
    with pytest.raises(NoChoice) as caught:
        chosen(tmp_path, files)
    assert "calls dfx while it builds" in str(caught.value.reasons[0])


@pytest.mark.parametrize(
    ("files", "commands", "made"),
    [
        (
            {"package.json": '{"scripts": {"build": "vite build"}, "dependencies": {"vite": "7"}}'},
            ["npm ci", "npm run build"],
            ["dist/"],
        ),
        (
            {"package.json": '{"scripts": {"build": "next build"}, "dependencies": {"next": "7"}}'},
            ["npm ci", "npm run build"],
            ["out/"],
        ),
        (
            {"package.json": '{"scripts": {"test": "jest"}, "dependencies": {"jest": "7"}}'},
            ["npm ci", "npm test"],
            [],
        ),
        (
            {
                "dfx.json": '{"canisters": {"web": {"type": "assets", "source": ["ui/dist"]}}}',
                "package.json": '{"workspaces": ["ui"]}',
                "ui/package.json": '{"scripts": {"build": "vite build"}}',
            },
            ["npm ci", "npm run build --prefix ui"],
            ["ui/dist/"],
        ),
    ],
)
def test_a_front_end_is_built_by_its_scripts(
    tmp_path: Path, files: dict[str, str], commands: list[str], made: list[str]
) -> None:
    fit = chosen(tmp_path, files | {"package-lock.json": "{}"})
    assert fit.template == "front-end"
    assert (fit.values["commands"], fit.values["files"]) == (commands, made)


@pytest.mark.parametrize(
    ("lock", "commands"),
    [
        (
            {"pnpm-lock.yaml": "lockfileVersion: '9.0'\n"},
            ["pnpm --dir ui install --frozen-lockfile", "pnpm --dir ui run build"],
        ),
        (
            {"yarn.lock": "# yarn lockfile v1\n"},
            [
                "yarn --cwd ui install --offline --frozen-lockfile",
                "yarn --cwd ui run build",
            ],
        ),
    ],
)
def test_other_package_managers_have_an_image_and_commands_of_their_own(
    tmp_path: Path, lock: dict[str, str], commands: list[str]
) -> None:
    package = '{"scripts": {"build": "vite build"}, "dependencies": {"vite": "7"}}'
    files = {f"ui/{name}": text for name, text in lock.items()}
    assets = '{"canisters": {"web": {"type": "assets", "source": ["ui/dist"]}}}'
    fit = chosen(tmp_path, {"dfx.json": assets, "ui/package.json": package} | files)
    assert (fit.template, fit.values["image"]) == ("front-end", "node-all")
    assert fit.values["lock"] == f"ui/{next(iter(lock))}"
    assert fit.values["commands"] == commands


def test_the_static_site_recipe_of_icp_is_an_asset_canister(tmp_path: Path) -> None:
    fit = chosen(
        tmp_path,
        {
            "icp.yaml": "canisters:\n  - name: web\n    recipe:\n"
            '      type: "@dfinity/static-site@v0.3.1"\n      configuration:\n'
            "        dir: ui/dist\n        build: [npm run build --prefix ui]\n",
            "ui/package.json": '{"scripts": {"build": "vite build"}}',
            "ui/package-lock.json": "{}",
        },
    )
    assert fit.values["commands"] == ["npm ci --prefix ui", "npm run build --prefix ui"]
    assert fit.values["files"] == ["ui/dist/"]
    assert "commit the module assetstorage.wasm.gz" in str(fit.open[-1])


SHOP = {
    "dfx.json": '{"canisters": {"web": {"type": "assets", "source": ["dist", "src/assets"]}}}',
    "package.json": '{"scripts": {"build": "vite build"}}',
    "package-lock.json": "{}",
}


def test_an_asset_canister_whose_module_is_in_the_repository_is_deployed(tmp_path: Path) -> None:
    fit = chosen(tmp_path, SHOP | {"wasm/assetstorage.wasm.gz": "module"})
    assert fit.template == "asset-canister"
    assert fit.values["locks"] == ["package-lock.json"]
    assert fit.values["commands"] == ["npm ci", "npm run build"]
    assert fit.values["files"] == ["dist/", "src/assets/", "wasm/assetstorage.wasm.gz"]
    assert (fit.values["module"], fit.values["assets"]) == ("wasm/assetstorage.wasm.gz", "dist/")
    assert "dist/ alone goes into the canister, not src/assets/" in str(fit.open[-1])
    pipeline = parse_pipeline(load(fit.template).render(fit.values).encode())
    (deploy,) = pipeline.deploy
    assert (deploy.target, deploy.assets) == ("web", "dist/")


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("https://example.org/v1/assetstorage.wasm.gz", "assetstorage.wasm.gz"),
        ("https://example.org/v1/other  sdk/assetstorage.wasm.gz", "sdk/assetstorage.wasm.gz"),
        ("https://example.org/assetstorage.wasm.gz  frontend.wasm.gz", "frontend.wasm.gz"),
    ],
)
def test_an_asset_canister_whose_module_is_pinned_is_deployed(
    tmp_path: Path, line: str, path: str
) -> None:
    locked = f"# modules\n{'a' * 64}  {line}\n"
    fit = chosen(tmp_path, SHOP | {"urls.lock": locked})
    assert fit.template == "asset-canister"
    name = path.rpartition("/")[2]
    assert fit.values["locks"] == ["package-lock.json", "urls.lock"]
    assert fit.values["commands"] == [
        *("npm ci", "npm run build"),
        f'cp "$DCANARY_URLS"/{path} {name}',
    ]
    assert (fit.values["module"], fit.values["files"][-1]) == (name, name)
    parse_pipeline(load(fit.template).render(fit.values).encode())


def test_settings_of_an_asset_canister_leave_nothing_open(tmp_path: Path) -> None:
    files = SHOP | {"assetstorage.wasm": "module"}
    without = chosen(tmp_path / "without", files)
    fit = chosen(tmp_path / "with", files | {"public/.ic-assets.json5": "[]"})
    assert [str(one) for one in fit.open] == [str(one) for one in without.open]


def test_a_static_site_of_an_asset_canister_is_deployed_as_it_is(tmp_path: Path) -> None:
    files = {
        "dfx.json": '{"canisters": {"web": {"type": "assets", "source": ["www"]}}}',
        "www/index.html": "<h1>Hello</h1>",
    }
    without = chosen(tmp_path / "without", files)
    assert without.template == "static"
    assert "its files need no build: commit the module" in str(without.open[-1])
    fit = chosen(tmp_path / "with", files | {"wasm/assetstorage.wasm.gz": "module"})
    assert fit.template == "static-canister"
    pipeline = parse_pipeline(load(fit.template).render(fit.values).encode())
    (deploy,) = pipeline.deploy
    assert (deploy.target, deploy.assets) == ("web", "www/")
    assert pipeline.stages["site"].artifacts == ["www/", "wasm/assetstorage.wasm.gz"]


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        ("postinstall", ["npm ci --ignore-scripts", "npm run build"]),
        ("lint", ["npm ci", "npm run build"]),
    ],
)
def test_scripts_of_a_project_that_npm_runs_when_it_installs_are_left_out_and_said(
    tmp_path: Path, script: str, commands: list[str]
) -> None:
    files = {
        "package.json": f'{{"scripts": {{"{script}": "mops install",\n"build": "vite build"}},\n'
        '"dependencies": {"vite": "6"}}',
        "package-lock.json": "{}",
    }
    fit = chosen(tmp_path, files)
    assert fit.values["commands"] == commands
    said = [str(one) for one in fit.open if "mops install" in str(one)]
    assert said == [
        "package.json:1: its own postinstall (mops install) is not run, nor are those of packages: "
        "stages have no network, so what it makes has to be in the repository"
    ] * commands[0].endswith("--ignore-scripts")
