"""The source tar is canonical."""

import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcanary.executor.source import Entry, SourceError, SourceFailure, write_source
from tests.examples import examples
from tests.executor.contents import Held

ENTRIES = [
    Entry("b/run", "100755", Held(b"#!/bin/sh\n")),
    Entry("a.txt", "100644", Held(b"A")),
    Entry("b/link", "120000", Held(b"../a.txt")),
]


def test_the_order_of_entries_does_not_matter_and_folders_are_there(tmp_path: Path) -> None:
    write_source(ENTRIES, 1_000, tmp_path / "one.tar")
    write_source(reversed(ENTRIES), 1_000, tmp_path / "two.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as archive:
        members = {member.name: member for member in archive}
    assert list(members) == [".", "b", "a.txt", "b/link", "b/run"]
    assert {(member.mtime, member.uid, member.uname) for member in members.values()} == {
        (1_000, 0, "")
    }
    assert (members["a.txt"].mode, members["b/run"].mode) == (0o644, 0o755)
    assert members["b/link"].linkname == "../a.txt"


def test_a_later_entry_replaces_an_earlier_one(tmp_path: Path) -> None:
    write_source([*ENTRIES, Entry("a.txt", "100644", Held(b"new"))], 0, tmp_path / "one.tar")
    with tarfile.open(tmp_path / "one.tar") as archive:
        content = archive.extractfile("a.txt")
        assert content is not None and content.read() == b"new"


@pytest.mark.parametrize(
    "path",
    ["/a", "../a", "a/../b", "", "a//b", ".git/hooks/x", "x/.GIT/config", "a\0b", "b/link/x"],
)
def test_a_path_that_is_not_plain_or_lies_behind_a_link_is_refused(
    tmp_path: Path, path: str
) -> None:
    with pytest.raises(SourceError):
        write_source([*ENTRIES, Entry(path, "100644", Held(b""))], 0, tmp_path / "one.tar")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (Entry("l", "120000", Held(b"")), "the link 'l' has a target of 0 bytes: 1 to 4095"),
        (Entry("l", "120000", Held(b"x" * 4096)), "the link 'l' has a target of 4096 bytes"),
        (Entry("l", "120000", Held(b"a\0b")), "the link 'l' has a NUL in its target"),
        (Entry("x" * 256, "100644", Held(b"")), "a name of more than 255 bytes is in 'xxx"),
        (Entry("d/" + "ü" * 128, "100644", Held(b"")), "a name of more than 255 bytes is in 'd/"),
    ],
)
def test_what_no_file_system_can_hold_is_the_reason(
    tmp_path: Path, entry: Entry, reason: str
) -> None:
    with pytest.raises(SourceFailure) as caught:
        write_source([*ENTRIES, entry], 0, tmp_path / "one.tar")
    assert str(caught.value).startswith(reason)


def test_the_longest_names_and_targets_are_written(tmp_path: Path) -> None:
    entries = [
        Entry("x" * 255, "100644", Held(b"")),
        Entry("l", "120000", Held(b"y" * 4095)),
    ]
    write_source(entries, 0, tmp_path / "one.tar")
    done = subprocess.run(
        ["tar", "-xf", tmp_path / "one.tar", "-C", tmp_path, "--no-same-owner"], check=False
    )
    assert done.returncode == 0
    assert (tmp_path / "l").readlink() == Path("y" * 4095)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(50))
@given(
    st.dictionaries(
        st.from_regex(r"[a-zéü\udc80-\udcff ]{1,120}", fullmatch=True),
        st.binary(max_size=20),
        max_size=5,
    )
)
def test_any_names_and_contents_survive(tmp_path: Path, files: dict[str, bytes]) -> None:
    entries = [Entry(name, "100644", Held(content)) for name, content in files.items()]
    write_source(entries, 0, tmp_path / "any.tar")
    with tarfile.open(tmp_path / "any.tar", errors="surrogateescape") as archive:
        found = {member.name: archive.extractfile(member) for member in archive}
        assert {name: file.read() for name, file in found.items() if file} == files
