"""Clones with a credential: it goes to the repository's own URL and nowhere else."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcanary.executor.checkout import Checkout, CheckoutLimits, Credential, check_out
from dcanary.executor.source import SourceFailure, SourceUnable, SourceUnavailable
from tests.executor.repositories import commit, git, make_repository
from tests.executor.servers import GitServer, certificate, serve

TOKEN = "ghp_0123456789abcdef"
LOGIN = "Basic " + base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    (tmp_path / "served").mkdir()
    with serve(tmp_path / "served") as made:
        yield made


def private(server: GitServer, name: str = "private", files: dict[str, str] | None = None) -> str:
    """A repository that wants a login; returns the id of its commit."""
    sha = make_repository(server.folder / name, files or {"secret.txt": "for few"})
    server.logins[f"/{name}/"] = LOGIN
    return sha


def fetch(
    server: GitServer,
    sha: str,
    folder: Path,
    url: str = "",
    token: str | None = TOKEN,
    name: str = "private/.git",
) -> Checkout:
    where = url or server.url(name)
    who = None if token is None else Credential(where, "GIT_TOKEN", "x-access-token", token)
    return check_out(
        where, "refs/heads/main", sha, folder / "clone", CheckoutLimits(), credential=who
    )


def read(checkout: Checkout) -> dict[str, bytes]:
    return {entry.path: entry.read() for entry in checkout.entries}


def test_a_private_repository_is_cloned_with_its_credential(
    server: GitServer, tmp_path: Path
) -> None:
    sha = private(server)
    assert [entry.path for entry in fetch(server, sha, tmp_path).entries] == ["secret.txt"]
    assert {login for _, _, login in server.seen} == {LOGIN}


def test_a_private_repository_is_cloned_over_https(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "served").mkdir()
    secured = certificate(tmp_path / "server.pem")
    with serve(tmp_path / "served", secured) as server:
        sha = private(server)
        with pytest.raises(SourceUnavailable, match="certificate"):
            fetch(server, sha, tmp_path)
        assert server.seen == []
        monkeypatch.setenv("GIT_SSL_CAINFO", str(secured))
        found = fetch(server, sha, tmp_path)
    assert [entry.path for entry in found.entries] == ["secret.txt"]
    assert {login for _, _, login in server.seen} == {LOGIN}


def test_an_older_commit_is_found_in_the_history_with_it(server: GitServer, tmp_path: Path) -> None:
    sha = private(server)
    commit(server.folder / "private")
    assert [entry.path for entry in fetch(server, sha, tmp_path).entries] == ["secret.txt"]


@pytest.mark.parametrize("token", ["ghp_of-somebody-else", None])
def test_a_server_that_refuses_is_waited_for_and_named_without_the_token(
    token: str | None, server: GitServer, tmp_path: Path
) -> None:
    sha = private(server)
    with pytest.raises(SourceUnavailable) as caught:
        fetch(server, sha, tmp_path, token=token)
    said = str(caught.value)
    assert ("does not let the secret GIT_TOKEN" in said) is (token is not None)
    assert ("dcanary repository credential set" in said) is (token is None)
    assert "ghp_" not in said and "Basic" not in said


def test_no_command_line_has_the_token(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = private(server)
    started: list[list[str]] = []
    real = subprocess.Popen

    def popen(command: list[str], **more: object) -> object:
        started.append(command)
        return real(command, **more)  # type: ignore[call-overload] # the same arguments

    monkeypatch.setattr("dcanary.executor.checkout.git.subprocess.Popen", popen)
    fetch(server, sha, tmp_path)
    assert any("ls-remote" in command for command in started)
    words = " ".join(word for command in started for word in command)
    assert TOKEN not in words and LOGIN not in words


def test_a_redirect_gets_no_token(server: GitServer, tmp_path: Path) -> None:
    sha = private(server, "elsewhere")
    server.redirects["/private/.git"] = server.url("elsewhere/.git/info/refs?x=1")
    with pytest.raises(SourceUnavailable) as caught:
        fetch(server, sha, tmp_path)
    assert "302" in str(caught.value)
    assert not [path for _, path, _ in server.seen if path.startswith("/elsewhere")]


def test_a_submodule_of_the_same_server_does_not_get_the_token(
    server: GitServer, tmp_path: Path
) -> None:
    inner = private(server, "inner")
    private(server)
    folder = server.folder / "private"
    (folder / ".gitmodules").write_text(
        '[submodule "inner"]\n\tpath = inner\n\turl = ../../inner/.git\n'
    )
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{inner},inner")
    git(folder, "add", ".gitmodules")
    git(folder, "commit", "--quiet", "--message=submodule")
    with pytest.raises(SourceFailure, match="'inner' is not on its server, or not public"):
        fetch(server, git(folder, "rev-parse", "HEAD"), tmp_path)
    assert {login for _, path, login in server.seen if path.startswith("/inner")} == {""}


def test_git_lfs_files_of_the_repository_come_with_it(server: GitServer, tmp_path: Path) -> None:
    pointer = server.add(b"large and private")
    sha = private(server, files={".gitattributes": "*.bin filter=lfs\n", "large.bin": pointer})
    work = tmp_path / "clone"
    where = server.url("private/.git")
    found = check_out(
        where,
        "refs/heads/main",
        sha,
        work,
        CheckoutLimits(),
        credential=Credential(where, "GIT_TOKEN", "x-access-token", TOKEN),
    )
    assert {entry.path: entry.content.size for entry in found.entries}["large.bin"] == 17
    logins = {path: login for _, path, login in server.seen}
    assert logins["/private/.git/info/lfs/objects/batch"] == LOGIN
    # The server names where the bytes are, and how to ask there.
    assert [login for path, login in logins.items() if path.startswith("/lfs/")] == [""]


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("http://example.org/private.git", "over https only"),
        ("https://me:pw@example.org/private.git", "holds a login"),
    ],
)
def test_a_credential_is_not_sent_where_others_could_read_it(
    url: str, named: str, server: GitServer, tmp_path: Path
) -> None:
    with pytest.raises(SourceUnable, match=named):
        fetch(server, "1" * 40, tmp_path, url)


def test_a_repository_without_a_credential_is_asked_without(
    server: GitServer, tmp_path: Path
) -> None:
    sha = make_repository(server.folder / "open", {"a": "b"})
    fetch(server, sha, tmp_path, token=None, name="open/.git")
    assert {login for _, _, login in server.seen} == {""}
    assert "GIT_CONFIG_COUNT" not in os.environ
