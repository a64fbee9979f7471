"""Artifacts are copied without ever following a link."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcanary.executor.manifest import ManifestFile, collect_artifacts
from dcanary.executor.sandbox import ArtifactError

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
    (source[0] / "large").write_bytes(b"x" * 101)
    for path, words in (
        ("nothing", "No such file"),
        ("build", "not a regular file"),
        ("pipe", "not a regular file"),
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
