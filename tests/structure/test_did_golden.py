"""The interfaces in the repository are those of the canisters' sources."""

from __future__ import annotations

import difflib
import io
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest
from ic.candid import FuncClass
from ic.canister import Canister

from dcanary.candid import parse_interface
from dcanary.client.system import CANISTERS
from dcanary.testing.native import NativeNetwork
from dcanary.wasm_binary import sections
from tests.built import built_canister

ROOT = Path(__file__).resolve().parents[2]
SECTION = "icp:public candid:service"


def golden(name: str) -> str:
    return (ROOT / "canisters" / name / f"{name}.did").read_text(encoding="utf-8")


def main_of(name: str) -> Path:
    return ROOT / "canisters" / name / "main.py"


def difference(name: str, made: str) -> str:
    """What to tell when the file is not what the sources make; empty when it is."""
    kept = golden(name)
    if kept == made:
        return ""
    lines = difflib.unified_diff(
        kept.splitlines(), made.splitlines(), f"canisters/{name}/{name}.did", "the sources", n=1
    )
    return "\n".join(
        [
            f"the interface of {name} changed: is that meant? Then write the file anew with "
            "scripts/update-did.sh and commit it",
            *(line.rstrip("\n") for line in lines),
        ]
    )


def custom_section(module: bytes, wanted: str) -> bytes:
    for part in sections.sections(module):
        if part.id == sections.CUSTOM:
            reader = sections.Reader(part.body)
            if reader.name() == wanted:
                return bytes(part.body[reader.at :])
    raise AssertionError(f"the module has no section {wanted!r}")


def read_with_ic_py(text: str) -> dict[str, Any]:
    """Methods by name. Its parser goes on after a mistake: what it complains about fails."""
    complaints = io.StringIO()
    with redirect_stderr(complaints):
        read = Canister(agent=None, canister_id="aaaaa-aa", candid=text)
    assert complaints.getvalue() == ""
    methods: dict[str, Any] = read.actor["methods"]
    return methods


@pytest.mark.parametrize("name", CANISTERS)
def test_the_interface_file_of_a_canister_is_what_its_sources_make(name: str) -> None:
    told = difference(name, NativeNetwork().install(main_of(name)).did)
    assert not told, told


@pytest.mark.parametrize("name", CANISTERS)
def test_a_change_of_an_interface_is_told_with_what_to_do(name: str) -> None:
    told = difference(name, golden(name).replace("health : ()", "fitness : ()"))
    assert "scripts/update-did.sh" in told
    assert "+  fitness : () -> (Health) query;" in told


@pytest.mark.parametrize("name", CANISTERS)
def test_our_parser_and_that_of_ic_py_read_the_same_methods(name: str) -> None:
    ours = parse_interface(golden(name)).methods
    theirs = read_with_ic_py(golden(name))
    assert set(ours) == set(theirs)
    for method, described in theirs.items():
        assert isinstance(described, FuncClass)
        assert ours[method].is_query == ("query" in described.annotations), method


def test_a_mistake_in_an_interface_file_would_be_noticed() -> None:
    with pytest.raises(AssertionError):
        read_with_ic_py(golden("webhook").replace("health : ()", "health ! : ()"))


@pytest.mark.replica
@pytest.mark.parametrize("name", CANISTERS)
def test_the_built_module_publishes_the_interface_file(name: str) -> None:
    built = built_canister(main_of(name), name)
    assert built.did == golden(name)
    assert custom_section(built.wasm, SECTION).decode() == golden(name)
