"""What Motoko sources say: where the actor is, and what it imports."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dcanary.project.facts import MotokoProgram
from tests.project.folders import COUNTER_MO, found


def program(root: Path, source: str, others: dict[str, str] | None = None) -> MotokoProgram:
    """The facts of a program in src/main.mo."""
    return found(root, {"src/main.mo": source, **(others or {})}).motoko["src/main.mo"]


@pytest.mark.parametrize(
    ("source", "persistent", "takes_argument"),
    [
        ("persistent actor {}", True, False),
        ("actor Main {}", False, False),
        ("persistent actor class Main() = this {}", True, False),
        ("persistent actor class Main(start : Nat) {}", True, True),
        ("persistent actor class Main(\n  start : Nat\n) {}", True, True),
        ("shared ({ caller }) persistent actor class Main() {}", True, False),
        ("shared(install) actor class Main(x : Nat) = self {}", False, True),
        ("(with migration = f) persistent actor {}", True, False),
        ("shared persistent actor class M() {}", True, False),
    ],
)
def test_the_declaration_of_the_actor_is_read(
    tmp_path: Path, source: str, persistent: bool, takes_argument: bool
) -> None:
    one = program(tmp_path, f"/* actor\n*/ // persistent actor\n\n{source}\n")
    assert (one.persistent, one.takes_argument) == (persistent, takes_argument)
    assert str(one.place) == "src/main.mo:4"


def test_imports_are_followed_through_the_folder(tmp_path: Path) -> None:
    main = (
        'import Nat "mo:core/Nat";\nimport { a; b } "Types";\nimport L "canister:ledger";\n'
        '// import X "mo:commented/X";\nimport G "../gone";\n' + COUNTER_MO
    )
    types = 'import Map "mo:map/Map";\nimport Lib "lib";\nmodule {}\n'
    lib = 'import Main "../main";\nimport Prim "mo:prim";\nmodule { let t = "import \\"mo:x\\"" }\n'
    one = program(tmp_path, main, {"src/Types.mo": types, "src/lib/lib.mo": lib})
    assert [(name, str(place)) for name, place in one.packages] == [
        ("core", "src/main.mo:1"),
        ("map", "src/Types.mo:1"),
    ]
    assert [(name, str(place)) for name, place in one.canisters] == [
        ("canister:ledger", "src/main.mo:3")
    ]
    assert [(name, str(place)) for name, place in one.missing] == [("../gone", "src/main.mo:5")]


def test_without_a_manifest_actors_outside_of_tests_are_canisters(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    project = found(
        root,
        {
            "src/main.mo": COUNTER_MO,
            "src/stock/main.mo": COUNTER_MO,
            "src/Types.mo": "module { public type actor_ = Nat }",
            "test/fake.mo": COUNTER_MO,
        },
    )
    assert [(one.name, one.main) for one in project.canisters] == [
        ("shop", "src/main.mo"),
        ("stock", "src/stock/main.mo"),
    ]


def test_with_a_manifest_other_actors_are_not_canisters(tmp_path: Path) -> None:
    project = found(
        tmp_path,
        {
            "dfx.json": '{"canisters": {"a": {"main": "a.mo"}}}',
            "a.mo": COUNTER_MO,
            "b.mo": COUNTER_MO,
        },
    )
    assert [one.name for one in project.canisters] == ["a"]


def test_the_modules_of_a_package_are_a_library(tmp_path: Path) -> None:
    project = found(
        tmp_path,
        {
            "mops.toml": '[package]\nname = "map"\n',
            "src/lib.mo": 'import Nat "mo:core/Nat";\nmodule {}',
            "test/lib.test.mo": "",
        },
    )
    assert project.library is not None
    assert project.library.modules == ("src/lib.mo",)
    assert [name for name, _ in project.library.packages] == ["core"]
    assert project.canisters == ()


@pytest.mark.parametrize(
    "source",
    [
        "import {\n" * 60_000,
        "shared" + " " * 500_000,
        "(with " * 100_000,
        "actor" + "\n" * 500_000 + "class",
        "/*" * 300_000,
        '"' * 300_001,
    ],
)
def test_no_source_makes_a_search_long(tmp_path: Path, source: str) -> None:
    begun = time.monotonic()
    found(tmp_path, {"src/main.mo": source})
    assert time.monotonic() - begun < 20
