from __future__ import annotations

import json
from pathlib import Path

import pytest

from dcanary.wasm import BuildError, SourceError
from dcanary.wasm._canister import find_layout, read_interface, source_digest


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


def test_a_folder_without_init_is_the_root_itself(tmp_path: Path) -> None:
    main = write(tmp_path / "counter" / "main.py")
    layout = find_layout(main, None)
    assert (layout.root, layout.module, layout.name) == (main.parent, "main", "counter")


def test_the_root_is_the_first_folder_above_without_init(tmp_path: Path) -> None:
    main = write(tmp_path / "canisters" / "webhook" / "main.py")
    write(main.parent / "__init__.py")
    layout = find_layout(main.parent, None)
    assert layout.root == tmp_path / "canisters"
    assert (layout.module, layout.name) == ("webhook.main", "webhook")


def test_the_name_can_be_given_and_else_follows_the_file(tmp_path: Path) -> None:
    main = write(tmp_path / "ledger.py")
    assert find_layout(main, None).name == "ledger"
    assert find_layout(main, "coins").name == "coins"


@pytest.mark.parametrize("name", ["../up", "a/b", "", " ", "x" * 101])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    main = write(tmp_path / "a b" / "main.py")
    with pytest.raises(SourceError, match="not usable as a canister's name"):
        find_layout(main, name)


def test_a_missing_main_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"main\.py does not exist; name the canister's main"):
        find_layout(tmp_path, None)


@pytest.mark.parametrize("name", ["main.txt", "my-canister.py"])
def test_a_file_that_cannot_be_imported_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="cannot be imported as a module"):
        find_layout(write(tmp_path / name), None)


def answer(*exports: object) -> bytes:
    return json.dumps({"exports": exports, "did": "service : {}", "metadata": {}}).encode()


def test_the_description_of_a_canister_is_read() -> None:
    text = answer("canister_init", "canister_update a b", "canister_query c")
    assert read_interface(text).exports == [
        "canister_init",
        "canister_update a b",
        "canister_query c",
    ]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"exports": 1, "did": ""}',
        b'{"exports": [], "did": "", "metadata": [1]}',
        answer("memory"),
        answer("canister_update "),
        answer("canister_start"),
        answer(3),
    ],
)
def test_a_description_that_breaks_the_contract_is_refused(text: bytes) -> None:
    with pytest.raises(BuildError, match="guest package kybra"):
        read_interface(text)


def test_two_methods_of_one_name_are_refused() -> None:
    with pytest.raises(SourceError, match="two methods of the canister are called 'a'"):
        read_interface(answer("canister_update a", "canister_query a"))


def test_the_digest_depends_on_names_and_contents_but_not_on_order() -> None:
    one = source_digest({"a.py": b"1", "b.py": b"2"})
    assert one == source_digest({"b.py": b"2", "a.py": b"1"})
    assert (
        len({one, source_digest({"a.py": b"2", "b.py": b"1"}), source_digest({"a.py": b"1"})}) == 3
    )
