"""What Python sources against the Kybra API say."""

from __future__ import annotations

from pathlib import Path

from dcanary.project.facts import Kind
from tests.project.folders import COUNTER_PY, found, notes


def test_a_main_that_imports_kybra_is_a_canister(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    project = found(
        root,
        {
            "src/main.py": COUNTER_PY,
            "canisters/stock/main.py": COUNTER_PY,
            "tools/main.py": "print('no canister')\n",
            "tests/main.py": COUNTER_PY,
        },
    )
    assert [(one.name, one.kind, one.main) for one in project.canisters] == [
        ("shop", Kind.KYBRA, "src/main.py"),
        ("stock", Kind.KYBRA, "canisters/stock/main.py"),
    ]


def test_programs_in_folders_of_the_same_name_are_canisters_of_their_own(tmp_path: Path) -> None:
    mains = (
        "a/src/main.py",
        "b/src/main.py",
        "x/api/main.py",
        "y/api/main.py",
        "y/api/src/main.py",
    )
    project = found(tmp_path / "shop", dict.fromkeys((*mains, "src/main.py"), COUNTER_PY))
    assert {one.main: one.name for one in project.canisters} == {
        "src/main.py": "shop",
        "a/src/main.py": "a",
        "b/src/main.py": "b",
        "x/api/main.py": "api",
        "y/api/main.py": "y-api",
        "y/api/src/main.py": "main-2",
    }


def test_imports_are_followed_and_packages_of_others_are_told(tmp_path: Path) -> None:
    project = found(
        tmp_path,
        {
            "canisters/a/main.py": "import json\nfrom shared.rules import limits\n" + COUNTER_PY,
            "shared/rules/limits.py": "from . import names\nimport simple_db.core\n",
            "shared/rules/names.py": "from ..words import WORDS\n",
            "shared/words.py": "import yaml\nWORDS = []\n",
        },
    )
    program = project.kybra["canisters/a/main.py"]
    assert [(name, str(place)) for name, place in program.packages] == [
        ("simple_db", "shared/rules/limits.py:2"),
        ("yaml", "shared/words.py:1"),
    ]


def test_an_init_with_an_argument_is_told(tmp_path: Path) -> None:
    text = COUNTER_PY + "\n\n@init\ndef start(owner: str) -> None:\n    pass\n"
    project = found(tmp_path, {"src/main.py": text})
    assert project.kybra["src/main.py"].takes_argument


def test_python_that_is_not_valid_is_a_note(tmp_path: Path) -> None:
    project = found(tmp_path, {"src/main.py": "from kybra import query\ndef (:\n"})
    assert notes(project)[0].startswith("src/main.py:2: not valid Python")


def test_a_source_that_is_nested_too_deeply_is_a_note(tmp_path: Path) -> None:
    text = "import kybra\nx = " + "(" * 5_000 + ")" * 5_000
    assert "src/main.py" in notes(found(tmp_path, {"src/main.py": text}))[0]
