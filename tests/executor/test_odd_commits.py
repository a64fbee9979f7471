"""Commits that are odd, hostile or not where the run says: built, or one clear reason for all."""

import subprocess
import time
from pathlib import Path

import psutil
import pytest

from dcanary.executor.checkout import Checkout, CheckoutLimits, check_out
from dcanary.executor.checkout.commit import read_commit
from dcanary.executor.source import SourceFailure
from tests.executor.repositories import commit, git, make_repository

LIMITS = CheckoutLimits(schemes=("file",))


def run(folder: Path, sha: str, ref: str = "refs/heads/main") -> Checkout:
    return check_out(folder.as_uri(), ref, sha, folder.parent / "work", LIMITS)


def write_object(folder: Path, kind: str, content: bytes) -> str:
    """Store an object as it is, without git's checks."""
    made = subprocess.run(
        ["git", "hash-object", "-t", kind, "-w", "--stdin", "--literally"],
        cwd=folder,
        input=content,
        capture_output=True,
        check=True,
    )
    return made.stdout.decode().strip()


def commit_of(folder: Path, tree: str, *lines: str, message: str = "odd") -> str:
    """A raw commit of a tree, on main."""
    given = lines or ("author A <a@x> 1700000000 +0000", "committer A <a@x> 1700000000 +0000")
    raw = "\n".join([f"tree {tree}", *given, "", message, ""]).encode()
    sha = write_object(folder, "commit", raw)
    git(folder, "update-ref", "refs/heads/main", sha)
    return sha


def test_a_zero_padded_mode_in_the_tree_is_built(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    make_repository(folder, {"src/a": "A"})
    inner = git(folder, "rev-parse", "HEAD:src")
    tree = write_object(folder, "tree", b"040000 src\0" + bytes.fromhex(inner))
    found = run(folder, commit_of(folder, tree))
    assert [(entry.path, entry.read()) for entry in found.entries] == [("src/a", b"A")]


@pytest.mark.parametrize(
    ("author", "committer", "expected"),
    [
        ("A <a@x> 1700000000 +051800", "A <a@x> 1700000000 +051800", 1700000000),
        ("A <a@x> 1700000000 -9999", "A <a@x> 1700000001 +9999", 1700000001),
        ("<a@x> 1700000000 +0000", "A 1700000002 +0000", 0),
        ("A <a@x> 01700000000 +0000", "A <a@x> 01700000003 +0000", 1700000003),
        ("A <a@x>1700000000 +0000", "A <a@x>1700000004 +0000", 1700000004),
        ("A <a@x> 99999999999999999999 +0000", "A <a@x> 1700000005 +0000", 1700000005),
    ],
)
def test_odd_people_and_times_in_a_commit_are_built(
    tmp_path: Path, author: str, committer: str, expected: int
) -> None:
    folder = tmp_path / "repository"
    make_repository(folder, {"a": "A"})
    tree = git(folder, "rev-parse", "HEAD^{tree}")
    sha = commit_of(folder, tree, f"author {author}", f"committer {committer}")
    found = run(folder, sha)
    assert found.commit.time == expected
    assert found.commit.message == "odd"


@pytest.mark.parametrize("name", [b".git", b"..", b"a/b", b""])
def test_a_name_that_reaches_out_of_the_tree_is_one_reason_for_everyone(
    tmp_path: Path, name: bytes
) -> None:
    folder = tmp_path / "repository"
    make_repository(folder, {"a": "A"})
    blob = git(folder, "rev-parse", "HEAD:a")
    tree = write_object(folder, "tree", b"100644 " + name + b"\0" + bytes.fromhex(blob))
    sha = commit_of(folder, tree)
    reasons = set()
    for number in range(2):
        with pytest.raises(SourceFailure) as caught:
            check_out(folder.as_uri(), "refs/heads/main", sha, tmp_path / f"work-{number}", LIMITS)
        reasons.add(str(caught.value))
    assert len(reasons) == 1
    assert str(tmp_path) not in reasons.pop()


def test_a_bomb_of_ten_million_paths_is_refused_at_once_and_takes_no_memory(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    make_repository(folder, {"a": "A"})
    below, mode = git(folder, "rev-parse", "HEAD:a"), b"100644"
    for _ in range(7):
        lines = [mode + b" %d\0" % number + bytes.fromhex(below) for number in range(10)]
        below, mode = write_object(folder, "tree", b"".join(lines)), b"40000"
    sha = commit_of(folder, below)
    before, started = psutil.Process().memory_info().rss, time.monotonic()
    with pytest.raises(SourceFailure, match=r"^the tree has more than 50000 files$"):
        run(folder, sha)
    assert time.monotonic() - started < 20
    assert psutil.Process().memory_info().rss - before < 100 << 20


def test_a_deep_tree_is_refused_for_its_paths(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    make_repository(folder, {"a": "A"})
    below, mode = git(folder, "rev-parse", "HEAD:a"), b"100644"
    for _ in range(2_000):
        below = write_object(folder, "tree", mode + b" d\0" + bytes.fromhex(below))
        mode = b"40000"
    with pytest.raises(SourceFailure, match=r"more than 1024 bytes|git refuses an object"):
        run(folder, commit_of(folder, below))


def test_a_large_file_out_of_few_bytes_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    make_repository(folder, {})
    with (folder / "zeros").open("wb") as file:
        file.truncate(80 << 20)
    sha = commit(folder)
    limits = CheckoutLimits(max_bytes=16 << 20, schemes=("file",))
    with pytest.raises(SourceFailure, match=r"than 16777216 bytes$"):
        check_out(folder.as_uri(), "refs/heads/main", sha, tmp_path / "work", limits)


def test_a_link_as_large_as_a_file_is_refused_and_takes_no_memory(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    make_repository(folder, {"a": "A"})
    target = write_object(folder, "blob", bytes(96 << 20))
    tree = write_object(folder, "tree", b"120000 link\0" + bytes.fromhex(target))
    sha = commit_of(folder, tree)
    before = psutil.Process().memory_info().rss
    with pytest.raises(
        SourceFailure, match=r"^the link 'link' has a target of 100663296 bytes: 1 to 4095$"
    ):
        run(folder, sha)
    assert psutil.Process().memory_info().rss - before < 64 << 20


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        (300, r"^a name of more than 255 bytes is in 'xxx"),
        (1_200, r"^the tree has a path of more than 1024 bytes$"),
        (32 << 20, r"^the tree has a path of more than 1024 bytes$"),
    ],
)
def test_a_name_as_large_as_a_file_is_refused_at_once(
    tmp_path: Path, size: int, reason: str
) -> None:
    folder = tmp_path / "repository"
    make_repository(folder, {"a": "A"})
    blob = git(folder, "rev-parse", "HEAD:a")
    name = b"x" * size
    tree = write_object(folder, "tree", b"100644 " + name + b"\0" + bytes.fromhex(blob))
    sha = commit_of(folder, tree)
    started = time.monotonic()
    with pytest.raises(SourceFailure, match=reason):
        run(folder, sha)
    assert time.monotonic() - started < 20


def test_a_commit_of_another_branch_is_refused_with_one_reason(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    make_repository(folder, {"a": "A"})
    git(folder, "checkout", "--quiet", "-b", "other")
    (folder / "a").write_text("other")
    sha = commit(folder)
    with pytest.raises(SourceFailure, match=f"^commit {sha} is not on refs/heads/main$"):
        run(folder, sha)
    assert run(folder, sha, "refs/heads/other").entries[0].read() == b"other"


@pytest.mark.parametrize("filters", [True, False])
def test_a_commit_far_behind_the_tip_is_found_on_its_ref(tmp_path: Path, filters: bool) -> None:
    folder = tmp_path / "repository"
    sha = make_repository(folder, {"a": "A"})
    git(folder, "config", "uploadpack.allowFilter", "true" if filters else "false")
    for _ in range(60):
        commit(folder)
    assert run(folder, sha).entries[0].read() == b"A"


@pytest.mark.parametrize("annotated", [True, False])
def test_a_tag_is_a_ref_and_a_missing_one_is_a_reason(tmp_path: Path, annotated: bool) -> None:
    folder = tmp_path / "repository"
    sha = make_repository(folder, {"a": "A"})
    git(folder, "tag", *(["-a", "-m", "one"] if annotated else []), "v1")
    git(folder, "checkout", "--quiet", "-b", "other")
    later = commit(folder)
    assert run(folder, sha, "refs/tags/v1").entries[0].read() == b"A"
    with pytest.raises(SourceFailure, match=r"^refs/tags/v2 is not in the repository$"):
        run(folder, sha, "refs/tags/v2")
    with pytest.raises(SourceFailure, match=f"^commit {later} is not on refs/tags/v1$"):
        run(folder, later, "refs/tags/v1")


@pytest.mark.parametrize("name", ["ü", "feature/x", "a+b", "x@y", "#1", "x" * 200])
def test_branches_of_every_legal_name_are_found(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "repository"
    sha = make_repository(folder, {"a": "A"})
    git(folder, "branch", name)
    assert run(folder, sha, f"refs/heads/{name}").entries[0].read() == b"A"


@pytest.mark.parametrize(
    ("raw", "author", "message", "time"),
    [
        (b"author \xc3\xa4 <x> 1 +0\ncommitter B <y> 2 +0\n\nhi\n", "ä", "hi", 2),
        (b"author \xe4 <x> 1 +0\nencoding ISO-8859-1\n\n\xfc\n", "ä", "ü", 0),
        (b"author \xe4 <x> 1 +0\nencoding base64\n\nm", "\ufffd", "m", 0),
        (b"author A <x> 1 +0\nauthor B <y> 1 +0\n\n\nm\n\n", "A", "m", 0),
        (b"", "", "", 0),
        (b"author", "", "", 0),
        (b"author A <x> 1 +0\n\n" + b"m" * 2000, "A", "m" * 1000, 0),
        (b"committer A <x> 99999999999999 +0\n\n", "", "", 253_402_300_799),
    ],
)
def test_what_a_commit_says_is_read_the_same_way_whatever_it_is(
    raw: bytes, author: str, message: str, time: int
) -> None:
    found = read_commit(raw)
    assert (found.author, found.message, found.time) == (author, message, time)


def test_a_tree_that_takes_git_for_ever_is_one_reason_for_everyone(tmp_path: Path) -> None:
    """Nothing but folders: there is no file that the other limits would count."""
    folder = tmp_path / "repository"
    make_repository(folder, {"a": "A"})
    tree = write_object(folder, "tree", b"")
    for _ in range(12):
        lines = [b"40000 %c\0" % name + bytes.fromhex(tree) for name in b"abcdefghijklmnop"]
        tree = write_object(folder, "tree", b"".join(lines))
    limits = CheckoutLimits(cpu_seconds=2, timeout_seconds=120, schemes=("file",))
    with pytest.raises(
        SourceFailure, match=r"^git needs more than 2 s of CPU time for the commit$"
    ):
        check_out(
            folder.as_uri(), "refs/heads/main", commit_of(folder, tree), tmp_path / "w", limits
        )
