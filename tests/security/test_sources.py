"""Repositories and requests made to reach the executor's machine."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from dcanary.executor.checkout import CheckoutLimits, check_out
from dcanary.executor.source import Entry, SourceError, write_source
from tests.executor.contents import Held
from tests.executor.repositories import commit, git, make_repository

LIMITS = CheckoutLimits(schemes=("file",))
SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c 'touch {mark}'",
        "ext::touch%20{mark}",
        "file::ext::touch {mark}",
        "fd::17",
        "-oProxyCommand=touch {mark}",
        "--upload-pack=touch {mark}",
        "ssh://-oProxyCommand=touch%20{mark}/x",
        "/etc",
        "../x",
        "FTP://example.org/x",
        "file:///x\n--upload-pack=touch {mark}",
        "",
    ],
)
def test_no_clone_url_runs_or_reaches_anything_else(tmp_path: Path, url: str) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(SourceError):
        check_out(url.format(mark=mark), "refs/heads/main", SHA, tmp_path / "work", LIMITS)
    assert not mark.exists()
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    "sha",
    ["--upload-pack=x", "-h", "HEAD", SHA + "\n", SHA.upper(), "0x" + SHA[2:], SHA + "^{tree}"],
)
def test_no_commit_id_is_taken_for_an_option_or_a_name(tmp_path: Path, sha: str) -> None:
    make_repository(tmp_path / "repository", {"a": "a"})
    url = (tmp_path / "repository").as_uri()
    with pytest.raises(SourceError):
        check_out(url, "refs/heads/main", sha, tmp_path / "work", LIMITS)


@pytest.mark.parametrize(
    "ref",
    [
        "--upload-pack=touch {mark}",
        "refs/heads/main --upload-pack=x",
        "+refs/*:refs/*",
        "refs/heads/x:refs/heads/y",
        "refs/heads/\n",
        "-",
    ],
)
def test_no_ref_is_taken_for_an_option_or_a_mapping(tmp_path: Path, ref: str) -> None:
    mark = tmp_path / "mark"
    make_repository(tmp_path / "repository", {"a": "a"})
    url = (tmp_path / "repository").as_uri()
    with pytest.raises(SourceError):
        check_out(url, ref.format(mark=mark), SHA, tmp_path / "work", LIMITS)
    assert not mark.exists()


NAMES = [
    "-rf",
    "--to-command=sh",
    "a\nb",
    "a\\b",
    " ",
    "*",
    "\udcff\udcfe",
    "x" * 200,
    "d/" * 60 + "deep",
    "CON",
    "a:b",
    ".gitmodules.txt",
]


def test_files_of_any_name_arrive_under_their_own_name(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    make_repository(folder, {"plain": "p"})
    for number, name in enumerate(NAMES):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(number))
    found = check_out(folder.as_uri(), "refs/heads/main", commit(folder), tmp_path / "w", LIMITS)
    assert {entry.path for entry in found.entries} == {"plain", *NAMES}
    write_source(found.entries, found.commit.time, tmp_path / "source.tar")
    into = tmp_path / "into"
    into.mkdir()
    # As the launcher does in the sandbox.
    with (tmp_path / "source.tar").open("rb") as archive:
        subprocess.run(
            ["tar", "-x", "-f", "-", "-C", str(into), "--no-same-owner"], stdin=archive, check=True
        )
    for number, name in enumerate(NAMES):
        assert (into / name).read_text() == str(number)


@pytest.mark.parametrize("target", ["/etc", "..", "/", "sub"])
def test_nothing_is_written_through_a_link_of_the_repository(tmp_path: Path, target: str) -> None:
    """An artifact of an earlier stage lands at a path that the repository chose."""
    folder = tmp_path / "repository"
    make_repository(folder, {"sub/x": "x"})
    (folder / "out").symlink_to(target)
    found = check_out(folder.as_uri(), "refs/heads/main", commit(folder), tmp_path / "w", LIMITS)
    artifact = Entry("out/passwd", "100644", Held(b"root::0:0"))
    with pytest.raises(SourceError, match="lies behind"):
        write_source((*found.entries, artifact), 0, tmp_path / "source.tar")
    replaced = Entry("out", "100644", Held(b"a file"))
    write_source((*found.entries, replaced), 0, tmp_path / "source.tar")
    with tarfile.open(tmp_path / "source.tar") as archive:
        assert archive.getmember("out").isreg()


@pytest.mark.parametrize(
    "path", ["../x", "/x", "a/../../x", ".git/hooks/x", "a/.GIT/x", "a\0b", ""]
)
def test_an_artifact_path_out_of_the_tree_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(SourceError):
        write_source([Entry(path, "100644", Held(b""))], 0, tmp_path / "source.tar")


@pytest.mark.parametrize("when", ["0 +0000", "4102444800 +0000", "99999999999 +0000"])
def test_a_commit_of_any_time_can_be_unpacked(tmp_path: Path, when: str) -> None:
    folder = tmp_path / "repository"
    sha = make_repository(folder, {"a": "a"})
    raw = git(folder, "cat-file", "commit", sha)
    head, _, message = raw.partition("\n\n")
    lines = [
        f"{line.rsplit('> ', 1)[0]}> {when}" if line.startswith(("author", "committer")) else line
        for line in head.splitlines()
    ]
    body = ("\n".join(lines) + "\n\n" + message + "\n").encode()
    made = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
        cwd=folder,
        input=body,
        capture_output=True,
        check=True,
    )
    odd = made.stdout.decode().strip()
    git(folder, "update-ref", "refs/heads/main", odd)
    found = check_out(folder.as_uri(), "refs/heads/main", odd, tmp_path / "w", LIMITS)
    write_source(found.entries, found.commit.time, tmp_path / "source.tar")
    with tarfile.open(fileobj=io.BytesIO((tmp_path / "source.tar").read_bytes())) as archive:
        assert archive.getmember("a").mtime == int(when.split()[0])
