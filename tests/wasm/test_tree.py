from __future__ import annotations

from pathlib import Path

from dcanary.wasm._tree import Fixed, Sources, Tree


def compiled(name: str, source: bytes) -> bytes:
    return b"compiled " + name.encode() + b" " + source


def test_a_source_is_seen_as_a_compiled_file_and_recorded(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "store.py").write_bytes(b"x = 1")
    sources = Sources(tmp_path, compiled)
    tree = Tree({"/app": sources})
    assert tree.read("/app/pack/store.pyc") == b"compiled pack/store.py x = 1"
    assert tree.read("/app/pack/store.py") is None
    assert tree.read("/app/other.pyc") is None
    assert sources.used == {"pack/store.py": b"x = 1"}


def test_a_folder_without_init_is_a_namespace_and_one_with_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_bytes(b"")
    tree = Tree({"/app": Sources(tmp_path, compiled)})
    assert tree.read("/app/plain/.folder") == b""
    assert tree.read("/app/package/.folder") is None
    assert tree.read("/app/absent/.folder") is None


def test_nothing_of_a_source_folder_is_listed(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_bytes(b"")
    assert Tree({"/app": Sources(tmp_path, compiled)}).names("/app") == []


def test_fixed_files_have_their_folders_and_sorted_names() -> None:
    tree = Tree({"/python": Fixed({"b.pyc": b"1", "a/c/d.pyc": b"2", "a/b.pyc": b"3"})})
    assert tree.names("/") == ["python"]
    assert tree.names("/python") == ["a", "b.pyc"]
    assert tree.names("/python/a") == ["b.pyc", "c"]
    assert tree.is_folder("/python/a/c")
    assert not tree.is_folder("/python/b.pyc")
    assert tree.read("/python/a/c/d.pyc") == b"2"
    assert tree.read("/pythonic/b.pyc") is None
