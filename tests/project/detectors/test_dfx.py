"""What `dfx.json` says of canisters."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcanary.project.facts import Kind, Place
from tests.project.folders import canister, found, notes

WHOLE = """\
{
  // dfx accepts no comments, editors write them all the same
  "canisters": {
    "backend": {
      "main": "./src/backend/main.mo",
      "args": "--incremental-gc -Werror",
      "dependencies": ["ledger"],
      "init_arg": "(7 : nat)",
      "optimize": "cycles",
    },
    "ledger": {"type": "custom", "wasm": "wasm/ledger.wasm", "candid": "wasm/ledger.did"},
    "engine": {"type": "rust", "package": "engine", "candid": "engine/engine.did"},
    "site": {"type": "assets", "source": ["dist/", "../outside"]},
    "ii": {"type": "pull", "id": "rdmx6-jaaaa-aaaaa-aaadq-cai"},
  },
  "defaults": {"build": {"packtool": "mops sources", "args": "--release"}},
}
"""


def test_every_canister_is_read_with_its_line(tmp_path: Path) -> None:
    project = found(tmp_path, {"dfx.json": WHOLE})
    assert [(one.name, one.kind, str(one.place)) for one in project.canisters] == [
        ("backend", Kind.MOTOKO, "dfx.json:4"),
        ("ledger", Kind.PREBUILT, "dfx.json:11"),
        ("engine", Kind.RUST, "dfx.json:12"),
        ("site", Kind.ASSETS, "dfx.json:13"),
        ("ii", Kind.PULL, "dfx.json:14"),
    ]
    backend = canister(project, "backend")
    assert backend.main == "src/backend/main.mo"
    assert backend.flags == ("--incremental-gc", "-Werror")
    assert backend.packtool == "mops sources"
    assert backend.dependencies == ("ledger",)
    assert backend.init_arg == "(7 : nat)"
    assert backend.extras == ("optimize",)
    assert canister(project, "site").source == ("dist",)
    assert canister(project, "engine").package == "engine"


@pytest.mark.parametrize(
    ("about", "kind", "main"),
    [
        ('{"type": "kybra", "main": "src/main.py"}', Kind.KYBRA, "src/main.py"),
        (
            '{"type": "custom", "build": "python -m kybra one src/one/main.py x.did"}',
            Kind.KYBRA,
            "src/one/main.py",
        ),
        (
            '{"type": "custom", "build": ".venv/bin/dcanary build canisters/one --out x"}',
            Kind.KYBRA,
            "canisters/one/main.py",
        ),
        (
            '{"type": "custom", "build": "mkdir x && $(dfx cache show)/moc src/a.mo -o x/a.wasm"}',
            Kind.MOTOKO,
            "src/a.mo",
        ),
        ('{"type": "azle", "main": "src/index.ts"}', Kind.AZLE, "src/index.ts"),
        ('{"type": "custom", "build": "npx azle one"}', Kind.AZLE, ""),
        ('{"type": "custom", "build": ["cargo build --release"]}', Kind.RUST, ""),
        ('{"type": "custom", "build": "./build.sh"}', Kind.CUSTOM, ""),
    ],
)
def test_a_custom_build_shows_what_it_makes(
    tmp_path: Path, about: str, kind: Kind, main: str
) -> None:
    one = canister(found(tmp_path, {"dfx.json": f'{{"canisters": {{"one": {about}}}}}'}), "one")
    assert (one.kind, one.main) == (kind, main)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"canisters": ', "dfx.json:1: not valid JSON"),
        ("[]", "it names no canisters"),
        ('{"canisters": {\n"a": 3}}', "dfx.json:2: canister a: not a mapping"),
        ('{"canisters": {"a": {"type": "wasi"}}}', "unknown type wasi"),
        ('{"canisters": {"a": {"remote": {"id": {"ic": "x"}}}}}', "runs elsewhere"),
    ],
)
def test_what_cannot_be_understood_is_a_note(tmp_path: Path, text: str, told: str) -> None:
    assert told in notes(found(tmp_path, {"dfx.json": text}))[0]


def test_two_manifests_of_one_canister_are_one_with_both_places(tmp_path: Path) -> None:
    project = found(
        tmp_path,
        {
            "dfx.json": '{"canisters": {"a": {"type": "custom", "build": "./build.sh"}}}',
            "icp.yaml": "canisters:\n  - name: a\n    init_args: (1)\n",
        },
    )
    (one,) = project.canisters
    assert one.places == (Place("dfx.json", 1), Place("icp.yaml", 2))
    assert one.build == ("./build.sh",)
    assert one.init_arg == "(1)"
