"""Checking a commit out: exactly that commit, without running or following anything of it."""

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from dcanary.executor.checkout import Checkout, CheckoutLimits, Commit, check_out, read_ref
from dcanary.executor.source import SourceError, SourceFailure, SourceUnable, SourceUnavailable
from shared.rules.limits import READ_NS, SECOND_NS
from tests.executor.repositories import COMMIT_TIME, commit, git, make_repository

LIMITS = CheckoutLimits(schemes=("https", "http", "file"))
FILES = {"a.txt": "A", "src/b.txt": "B"}


def run(folder: Path, sha: str, limits: CheckoutLimits = LIMITS, ref: str = "") -> Checkout:
    url = folder.as_uri() if folder.is_absolute() else str(folder)
    return check_out(url, ref or "refs/heads/main", sha, folder.parent / "work", limits)


def contents(found: Checkout) -> dict[str, bytes]:
    """Path -> content."""
    return {entry.path: entry.read() for entry in found.entries}


@pytest.mark.parametrize("sha256", [False, True])
def test_a_commit_is_read_with_its_time_and_nothing_is_left_behind(
    tmp_path: Path, sha256: bool
) -> None:
    sha = make_repository(tmp_path / "repository", FILES, sha256)
    found = run(tmp_path / "repository", sha)
    assert found.commit == Commit("A", "change", COMMIT_TIME)
    assert contents(found) == {"a.txt": b"A", "src/b.txt": b"B"}
    assert {entry.mode for entry in found.entries} == {"100644"}
    assert not (tmp_path / "work").exists()


def test_an_older_commit_is_read_although_the_branch_has_moved_on(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    sha = make_repository(folder, FILES)
    (folder / "a.txt").write_text("changed")
    newer = commit(folder)
    assert contents(run(folder, sha))["a.txt"] == b"A"
    assert contents(run(folder, newer))["a.txt"] == b"changed"


def test_modes_are_normalised_and_links_stay_links(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    make_repository(folder, {"run": "x", "plain": "y"})
    (folder / "run").chmod(0o777)
    (folder / "plain").chmod(0o600)
    (folder / "out").symlink_to("/etc/passwd")
    entries = {entry.path: entry for entry in run(folder, commit(folder)).entries}
    assert entries["run"].mode == "100755"
    assert entries["plain"].mode == "100644"
    assert (entries["out"].mode, entries["out"].read()) == ("120000", b"/etc/passwd")


def test_attributes_of_the_repository_change_nothing(tmp_path: Path) -> None:
    attributes = "*.txt export-subst eol=crlf filter=evil\nhidden export-ignore\n"
    files = {".gitattributes": attributes, "a.txt": "$Format:%H$\n", "hidden": "h"}
    sha = make_repository(tmp_path / "repository", files)
    entries = contents(run(tmp_path / "repository", sha))
    assert entries["a.txt"] == b"$Format:%H$\n"
    assert entries["hidden"] == b"h"


def test_the_users_settings_and_hooks_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = make_repository(tmp_path / "repository", FILES)
    mark = tmp_path / "mark"
    home = tmp_path / "home"
    (home / "hooks").mkdir(parents=True)
    hook = home / "hooks" / "reference-transaction"
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    (home / ".gitconfig").write_text(f"[core]\nhooksPath = {home}/hooks\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.hooksPath")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", f"{home}/hooks")
    run(tmp_path / "repository", sha)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file:///x", "'file' are not allowed here: https, http"),
        ("/x", "'path' are not allowed"),
        ("ext::sh -c true", "'ext' are not allowed"),
        ("ssh://host/x", "'ssh' are not allowed"),
        ("git@host:x", "'ssh' are not allowed"),
        ("http://[", "'path' are not allowed"),
        ("-oProxyCommand=true", "'path' are not allowed"),
        ("https://host/x\n", "not allowed"),
    ],
)
def test_other_transports_are_refused(tmp_path: Path, url: str, words: str) -> None:
    with pytest.raises(SourceUnable, match=words):
        check_out(url, "refs/heads/main", "0" * 40, tmp_path / "work", CheckoutLimits())


@pytest.mark.parametrize("sha", ["", "main", "HEAD", "0" * 39, "A" * 40, "--upload-pack=x"])
def test_what_is_no_full_commit_id_is_refused(tmp_path: Path, sha: str) -> None:
    with pytest.raises(SourceError, match="commit id"):
        run(tmp_path / "repository", sha)


def test_a_commit_that_is_not_there_is_refused_with_a_reason(tmp_path: Path) -> None:
    make_repository(tmp_path / "repository", FILES)
    sha = "0" * 39 + "1"
    with pytest.raises(SourceFailure, match=f"^commit {sha} is not on refs/heads/main$"):
        run(tmp_path / "repository", sha)


def test_a_tree_instead_of_a_commit_is_refused(tmp_path: Path) -> None:
    make_repository(tmp_path / "repository", FILES)
    tree = git(tmp_path / "repository", "rev-parse", "HEAD^{tree}")
    with pytest.raises(SourceError):
        run(tmp_path / "repository", tree)


def test_a_tree_that_is_too_large_is_refused(tmp_path: Path) -> None:
    sha = make_repository(tmp_path / "repository", {"large": "x" * 100_000})
    with pytest.raises(SourceError, match=r"^the tree has more than 50000 bytes$"):
        run(tmp_path / "repository", sha, CheckoutLimits(50_000, schemes=("file",)))


def test_a_server_that_does_not_answer_is_given_up_after_its_time(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        started = time.monotonic()
        with pytest.raises(SourceUnavailable, match=r"took longer than 0\.5 seconds"):
            check_out(
                url,
                "refs/heads/main",
                "0" * 40,
                tmp_path / "w",
                CheckoutLimits(timeout_seconds=0.5),
            )
        assert time.monotonic() - started < 5


def test_credentials_of_a_clone_url_are_not_told(tmp_path: Path) -> None:
    url = "http://user:hush@127.0.0.1:9/x"
    with pytest.raises(SourceError) as caught:
        check_out(url, "refs/heads/main", "0" * 40, tmp_path / "work", CheckoutLimits())
    assert "hush" not in str(caught.value)


def test_a_tree_with_a_path_into_git_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    make_repository(folder, FILES)
    blob = git(folder, "hash-object", "-w", "a.txt")
    made = subprocess.run(
        ["git", "mktree"],
        cwd=folder,
        input=f"100644 blob {blob}\t.GIT\n",
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull},
    )
    sha = git(folder, "commit-tree", "-m", "evil", made.stdout.strip())
    git(folder, "update-ref", "refs/heads/main", sha)
    with pytest.raises(SourceError):
        run(folder, sha)


def test_a_machine_without_git_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = make_repository(tmp_path / "repository", FILES)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceUnable, match=r"^git is not installed: run `apt-get install -y git`"):
        run(tmp_path / "repository", sha)


@pytest.mark.parametrize("sha256", [False, True])
def test_the_commit_of_a_branch_and_of_a_tag_is_read(tmp_path: Path, sha256: bool) -> None:
    folder = tmp_path / "repository"
    sha = make_repository(folder, FILES, sha256)
    git(folder, "tag", "light")
    git(folder, "tag", "-a", "-m", "annotated", "heavy")

    def read(ref: str) -> str | None:
        return read_ref(folder.as_uri(), ref, tmp_path / "work", LIMITS)

    for ref in ("refs/heads/main", "refs/tags/light", "refs/tags/heavy"):
        assert read(ref) == sha
    # Names that end alike are others.
    git(folder, "update-ref", "refs/heads/refs/heads/other", sha)
    assert read("refs/heads/other") is None
    assert read("refs/tags/main") is None
    assert not (tmp_path / "work").exists()


def test_a_server_that_does_not_say_which_commit_a_ref_names_is_waited_for_briefly(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/repository"
        limits = CheckoutLimits(ref_seconds=0.5)
        with pytest.raises(SourceUnavailable, match=r"^reading the ref took longer than 0.5 sec"):
            read_ref(url, "refs/heads/main", tmp_path / "work", limits)
    # The canister waits for twice as long, for an executor that is never heard of again.
    assert CheckoutLimits().ref_seconds * 2 * SECOND_NS == READ_NS


def test_refs_of_no_repository_and_of_an_empty_one_are_no_answer(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "empty")
    for name, words in (("empty", "lists no refs at all"), ("none", "git ls-remote failed")):
        with pytest.raises(SourceUnavailable, match=words):
            read_ref((tmp_path / name).as_uri(), "refs/heads/main", tmp_path / "work", LIMITS)
    for ref in ("main", "refs/heads/a..b", "refs/heads/*", "--upload-pack=x"):
        with pytest.raises(SourceFailure, match="no full name"):
            read_ref((tmp_path / "empty").as_uri(), ref, tmp_path / "work", LIMITS)
    with pytest.raises(SourceUnable):
        read_ref("ext::sh -c true", "refs/heads/main", tmp_path / "work", LIMITS)
