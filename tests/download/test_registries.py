"""Mirrors are those that the tools of this machine are set to; locks name public places."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcanary.download.hosts import Hosts
from dcanary.download.registries import PUBLIC_HOSTS, Registries, registries_of_this_machine


def test_without_settings_the_public_registries_are_asked(tmp_path: Path) -> None:
    found = registries_of_this_machine({"PIP_CONFIG_FILE": "/dev/null"}, tmp_path)
    assert found == Registries()
    url = "https://registry.yarnpkg.com/a/-/a-1.0.0.tgz"
    assert found.place(url) == url


def test_variables_and_files_of_the_tools_name_mirrors(tmp_path: Path) -> None:
    (tmp_path / ".npmrc").write_text("audit=false\nregistry = 'http://m.internal/npm'\n")
    (tmp_path / ".config/pip").mkdir(parents=True)
    (tmp_path / ".config/pip/pip.conf").write_text("[global]\nindex-url = http://m.internal/py\n")
    found = registries_of_this_machine({}, tmp_path)
    assert (found.npm, found.pypi) == ("http://m.internal/npm/", "http://m.internal/py/")
    said = {
        "npm_config_registry": "http://other/npm/",
        "PIP_INDEX_URL": "http://other/py",
        "DCANARY_CRATES_URL": "http://other/crates",
        "MOPS_REGISTRY_HOST": "http://other/ic",
        "MOPS_REGISTRY_CANISTER_ID": "aaaaa-aa",
    }
    found = registries_of_this_machine(said, tmp_path)
    assert found == Registries(
        "http://other/npm/",
        "http://other/py/",
        "http://other/crates/",
        "http://other/ic/",
        "aaaaa-aa",
    )
    for public in ("https://registry.npmjs.org", "https://registry.yarnpkg.com"):
        assert found.place(f"{public}/@a/b/-/b-1.tgz") == "http://other/npm/@a/b/-/b-1.tgz"
    crate = "https://static.crates.io/crates/itoa/itoa-1.0.11.crate"
    assert found.place(crate) == "http://other/crates/itoa/itoa-1.0.11.crate"
    assert found.place("https://h.example/x") == "https://h.example/x"


@pytest.mark.parametrize("setting", ["file:///x", "", "no url"])
def test_settings_that_are_no_url_are_not_used(tmp_path: Path, setting: str) -> None:
    said = {"npm_config_registry": setting, "PIP_CONFIG_FILE": "/dev/null"}
    assert registries_of_this_machine(said, tmp_path).npm == Registries().npm


def test_only_the_operators_servers_may_be_http_or_have_private_addresses() -> None:
    hosts = Hosts([*PUBLIC_HOSTS, "h.example"], ["http://127.0.0.1:8000/npm/"])
    assert hosts.problem("http://127.0.0.1:8000/npm/x") == ""
    assert hosts.addresses("127.0.0.1", 8000) == ["127.0.0.1"]
    assert "http is not allowed" in hosts.problem("http://127.0.0.1:8001/x")
    assert "http is not allowed" in hosts.problem("http://h.example/x")
    assert hosts.problem("https://h.example/x") == ""
    assert hosts.problem("https://H.EXAMPLE:443/x") == ""
    assert "h.example:444 is not on the list" in hosts.problem("https://h.example:444/x")
    assert "user or password" in hosts.problem("https://me@h.example/x")
    assert "only https" in hosts.problem("ftp://h.example/x")
    assert hosts.problem("https://[x") != ""
    for port in ("99999", "x", "-1"):
        assert hosts.problem(f"https://h.example:{port}/x") == (
            "the URL has a port that is no number from 1 to 65535: correct it where it is written"
        )
    assert "the impossible port 0: " in hosts.problem("https://h.example:0/x")
    assert "a host that can be no name: " in hosts.problem("https://h..example/x")
