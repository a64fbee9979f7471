"""Clones over SSH with a deploy key, from a server that shows a known host key."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcanary.executor.checkout import Checkout, CheckoutLimits, Credential, check_out
from dcanary.executor.source import SourceUnable, SourceUnavailable
from tests.executor.repositories import commit, git, make_repository
from tests.executor.servers import pointer
from tests.executor.ssh_server import SshServer, new_key, serve_ssh

CLONE_URL = "https://git.example/team/private.git"
PRIVATE, PUBLIC = new_key()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    (tmp_path / "served").mkdir()
    with serve_ssh(tmp_path / "served", PUBLIC) as made:
        yield made


def fetch(
    server: SshServer, sha: str, folder: Path, key: str = PRIVATE, host_key: str = ""
) -> Checkout:
    address = server.address("private/.git")
    # As `secret set` keeps it: without the line ends at its end.
    credential = Credential(
        *(CLONE_URL, "DEPLOY_KEY", "git", key.rstrip()), address, (host_key or server.host_key,)
    )
    return check_out(
        *(CLONE_URL, "refs/heads/main", sha, folder / "clone", CheckoutLimits()),
        credential=credential,
    )


def test_a_private_repository_is_cloned_with_its_deploy_key(
    server: SshServer, tmp_path: Path
) -> None:
    sha = make_repository(server.folder / "private", {"secret.txt": "for few"})
    found = fetch(server, sha, tmp_path)
    assert {entry.path: entry.read() for entry in found.entries} == {"secret.txt": b"for few"}
    assert set(server.users) == {"git"}
    assert set(server.commands) == {"git-upload-pack '/private/.git'"}


@pytest.mark.parametrize("kind", ["ecdsa-sha2-nistp256", "ssh-rsa"])
def test_keys_of_other_kinds_do_too(kind: str, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    private, public = new_key(kind)
    with serve_ssh(tmp_path / "served", public) as server:
        sha = make_repository(server.folder / "private", {"a": "1"})
        assert fetch(server, sha, tmp_path, private).entries[0].read() == b"1"


def test_an_older_commit_is_found_in_the_history_over_ssh(
    server: SshServer, tmp_path: Path
) -> None:
    sha = make_repository(server.folder / "private", {"secret.txt": "for few"})
    commit(server.folder / "private")
    assert [entry.path for entry in fetch(server, sha, tmp_path).entries] == ["secret.txt"]


def test_a_server_with_another_host_key_gets_nothing(server: SshServer, tmp_path: Path) -> None:
    sha = make_repository(server.folder / "private", {"secret.txt": "for few"})
    with pytest.raises(SourceUnavailable, match="shows none of the credential's host keys"):
        fetch(server, sha, tmp_path, host_key=new_key()[1])
    assert server.users == [] and server.commands == []


def test_a_key_that_the_server_does_not_know_is_refused_and_waited_for(
    server: SshServer, tmp_path: Path
) -> None:
    sha = make_repository(server.folder / "private", {"secret.txt": "for few"})
    stranger = new_key()[0]
    with pytest.raises(SourceUnavailable) as caught:
        fetch(server, sha, tmp_path, stranger)
    assert "does not let the deploy key DEPLOY_KEY read the repository" in str(caught.value)
    assert "PRIVATE KEY" not in str(caught.value)
    assert server.commands == []


def test_what_ssh_cannot_use_is_named(server: SshServer, tmp_path: Path) -> None:
    sha = make_repository(server.folder / "private", {"secret.txt": "for few"})
    locked = tmp_path / "locked"
    made = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "words of a person", "-f", str(locked))
    subprocess.run(made, check=True)
    for key in (locked.read_text(), "no key at all"):
        with pytest.raises(SourceUnavailable, match="DEPLOY_KEY is no private key that ssh can"):
            fetch(server, sha, tmp_path, key)


def test_a_server_that_is_away_is_weather(server: SshServer, tmp_path: Path) -> None:
    server.port = 1
    with pytest.raises(SourceUnavailable, match="ls-remote failed"):
        fetch(server, "a" * 40, tmp_path)


def test_the_users_own_keys_and_settings_are_not_used(
    server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An agent that holds the right key, and settings that would lead elsewhere.
    sha = make_repository(server.folder / "private", {"secret.txt": "for few"})
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True)
    variables = dict(
        part.strip().split("=", 1) for part in started.stdout.split(";") if "=" in part
    )
    try:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        subprocess.run(
            ["ssh-add", "-q", "-"], input=PRIVATE, text=True, check=True, env={**os.environ}
        )
        monkeypatch.setenv("GIT_SSH_COMMAND", "false")
        with pytest.raises(SourceUnavailable, match="does not let the deploy key"):
            fetch(server, sha, tmp_path, new_key()[0])
    finally:
        subprocess.run(["kill", variables["SSH_AGENT_PID"]], check=True)


def test_neither_a_command_line_nor_a_file_has_the_key(
    server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = make_repository(server.folder / "private", {"secret.txt": "for few"})
    started: list[list[str]] = []
    written: list[bytes] = []
    real = subprocess.Popen

    def popen(command: list[str], **more: object) -> object:
        started.append(command)
        for path in (tmp_path / "clone").rglob("*"):
            if path.is_file():
                written.append(path.read_bytes())
        return real(command, **more)  # type: ignore[call-overload] # the same arguments

    monkeypatch.setattr("dcanary.executor.checkout.git.subprocess.Popen", popen)
    fetch(server, sha, tmp_path)
    line = PRIVATE.splitlines()[1]
    assert any("ls-remote" in command for command in started)
    assert line not in " ".join(word for command in started for word in command)
    assert not any(line.encode() in content for content in written)


def test_a_submodule_does_not_get_the_key(server: SshServer, tmp_path: Path) -> None:
    inner = make_repository(server.folder / "inner", {"a": "1"})
    make_repository(server.folder / "private", {"b": "2"})
    folder = server.folder / "private"
    (folder / ".gitmodules").write_text(
        f'[submodule "inner"]\n\tpath = inner\n\turl = {server.address("inner/.git")}\n'
    )
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{inner},inner")
    git(folder, "add", ".gitmodules")
    git(folder, "commit", "--quiet", "--message=submodule")
    with pytest.raises(Exception, match="the submodule 'inner' has a URL of kind ssh"):
        fetch(server, git(folder, "rev-parse", "HEAD"), tmp_path)
    assert set(server.commands) == {"git-upload-pack '/private/.git'"}


def test_git_lfs_files_are_not_asked_for_with_a_deploy_key(
    server: SshServer, tmp_path: Path
) -> None:
    files = {".gitattributes": "*.bin filter=lfs\n", "large.bin": pointer("ab" * 32, 5)}
    sha = make_repository(server.folder / "private", files)
    with pytest.raises(SourceUnable, match="not supported with a deploy key: use a token"):
        fetch(server, sha, tmp_path)
