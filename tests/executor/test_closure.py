"""The files that a program runs with, and the digest that names them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from dcanary.executor.closure import Closures, IncompleteClosure, libraries_listed

SHELL = Path("/bin/sh")
LIBRARIES = """\
\tlinux-vdso.so.1 (0x00007f1de3dd6000)
\tlibc.so.6 => /lib/some libc.so.6 (0x00007f1de3bc1000)
\tlibmissing.so.3 => not found
"""


@pytest.fixture
def closures(tmp_path: Path) -> Closures:
    return Closures(tmp_path / "cache" / "closures.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tool"
    (made / "a").mkdir(parents=True)
    (made / "b").mkdir()
    (made / "a" / "part").write_text("one")
    (made / "b" / "part").write_text("two")
    return made


def test_the_closure_of_a_program_has_its_libraries_and_their_loader(closures: Closures) -> None:
    names = {file.name for file in closures.files(SHELL)}
    assert SHELL.resolve().name in names
    assert any(name.startswith(("libc.", "libc-")) for name in names)
    assert any(name.startswith("ld-") for name in names)


def test_the_closure_of_a_script_has_that_of_its_interpreter(
    closures: Closures, tmp_path: Path
) -> None:
    shell = closures.files(SHELL)
    for number, first in enumerate(("#!/bin/sh -e", "#! /usr/bin/env sh")):
        script = tmp_path / f"script-{number}"
        script.write_text(f"{first}\necho one\n")
        assert closures.files(script) == {script} | shell


def test_a_script_of_a_script_ends_at_a_program(closures: Closures, tmp_path: Path) -> None:
    inner, outer, itself = tmp_path / "inner", tmp_path / "outer", tmp_path / "itself"
    inner.write_text("#!/bin/sh\n")
    outer.write_text(f"#!{inner}\n")
    itself.write_text(f"#!{itself}\n")
    assert closures.files(outer) == {outer, inner} | closures.files(SHELL)
    assert closures.files(itself) == {itself}


def test_a_file_that_is_no_program_is_its_own_closure(closures: Closures, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("#!\n")
    assert closures.files(text) == {text}


def test_a_library_that_is_missing_is_named() -> None:
    with pytest.raises(IncompleteClosure, match=r"/opt/tool needs libmissing\.so\.3"):
        libraries_listed(Path("/opt/tool"), LIBRARIES.splitlines())
    assert libraries_listed(Path("/opt/tool"), LIBRARIES.splitlines()[:2]) == {
        Path("/lib/some libc.so.6").resolve()
    }


def test_a_digest_is_of_names_and_contents_and_not_of_places(
    closures: Closures, folder: Path, tmp_path: Path
) -> None:
    before = closures.digest([SHELL], folder)
    moved = tmp_path / "another place"
    shutil.copytree(folder, moved)
    assert closures.digest([SHELL], moved) == before
    assert closures.digest([], moved) != before
    (folder / "a" / "part").write_text("two")
    (folder / "b" / "part").write_text("one")
    assert closures.digest([SHELL], folder) != before


def test_a_changed_file_is_read_again_even_with_its_old_size_and_time(
    closures: Closures, folder: Path
) -> None:
    part = folder / "a" / "part"
    before, times = closures.digest(folder=folder), part.stat()
    part.write_text("ONE")
    os.utime(part, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert closures.digest(folder=folder) != before
    part.write_text("one")
    assert closures.digest(folder=folder) == before


def test_what_python_makes_again_does_not_count(closures: Closures, folder: Path) -> None:
    before = closures.digest(folder=folder)
    (folder / "a" / "__pycache__").mkdir()
    (folder / "a" / "__pycache__" / "part.pyc").write_bytes(b"\0" * 16)
    assert closures.digest(folder=folder) == before


@pytest.mark.parametrize(
    "notes", [b"", b"[]", b'{"format": 0, "known": {}}', b'{"format": 1, "known": []}', b"\xff"]
)
def test_notes_that_are_damaged_are_made_again(folder: Path, tmp_path: Path, notes: bytes) -> None:
    kept = tmp_path / "closures.json"
    expected = Closures(kept).digest([SHELL], folder)
    kept.write_bytes(notes)
    assert Closures(kept).digest([SHELL], folder) == expected
    written = kept.stat().st_mtime_ns
    assert Closures(kept).digest([SHELL], folder) == expected
    assert kept.stat().st_mtime_ns == written  # there was nothing new to note


def test_notes_that_cannot_be_kept_do_no_harm(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    blocked = Closures(tmp_path / "file" / "closures.json")
    assert blocked.digest([SHELL], folder) == Closures(tmp_path / "notes").digest([SHELL], folder)


def test_the_libraries_of_an_extension_in_a_folder_count(tmp_path: Path) -> None:
    extension = next(
        Path(place, name)
        for place, _, names in os.walk(Path(sys.base_prefix).resolve())
        for name in names
        if name.startswith("_ssl.") and name.endswith(".so")
    )
    (tmp_path / "folder").mkdir()
    shutil.copy(extension, tmp_path / "folder" / "_ssl.so")
    Closures(tmp_path / "closures.json").digest(folder=tmp_path / "folder")
    assert "/libssl" in (tmp_path / "closures.json").read_text()
