"""What `icp.yaml` and the files that it names say of canisters."""

from __future__ import annotations

from pathlib import Path

from dcanary.project.facts import Kind
from tests.project.folders import canister, found, notes

ICP = """\
canisters:
  - name: site
    recipe:
      type: "@dfinity/asset-canister@v2.2.1"
      configuration: {dir: dist, build: [npm ci, npm run build]}
  - name: engine
    build:
      steps:
        - type: script
          commands:
            - cargo build --target wasm32-unknown-unknown --release
    init_args: {value: "(1)", format: candid}
  - name: ledger
    build: {steps: [{type: pre-built, path: wasm/ledger.wasm}]}
  - backends/*
  - gone/*
"""
BACKEND = """\
name: backend
recipe:
  type: "@dfinity/motoko@v4.0.0"
  configuration: {main: src/main.mo, args: -Werror}
"""


def test_recipes_steps_and_named_files_are_read(tmp_path: Path) -> None:
    project = found(tmp_path, {"icp.yaml": ICP, "backends/one/canister.yaml": BACKEND})
    assert [(one.name, one.kind, str(one.place)) for one in project.canisters] == [
        ("site", Kind.ASSETS, "icp.yaml:2"),
        ("engine", Kind.RUST, "icp.yaml:6"),
        ("ledger", Kind.PREBUILT, "icp.yaml:13"),
        ("backend", Kind.MOTOKO, "backends/one/canister.yaml:1"),
    ]
    backend = canister(project, "backend")
    assert backend.main == "backends/one/src/main.mo"
    assert backend.recipe == "@dfinity/motoko@v4.0.0"
    assert backend.flags == ("-Werror",)
    assert canister(project, "site").source == ("dist",)
    assert canister(project, "engine").init_arg == "(1)"
    assert canister(project, "ledger").wasm == "wasm/ledger.wasm"
    assert notes(project) == ["icp.yaml:16: no canister.yaml is in gone/*"]


def test_a_recipe_without_a_program_gets_it_from_mops(tmp_path: Path) -> None:
    project = found(
        tmp_path,
        {
            "icp.yaml": "canisters: [backend]\n",
            "backend/canister.yaml": "name: app\nrecipe: {type: '@dfinity/motoko@v5.0.0'}\n",
            "backend/mops.toml": '[canisters.app]\nmain = "src/main.mo"\n',
        },
    )
    app = canister(project, "app")
    assert app.main == "backend/src/main.mo"
    assert [str(place) for place in app.places] == [
        "backend/canister.yaml:1",
        "backend/mops.toml:1",
    ]


def test_a_script_that_calls_moc_is_a_motoko_canister(tmp_path: Path) -> None:
    command = '$(mops toolchain bin moc) src/main.mo $(mops sources) -o "$ICP_WASM_OUTPUT_PATH"'
    steps = f"{{steps: [{{type: script, commands: ['{command}']}}]}}"
    project = found(tmp_path, {"icp.yaml": f"canisters:\n  - name: app\n    build: {steps}\n"})
    app = canister(project, "app")
    assert (app.kind, app.main) == (Kind.MOTOKO, "src/main.mo")


def test_a_template_with_holes_is_a_note(tmp_path: Path) -> None:
    told = notes(found(tmp_path, {"icp.yaml": "canisters:\n  - a\n{% if x %}\n"}))
    assert told[0].startswith("icp.yaml:3: not valid YAML")
