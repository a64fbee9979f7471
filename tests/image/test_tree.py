"""Packages of strangers are unpacked into their folder and nowhere else, the same everywhere."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import pytest

from dcanary.image.errors import PackageProblem
from dcanary.image.tree import TIME, Tree, tree_digest


def new_tree(tmp_path: Path, **options: object) -> Tree:
    (tmp_path / "tree").mkdir()
    return Tree(tmp_path / "tree", **options)  # type: ignore[arg-type]  # for brevity


def add(
    tree: Tree, path: str, content: bytes = b"x", owner: str = "p 1", executable: bool = False
) -> None:
    tree.file(path, owner, io.BytesIO(content), size=len(content), executable=executable)


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside", "./usr/../../outside", "a/../b"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    tree = new_tree(tmp_path)
    uses = (
        lambda: add(tree, path),
        lambda: tree.folder(path, "p 1"),
        lambda: tree.link(path, "p 1", "target"),
        lambda: tree.hard_link("good", "p 1", path),
        lambda: tree.hard_link(path, "p 1", "good"),
    )
    add(tree, "good")
    for use in uses:
        with pytest.raises(PackageProblem, match=r"absolute path|leads out"):
            use()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["tree"]


@pytest.mark.parametrize("target", ["/outside", "../../../../outside", "/", ".."])
def test_a_link_leads_nowhere_but_into_the_tree(tmp_path: Path, target: str) -> None:
    """As inside a root file system: the links of packages are never followed by the host."""
    outside = Path("/outside")
    tree = new_tree(tmp_path)
    tree.link("usr/share/way", "p 1", target)
    add(tree, "usr/share/way/file", b"content", "q 1")
    inside = "outside/file" if "outside" in target else {"/": "file", "..": "usr/file"}[target]
    assert (tmp_path / "tree" / inside).read_bytes() == b"content"
    assert not outside.exists()
    assert tree.find("usr/share/way/file") == inside


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    tree = new_tree(tmp_path)
    tree.link("a", "p 1", "b")
    tree.link("b", "p 1", "a")
    with pytest.raises(PackageProblem, match="circle"):
        add(tree, "a/file")


def test_old_places_of_programs_lead_into_usr(tmp_path: Path) -> None:
    tree = new_tree(tmp_path)
    add(tree, "./bin/tool", executable=True)
    tree.folder("./lib", "p 1")
    tree.link("./lib64", "p 1", "usr/lib64")
    tree.link("./lib/x86_64-linux-gnu/libx.so", "p 1", "libx.so.1")
    assert (tmp_path / "tree/usr/bin/tool").is_file()
    assert (tmp_path / "tree/bin").readlink() == Path("usr/bin")
    assert (tmp_path / "tree/usr/lib/x86_64-linux-gnu/libx.so").is_symlink()
    assert tree.find("bin/tool") == "usr/bin/tool"


def test_modes_and_times_are_the_same_whatever_packages_say(tmp_path: Path) -> None:
    tree = new_tree(tmp_path)
    tree.folder("usr/private", "p 1")
    add(tree, "usr/bin/su", executable=True)
    add(tree, "usr/text")
    tree.link("usr/link", "p 1", "text")
    tree.finish()
    found = {
        place: (stat.S_IMODE(info.st_mode), info.st_mtime)
        for place in tree.entries
        if (info := (tmp_path / "tree" / place).lstat())
    }
    assert found["usr/private"] == (0o755, TIME)
    assert found["usr/bin/su"] == (0o755, TIME)
    assert found["usr/text"] == (0o644, TIME)
    assert found["usr/link"][1] == TIME
    assert (tmp_path / "tree").stat().st_mtime == TIME


def test_a_hard_link_is_a_copy_of_a_file_of_the_tree(tmp_path: Path) -> None:
    tree = new_tree(tmp_path)
    add(tree, "usr/bin/perl", b"perl", executable=True)
    tree.hard_link("usr/bin/perl5", "p 1", "./usr/bin/perl")
    copied = tmp_path / "tree/usr/bin/perl5"
    assert copied.read_bytes() == b"perl"
    assert os.access(copied, os.X_OK)
    assert copied.stat().st_nlink == 1
    with pytest.raises(PackageProblem, match="which is no file"):
        tree.hard_link("usr/bin/other", "p 1", "usr/bin/missing")


def test_two_packages_with_one_path_are_refused_unless_one_says_replaces(tmp_path: Path) -> None:
    tree = new_tree(tmp_path, replaces=lambda new, old: new == "new 1")
    add(tree, "usr/a", b"old", "old 1")
    add(tree, "usr/a", b"old", "same 1")
    with pytest.raises(PackageProblem, match=r"usr/a is in old 1 and in other 1"):
        add(tree, "usr/a", b"another", "other 1")
    add(tree, "usr/a", b"new", "new 1")
    assert (tmp_path / "tree/usr/a").read_bytes() == b"new"
    # The other order has the same end.
    add(tree, "usr/a", b"old", "old 1")
    assert (tmp_path / "tree/usr/a").read_bytes() == b"new"
    with pytest.raises(PackageProblem, match="is a folder"):
        add(tree, "usr/a/below", owner="third 1")
    tree.folder("usr/b", "old 1")
    with pytest.raises(PackageProblem, match="is a folder of old 1 already"):
        add(tree, "usr/b", owner="other 1")


def test_excluded_paths_are_left_out_with_all_below(tmp_path: Path) -> None:
    tree = new_tree(tmp_path, exclude=("/usr/share/doc", "/var"))
    add(tree, "usr/share/doc/a/copyright")
    tree.folder("./var/lib", "p 1")
    add(tree, "usr/share/documents")
    tree.hard_link("usr/share/doc/b", "p 1", "usr/share/documents")
    tree.hard_link("usr/b", "p 1", "usr/share/doc/b")
    places = {place for place in tree.entries if place not in ("usr", *(_merged(tree)))}
    assert places == {"usr/share", "usr/share/documents"}


def _merged(tree: Tree) -> set[str]:
    names = {place for place, entry in tree.entries.items() if entry.kind == "l"}
    return names | {f"usr/{name}" for name in names}


def test_a_file_that_ends_early_is_damage(tmp_path: Path) -> None:
    tree = new_tree(tmp_path)
    with pytest.raises(PackageProblem, match="ends early"):
        tree.file("a", "p 1", io.BytesIO(b"abc"), size=4, executable=False)


def test_the_digest_of_a_tree_sees_every_change_and_no_order(tmp_path: Path) -> None:
    def digest(name: str, *steps: tuple[str, bytes, bool]) -> str:
        folder = tmp_path / name
        folder.mkdir()
        tree = Tree(folder)
        for path, content, executable in steps:
            add(tree, path, content, executable=executable)
        return tree_digest(tree.entries)

    a, b = ("usr/a", b"1", False), ("usr/b", b"2", False)
    first = digest("1", a, b)
    assert digest("2", b, a) == first
    others = {
        digest("3", a),
        digest("4", a, ("usr/b", b"3", False)),
        digest("5", a, ("usr/b", b"2", True)),
        digest("6", a, ("usr/c", b"2", False)),
        digest("7", a, ("usr/b/b", b"2", False)),
    }
    assert len(others) == 5
    assert first not in others


def test_a_path_that_is_too_long_is_refused(tmp_path: Path) -> None:
    tree = new_tree(tmp_path)
    for path in ("usr/" + "x" * 300, "y/" * 3_000 + "z"):
        with pytest.raises(PackageProblem, match="is too long"):
            add(tree, path)
