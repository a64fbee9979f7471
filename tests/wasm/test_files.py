from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from dcanary.wasm import _files


def test_a_file_is_replaced_whole_and_follows_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "a.wasm"
    old = os.umask(0o027)
    try:
        _files.write_atomically(path, b"one")
        _files.write_atomically(path, b"two")
    finally:
        os.umask(old)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.wasm"]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(OSError):
        _files.write_atomically(target, b"one")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_a_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    waits: list[str] = []
    with pytest.raises(RuntimeError), _files.locked(path, lambda: waits.append("")):
        raise RuntimeError
    with _files.locked(path, lambda: waits.append("")):
        assert path.exists()
    assert waits == []
