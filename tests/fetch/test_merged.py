"""Folders of several fetch stages as one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dcanary.fetch.layout.folder import Folder, LayoutError, read_manifest
from dcanary.fetch.layout.merged import merge


def folder(root: Path, files: dict[str, bytes], executable: bool = False) -> Path:
    root.mkdir()
    made = Folder(root)
    for path, content in files.items():
        made.add(path, content, executable)
    made.finish()
    return root


def test_files_of_all_folders_are_in_one_with_the_same_modes_and_times(tmp_path: Path) -> None:
    a = folder(tmp_path / "a", {"npm/x": b"1", "cargo/config": b"same"})
    b = folder(tmp_path / "b", {"npm/deep/y": b"2", "cargo/config": b"same"})
    c = folder(tmp_path / "c", {"bin/run": b"3"}, executable=True)
    merge([("a", a), ("b", b), ("c", c)], tmp_path / "all")
    found = read_manifest(tmp_path / "all")
    assert [(each.path, each.executable) for each in found.entries] == [
        ("bin/run", True),
        ("cargo/config", False),
        ("npm/deep/y", False),
        ("npm/x", False),
    ]
    for place, _, files in os.walk(tmp_path / "all"):
        for name in [".", *files]:
            info = Path(place, name).stat()
            assert info.st_mtime == 0
            assert info.st_mode & 0o022 == 0


@pytest.mark.parametrize("change", [{"files": {"npm/x": b"2"}}, {"executable": True}])
def test_one_path_with_two_contents_is_told_with_both_stages(
    tmp_path: Path, change: dict[str, object]
) -> None:
    a = folder(tmp_path / "a", {"npm/x": b"1"})
    b = folder(tmp_path / "b", **{"files": {"npm/x": b"1"}, **change})  # type: ignore[arg-type]  # either argument
    with pytest.raises(LayoutError, match="the fetch stages one and two bring npm/x"):
        merge([("one", a), ("two", b)], tmp_path / "all")
