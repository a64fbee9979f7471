"""What functions import from the standard library works on chain, or is refused by the build."""

from __future__ import annotations

from pathlib import Path

import pytest
import wasmtime

from dcanary.wasm import SourceError, build_canister
from dcanary.wasm._inputs import load_inputs
from dcanary.wasm._lazy import LAZY, ON_USE
from dcanary.wasm._preload import encodings_named, refuse_unread
from dcanary.wasm._stdlib import available
from tests.wasm.conftest import DATA
from tests.wasm.ic0_host import Host, with_table

STDLIB = ("encodings/idna.pyc", "encodings/utf_16_le.pyc", "json/__init__.pyc")
NO_ARGUMENTS = b"DIDL\0\0"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x.encode('IDNA')\n", ["IDNA"]),
        ("E = 'utf-16-le'\nx.decode(E)\n", ["utf-16-le"]),
        ("str(x, 'u16')\n", ["u16"]),
        ("open(x, encoding='cp437')\n", ["cp437"]),
        ("x.encode('a/b')\nx.encode(3)\n'json'\n'other'\n", []),
    ],
)
def test_texts_that_may_name_an_encoding_are_found(text: str, names: list[str]) -> None:
    assert encodings_named({"main.py": text.encode()}, STDLIB) == names


def test_a_file_with_imports_inside_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    newer = b"x = <a newer Python>\ndef f():\n    import json\n"
    with pytest.raises(SourceError, match=r"main\.py: the imports in functions of this file"):
        refuse_unread(tmp_path, {"main.py": newer})


@pytest.mark.parametrize("text", [b"x = <a newer Python>\nimport json\n", b"def f():\n import a\n"])
def test_other_files_are_not_refused(tmp_path: Path, text: bytes) -> None:
    refuse_unread(tmp_path, {"main.py": text})


def test_the_lists_name_modules_that_canisters_have() -> None:
    names = {name for name in load_inputs().stdlib if available(name)}
    builtin = {"sys"}
    listed = {*LAZY, *ON_USE.values(), *(one for row in LAZY.values() for one in row)} - builtin
    for module in sorted(listed):
        path = module.replace(".", "/")
        assert f"{path}.py" in names or f"{path}/__init__.py" in names, module


@pytest.fixture(scope="module")
def late(engine: wasmtime.Engine) -> wasmtime.Module:
    return wasmtime.Module(engine, with_table(build_canister(DATA / "late").wasm))


@pytest.mark.replica
@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("by_name", "1/3"),
        ("close", "['apple']"),
        ("copied", "{'a': 1}"),
        ("divided", "702"),
        ("encoded", "xn--bcher-kva7800"),
        ("identified", "(5, 1)"),
        ("indented", '{\n "a": 1\n}'),
        ("mailed", "hi"),
        ("median", "2"),
        ("most_common", "[('a', 2)]"),
        ("parsed", "2020-01-02 00:00:00"),
        ("printed", "{'a': [2], 'b': 1}"),
        ("shortened", "hello..."),
        ("templated", "yes!"),
        ("tenth", "1.1"),
        ("unparsed", "x = 1"),
        ("without", "no ssl"),
    ],
)
def test_a_query_may_be_the_first_to_use_the_module(
    engine: wasmtime.Engine, late: wasmtime.Module, method: str, answer: str
) -> None:
    text = answer.encode()
    reply = Host(engine, late).message(f"canister_query {method}", NO_ARGUMENTS).reply
    assert reply == b"DIDL\0\1\x71" + bytes([len(text)]) + text


@pytest.mark.replica
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("import ssl", "ssl is imported when the function is called"),
        ("from json import nothing", "nothing of json is imported when the function is called"),
    ],
)
def test_what_a_canister_cannot_have_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "main.py").write_text(f"def f():\n    {text}\n")
    with pytest.raises(SourceError) as caught:
        build_canister(tmp_path, name="c")
    assert f"main.py:2: {problem}, and a canister cannot have it" in str(caught.value)
