"""A mistake in the canister's sources is one sentence with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcanary.wasm import LimitError, SourceError, Template, _interpreter, _snapshot, build_canister

pytestmark = pytest.mark.replica

METHOD = "from kybra import update\n\n\n@update\ndef hello(arg):\n    return arg\n"


@pytest.fixture
def failing(tmp_path: Path, guest: Path, template: Template, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Builds a canister from texts by file name and returns the error."""
    monkeypatch.chdir(tmp_path)

    def build(**files: str) -> SourceError:
        for name, text in files.items():
            path = tmp_path / "app" / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        with pytest.raises(SourceError) as caught:
            build_canister(tmp_path / "app", guest=guest)
        assert "\n" not in str(caught.value)
        assert caught.value.__cause__ is None
        return caught.value

    return build


def test_a_syntax_error_names_file_and_line(failing) -> None:  # type: ignore[no-untyped-def]
    error = failing(main="x = 1\ndef f(:\n    pass\n")
    assert str(error) == "app/main.py:2: SyntaxError: invalid syntax"
    assert (error.path, error.line) == ("app/main.py", 2)


def test_a_syntax_error_in_an_imported_module_names_that_module(failing) -> None:  # type: ignore[no-untyped-def]
    error = failing(main="import pack.store\n", pack__store="\n\n  x = 1\n")
    assert str(error) == "app/pack/store.py:3: IndentationError: unexpected indent"


def test_bytes_that_are_no_text_are_refused(failing, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "data.py").write_bytes(b"x = '\xff'\n")
    assert str(failing(main="import data\n")).startswith("app/data.py")


def test_an_unknown_module_names_what_can_be_imported(failing) -> None:  # type: ignore[no-untyped-def]
    error = failing(main="\nimport requests.adapters\n")
    assert str(error).startswith("app/main.py:2: no module named 'requests': a canister can import")


@pytest.mark.parametrize("name", ["ctypes", "ssl", "sqlite3", "tkinter", "multiprocessing"])
def test_parts_of_the_standard_library_that_no_canister_has_are_named(failing, name: str) -> None:  # type: ignore[no-untyped-def]
    error = failing(main=f"import {name}\n")
    assert "of the standard library is not available in a canister" in str(error)
    assert error.line == 1


def test_an_exception_at_import_names_the_line_of_the_canister(failing) -> None:  # type: ignore[no-untyped-def]
    error = failing(main="import json\n\njson.loads('[')\n")
    assert str(error).startswith("app/main.py:3: JSONDecodeError: Expecting value")
    assert str(error).endswith("(raised while the canister was imported, at build time)")


def test_an_exception_of_a_name_that_does_not_exist_is_shown(failing) -> None:  # type: ignore[no-untyped-def]
    error = failing(main="hello\n")
    assert str(error).startswith("app/main.py:1: NameError: name 'hello' is not defined")


def test_a_text_of_several_lines_becomes_one_sentence(failing) -> None:  # type: ignore[no-untyped-def]
    error = failing(main="raise ValueError('a\\n  b')\n")
    assert str(error).startswith("app/main.py:1: ValueError: a b (raised")


def test_a_name_that_kybra_does_not_have_is_shown(failing) -> None:  # type: ignore[no-untyped-def]
    error = failing(main="from kybra import nothing\n")
    assert str(error).startswith("app/main.py:1: ImportError: cannot import name 'nothing' from")


def test_a_call_of_the_system_api_at_import_is_explained(failing) -> None:  # type: ignore[no-untyped-def]
    error = failing(main="import _ic\n\nNOW = _ic.time()\n")
    assert str(error).startswith("app/main.py:3: RuntimeError: ic function time was called while")


def test_exit_at_import_is_explained(failing) -> None:  # type: ignore[no-untyped-def]
    assert "main.py:2: SystemExit" in str(failing(main="import sys\nsys.exit(1)\n"))
    assert "called exit" in str(failing(main="import os\nos._exit(1)\n"))


def test_what_the_guest_refuses_is_its_own_sentence(failing) -> None:  # type: ignore[no-untyped-def]
    assert str(failing(main="x = 1\n")) == "app/main.py: the canister declares no method"


def test_a_loop_without_end_at_import_is_stopped(failing, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(_interpreter, "FUEL", 1_000_000_000)
    error = failing(main="while True:\n    pass\n")
    assert "ran for more than 1,000,000,000 instructions; move the work" in str(error)


def test_recursion_without_end_at_import_is_an_exception(failing) -> None:  # type: ignore[no-untyped-def]
    error = failing(main="def f():\n    f()\n\n\nf()\n")
    assert str(error).startswith("app/main.py:2: RecursionError")


def test_too_much_memory_at_import_is_an_exception(failing) -> None:  # type: ignore[no-untyped-def]
    error = failing(main="keep = [bytes(1 << 26) for _ in range(20)]\n")
    assert str(error).startswith("app/main.py:1: MemoryError")


def test_files_cannot_be_read_or_written_at_import(failing) -> None:  # type: ignore[no-untyped-def]
    assert "FileNotFoundError" in str(failing(main="open('/etc/passwd')\n"))
    assert "FileNotFoundError" in str(failing(main="open('/app/../../etc/passwd')\n"))
    assert "OSError" in str(failing(main="open('/app/x', 'w')\n"))


def test_a_missing_main_is_said(tmp_path: Path, template: Template) -> None:
    with pytest.raises(SourceError, match=r"main\.py does not exist"):
        build_canister(tmp_path / "main.py")


def test_a_module_above_a_limit_is_refused(
    tmp_path: Path, guest: Path, template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "main.py").write_text(METHOD)
    monkeypatch.setattr(_snapshot, "EXPORTS_LIMIT", 3)
    with pytest.raises(LimitError, match="4 exported methods, and the Internet Computer allows 3"):
        build_canister(tmp_path, guest=guest)
