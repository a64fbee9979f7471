"""Artifacts are copied without ever following a link."""

import os
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcanary.executor import manifest
from dcanary.executor.manifest import MAX_FILES, ManifestFile, collect_artifacts
from dcanary.executor.sandbox import ArtifactError
from shared.rules.limits import MAX_MANIFEST_FILES

HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


@pytest.fixture
def source(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    folder = tmp_path / "source"
    (folder / "build").mkdir(parents=True)
    (folder / "build" / "a.txt").write_text("hello")
    (folder / "b.txt").write_text("hello")
    (tmp_path / "secret.txt").write_text("secret")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    yield folder, descriptor
    os.close(descriptor)


def test_a_manifest_is_sorted_and_its_files_are_kept_by_content(
    source: tuple[Path, int], tmp_path: Path
) -> None:
    into = tmp_path / "held"
    files = collect_artifacts(source[1], ["build/a.txt", "b.txt"], into, 100)
    assert files == [ManifestFile("b.txt", 5, HELLO), ManifestFile("build/a.txt", 5, HELLO)]
    assert [each.name for each in into.iterdir()] == [HELLO]
    assert (into / HELLO).read_text() == "hello"


@pytest.mark.parametrize("absolute", [True, False])
def test_a_link_out_of_the_checkout_is_not_followed(
    source: tuple[Path, int], tmp_path: Path, absolute: bool
) -> None:
    (source[0] / "link").symlink_to(tmp_path / "secret.txt" if absolute else "../secret.txt")
    with pytest.raises(ArtifactError, match="artifact link: link is a symbolic link"):
        collect_artifacts(source[1], ["link"], tmp_path / "held", 100)


def test_a_linked_folder_is_not_followed(source: tuple[Path, int], tmp_path: Path) -> None:
    (source[0] / "out").symlink_to(tmp_path)
    with pytest.raises(ArtifactError, match="out is a symbolic link"):
        collect_artifacts(source[1], ["out/secret.txt"], tmp_path / "held", 100)


@pytest.mark.parametrize("path", ["../secret.txt", "build/../../secret.txt", "/etc/passwd", ""])
def test_a_path_out_of_the_checkout_is_refused(
    source: tuple[Path, int], tmp_path: Path, path: str
) -> None:
    with pytest.raises(ArtifactError, match="not a normalised path"):
        collect_artifacts(source[1], [path], tmp_path / "held", 100)


def test_a_missing_file_a_folder_a_pipe_and_a_large_file_are_refused(
    source: tuple[Path, int], tmp_path: Path
) -> None:
    os.mkfifo(source[0] / "pipe")
    os.mknod(source[0] / "socket", stat.S_IFSOCK | 0o600)
    (source[0] / "large").write_bytes(b"x" * 101)
    for path, words in (
        ("nothing", "No such file"),
        ("build", "not a regular file"),
        ("pipe", "not a regular file"),
        ("socket", "not a regular file"),
        ("large", "larger than 100 bytes"),
        ("b.txt/x", "Not a directory"),
    ):
        with pytest.raises(ArtifactError, match=words):
            collect_artifacts(source[1], [path], tmp_path / "held", 100)


@pytest.mark.parametrize(
    ("place", "mode"),
    [("build/a.txt", 0), ("build/a.txt", 0o222), ("build", 0), ("build", 0o300), ("build", 0o600)],
)
def test_what_its_owner_may_not_read_is_refused_for_root_as_for_everyone(
    source: tuple[Path, int], tmp_path: Path, place: str, mode: int
) -> None:
    (source[0] / place).chmod(mode)
    try:
        with pytest.raises(ArtifactError, match=r"^artifact build/a\.txt: Permission denied$"):
            collect_artifacts(source[1], ["build/a.txt"], tmp_path / "held", 100)
    finally:
        (source[0] / place).chmod(0o700)


def test_a_machine_without_free_descriptors_is_no_failure_of_the_stage(
    source: tuple[Path, int], tmp_path: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    (tmp_path / "held").mkdir()
    # One is free, for a copy of the descriptor that was given.
    free = os.dup(source[1])
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            collect_artifacts(source[1], ["build/a.txt"], tmp_path / "held", 100)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def paths_of(source: tuple[Path, int], into: Path, *artifacts: str) -> list[str]:
    return [file.path for file in collect_artifacts(source[1], artifacts, into, 100)]


def test_a_folder_takes_all_that_lies_in_it(source: tuple[Path, int], tmp_path: Path) -> None:
    (source[0] / "build" / "deep" / ".hidden").mkdir(parents=True)
    (source[0] / "build" / "deep" / ".hidden" / "c.txt").write_text("c")
    (source[0] / "buildings").mkdir()
    (source[0] / "buildings" / "d.txt").write_text("d")
    assert paths_of(source, tmp_path / "held", "build/") == [
        "build/a.txt",
        "build/deep/.hidden/c.txt",
    ]


def test_a_pattern_takes_each_file_once(source: tuple[Path, int], tmp_path: Path) -> None:
    (source[0] / "build" / "e.wasm").write_text("e")
    held = tmp_path / "held"
    assert paths_of(source, held, "*.txt") == ["b.txt"]
    assert paths_of(source, held, "build/?.txt", "build/a.txt", "**.wasm") == [
        "build/a.txt",
        "build/e.wasm",
    ]


@pytest.mark.parametrize("artifact", ["dist/", "*.wasm", "build/*/x", "b.txt/", "b.txt/*"])
def test_an_entry_that_takes_nothing_fails_the_stage(
    source: tuple[Path, int], tmp_path: Path, artifact: str
) -> None:
    with pytest.raises(ArtifactError, match=r"o such file|Not a directory"):
        paths_of(source, tmp_path / "held", artifact)


def test_a_link_that_a_pattern_takes_is_refused_and_one_beside_it_is_not_followed(
    source: tuple[Path, int], tmp_path: Path
) -> None:
    (source[0] / "build" / "out").symlink_to(tmp_path)
    assert paths_of(source, tmp_path / "held", "build/*.txt") == ["build/a.txt"]
    with pytest.raises(ArtifactError, match="artifact build/out: out is a symbolic link"):
        paths_of(source, tmp_path / "held", "build/")


@pytest.mark.parametrize(
    "name", ["ä.txt", "a\nb.txt", "a\x1b[2J.txt", "a\\b.txt", os.fsdecode(b"\xff")]
)
def test_a_name_that_no_artifact_may_have_is_told_in_visible_characters(
    source: tuple[Path, int], tmp_path: Path, name: str
) -> None:
    (source[0] / "build" / name).write_text("x")
    with pytest.raises(ArtifactError) as caught:
        paths_of(source, tmp_path / "held", "build/")
    assert str(caught.value).startswith("artifact build/: build/")
    assert str(caught.value).isprintable() and str(caught.value).isascii()


def test_more_files_than_a_manifest_holds_fail_the_stage(
    source: tuple[Path, int], tmp_path: Path
) -> None:
    for number in range(MAX_FILES):
        (source[0] / "build" / f"{number}.js").write_text("x")
    assert len(paths_of(source, tmp_path / "held", "build/*.js")) == MAX_FILES
    with pytest.raises(ArtifactError, match=f"artifact build/: more than {MAX_FILES} files"):
        paths_of(source, tmp_path / "held", "build/")


def test_the_number_of_files_is_that_of_the_canisters() -> None:
    assert MAX_FILES == MAX_MANIFEST_FILES


def test_what_a_pattern_looks_through_is_bounded(
    source: tuple[Path, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        (source[0] / "build" / f"{number}").mkdir()
    monkeypatch.setattr(manifest, "MAX_ENTRIES", 20)
    with pytest.raises(ArtifactError, match="more than 20 files and folders to look through"):
        paths_of(source, tmp_path / "held", "**.txt")
    deep = source[0] / "deep"
    for _ in range(130):
        deep = deep / "x"
    deep.mkdir(parents=True)
    with pytest.raises(ArtifactError, match=r"a path below it is over 240|more than 20"):
        paths_of(source, tmp_path / "held", "deep/")
    monkeypatch.setattr(manifest, "MAX_ENTRIES", 1_000)
    with pytest.raises(ArtifactError, match="a path below it is over 240"):
        paths_of(source, tmp_path / "held", "deep/")
