"""Addresses of SSH servers and the keys of a known_hosts file."""

from __future__ import annotations

import pytest

from dcanary.cli.operations.host_keys import read_host_keys, ssh_address
from dcanary.client.errors import ConfigError

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPavo2FLnfHzgy+BtiUtzbwJxY7q0znGoY69F9GjAlD0"
OTHER = "ssh-rsa AAAAB3NzaC1yc2E="
PLAIN = ssh_address("git@git.example:team/demo.git")
ODD = ssh_address("ssh://git@git.example:2222/team/demo.git")


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("ssh://git@Git.example/team/demo.git", "ssh://git@git.example/team/demo.git"),
        ("ssh://git@git.example:22/team/demo.git", "ssh://git@git.example/team/demo.git"),
        ("ssh://git@git.example:2222/team/demo.git", "ssh://git@git.example:2222/team/demo.git"),
        ("git@github.com:team/demo.git", "ssh://git@github.com/team/demo.git"),
    ],
)
def test_an_address_is_read_in_both_forms(given: str, url: str) -> None:
    assert ssh_address(given).url == url


@pytest.mark.parametrize(
    "given", ["https://git.example/demo.git", "git.example:demo", "ssh://git.example/demo", ""]
)
def test_what_is_no_address_is_an_error_that_says_the_form(given: str) -> None:
    with pytest.raises(ConfigError, match="is no address for SSH") as caught:
        ssh_address(given)
    assert "ssh://USER@HOST[:PORT]/PATH" in str(caught.value)


def test_the_servers_keys_are_taken_once_and_others_are_left_out() -> None:
    lines = [
        "# git.example:22 SSH-2.0-OpenSSH_9.2",
        "",
        f"git.example,192.0.2.1 {KEY} a comment",
        f"GIT.example {KEY}",
        f"[git.example]:2222 {OTHER}",
        f"elsewhere.example {OTHER}",
    ]
    assert read_host_keys("\n".join(lines), PLAIN) == [KEY]
    assert read_host_keys("\n".join(lines), ODD) == [OTHER]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "no line is of git.example"),
        (f"elsewhere.example {KEY}", "no line is of git.example"),
        (f"[git.example]:2222 {KEY}", "no line is of git.example"),
        (KEY, "line 1: it is not HOST TYPE BASE64"),
        (f"@cert-authority git.example {KEY}", "line 1: @cert-authority is not supported"),
        (f"|1|abc=|def= {KEY}", "line 1: the host's name is hashed"),
    ],
)
def test_a_file_without_a_key_of_the_server_says_what_is_wrong(line: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("|", r"\|")):
        read_host_keys(line, PLAIN)
