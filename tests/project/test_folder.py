"""A stranger's folder is read within bounds; what cannot be read is a note."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from dcanary.project import folder as rules
from dcanary.project.folder import Folder, inside
from tests.project.folders import write


def test_files_are_listed_without_what_tools_fill(tmp_path: Path) -> None:
    names = ["a.mo", "b/c.mo", "node_modules/x.mo", ".git/HEAD", ".mops/x.mo", "target/y.mo"]
    folder = Folder(write(tmp_path, dict.fromkeys(names, "")))
    assert folder.files == ("a.mo", "b/c.mo")


def test_a_link_that_leads_out_is_not_followed_and_one_inside_is(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"secret.json": "{}", "deep/x.mo": ""})
    root = write(tmp_path / "root", {"real.json": "{}"})
    (root / "dfx.json").symlink_to(outside / "secret.json")
    (root / "folder").symlink_to(outside)
    (root / "own.json").symlink_to("real.json")
    (root / "gone.json").symlink_to("nowhere")
    (root / "self.json").symlink_to("self.json")
    folder = Folder(root)
    assert folder.files == ("own.json", "real.json")
    told = [str(note) for note in folder.notes]
    assert "dfx.json:1: a link that leads out of the folder: not followed" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff\xfe{}", "not UTF-8"),
        (b"x" * (rules.MAX_FILE_BYTES + 1), "larger than"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_note(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "dfx.json").write_bytes(content)
    folder = Folder(tmp_path)
    assert folder.text("dfx.json") is None
    assert told in str(folder.notes[0])


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "dfx.json").write_bytes(b"\xef\xbb\xbf{}")
    assert Folder(tmp_path).text("dfx.json") == "{}"


def test_a_pipe_is_no_file_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "dfx.json")
    assert Folder(tmp_path).files == ()


def test_a_file_that_became_a_pipe_is_a_note(tmp_path: Path) -> None:
    path = write(tmp_path, {"dfx.json": "{}"}) / "dfx.json"
    folder = Folder(tmp_path)
    path.unlink()
    os.mkfifo(path)
    assert folder.text("dfx.json") is None
    assert "not a regular file" in str(folder.notes[0])


def test_depth_and_number_of_files_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = "/".join(["d"] * (rules.MAX_DEPTH + 2))
    told = str(Folder(write(tmp_path / "deep", {f"{deep}/x.mo": ""})).notes[0])
    assert f"deeper than {rules.MAX_DEPTH} folders" in told
    monkeypatch.setattr(rules, "MAX_FILES", 3)
    folder = Folder(write(tmp_path / "many", {f"{n}.mo": "" for n in range(5)} | {"z/a.mo": ""}))
    assert len(folder.files) == 3
    assert "more than 3 files" in str(folder.notes[0])


def test_a_name_that_is_not_utf8_is_left_out_and_said(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mo"))).touch()
    folder = Folder(tmp_path)
    assert folder.files == ()
    assert "not UTF-8" in str(folder.notes[0])


@pytest.mark.parametrize(
    ("name", "base", "path"),
    [
        ("./src//main.mo", ".", "src/main.mo"),
        ("../lib/x", "src", "lib/x"),
        ("../../x", "src", ""),
        ("/etc/passwd", ".", ""),
        ("", "src", ""),
        (".", ".", "."),
        ("a\0b", ".", ""),
    ],
)
def test_paths_stay_inside_the_folder(name: str, base: str, path: str) -> None:
    assert inside(name, base) == path


def test_files_that_git_ignores_are_left_out_and_said(tmp_path: Path) -> None:
    root = write(
        tmp_path / "shop",
        {
            ".gitignore": "vendored/\n*.gen.py\n!kept.gen.py\n",
            "vendored/db.py": "",
            "src/main.py": "",
            "src/types.gen.py": "",
            "src/kept.gen.py": "",
            "tracked.gen.py": "",
        },
    )
    # Where no repository is, the file alone says nothing.
    assert "vendored/db.py" in Folder(root).files
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    subprocess.run(["git", "-C", str(root), "add", "-f", "tracked.gen.py"], check=True)
    folder = Folder(root)
    assert folder.files == (".gitignore", "src/kept.gen.py", "src/main.py", "tracked.gen.py")
    assert [str(note) for note in folder.notes] == [
        "src/types.gen.py:1: Git ignores it, like 1 more, so no commit has it: left out"
    ]


def test_a_program_that_a_repository_names_is_not_run(tmp_path: Path) -> None:
    root = write(tmp_path / "shop", {".gitignore": "a\n", "a": "", "b": ""})
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "alias.ls-files"):
        subprocess.run(["git", "-C", str(root), "config", name, str(hook)], check=True)
    assert Folder(root).files == (".gitignore", "b")
    assert not (tmp_path / "ran").exists()
