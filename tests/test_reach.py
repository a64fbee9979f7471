"""No commit and no server that it names makes an executor talk to its own machine or network."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcanary.executor.checkout import CheckoutLimits, check_out
from dcanary.executor.checkout.gateway import Gateway
from dcanary.executor.checkout.git import GitHome
from dcanary.executor.source import SourceFailure
from dcanary.reach import NotPublicError, Reach, is_public, problem_of
from tests.executor.repositories import git, make_repository
from tests.executor.servers import GitServer, serve

ATTRIBUTES = {".gitattributes": "*.bin filter=lfs\n"}
SUBMODULE = (
    "the submodule 'lib' is on a host without a public address, which is not that of the clone URL"
)
LFS = (
    "the Git LFS server sends to a host without a public address, "
    "which is not that of the clone URL"
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    (tmp_path / "served").mkdir()
    with serve(tmp_path / "served") as made:
        yield made


@pytest.fixture
def internal(tmp_path: Path) -> Iterator[GitServer]:
    """A server of the executor's machine that nothing of a commit may reach."""
    (tmp_path / "internal").mkdir()
    with serve(tmp_path / "internal") as made:
        yield made


def reason(server: GitServer, sha: str) -> str:
    work = server.folder.parent / "work"
    with pytest.raises(SourceFailure) as caught:
        check_out(server.url("main"), "refs/heads/main", sha, work, CheckoutLimits())
    return str(caught.value)


def with_submodule(server: GitServer, url: str) -> str:
    folder = server.folder / "main"
    make_repository(folder, {".gitmodules": f'[submodule "lib"]\npath = lib\nurl = {url}\n'})
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},lib")
    git(folder, "commit", "--quiet", "--message=submodule")
    return git(folder, "rev-parse", "HEAD")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"])
def test_a_submodule_on_the_executors_machine_is_refused_and_not_asked(
    server: GitServer, internal: GitServer, host: str
) -> None:
    sha = with_submodule(server, f"http://{host}:{internal.port}/secret")
    assert reason(server, sha) == SUBMODULE
    assert internal.seen == []


def test_a_redirect_does_not_lead_git_to_the_executors_machine(
    server: GitServer, internal: GitServer
) -> None:
    server.redirects["/lib"] = internal.url("secret/info/refs?service=git-upload-pack")
    sha = with_submodule(server, "../lib")
    assert reason(server, sha) == SUBMODULE
    assert internal.seen == []
    assert "/lib/info/refs" in [path for _, path, _ in server.seen]


@pytest.mark.parametrize("redirected", [False, True])
def test_an_lfs_server_cannot_send_the_executor_to_its_own_machine(
    server: GitServer, internal: GitServer, redirected: bool
) -> None:
    sha = make_repository(server.folder / "main", {**ATTRIBUTES, "a.bin": server.add(b"x")})
    if redirected:
        server.redirects["/lfs/"] = internal.url("secret")
    else:
        server.href = internal.url("secret")
    assert reason(server, sha) == LFS
    assert internal.seen == []


def test_an_lfs_server_adds_no_header_but_a_login_for_the_host_that_it_names(
    server: GitServer, tmp_path: Path
) -> None:
    sha = make_repository(server.folder / "main", {**ATTRIBUTES, "a.bin": server.add(b"x")})
    server.header = {"Metadata-Flavor": "Google", "Authorization": "Bearer x", "Host": "other"}
    url = server.url("main")
    check_out(url, "refs/heads/main", sha, tmp_path / "work", CheckoutLimits())
    asked = server.headers[-1]
    assert server.seen[-1][1].startswith("/lfs/")
    assert asked["authorization"] == "Bearer x"
    assert "metadata-flavor" not in asked
    assert asked["host"] == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1",
        "::1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "ff02::1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "not an address",
    ],
)  # fmt: skip
def test_an_address_of_a_machine_or_of_its_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "140.82.121.4", "2606:50c0:8000::153"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


def test_the_server_of_the_clone_url_may_be_anywhere_and_only_at_its_port() -> None:
    reach = Reach("http://127.0.0.1:3000/counter")
    assert reach.addresses("127.0.0.1", 3000) == ["127.0.0.1"]
    with pytest.raises(NotPublicError):
        reach.addresses("127.0.0.1", 443)
    assert Reach("http://127.0.0.1/counter").addresses("127.0.0.1", 443) == ["127.0.0.1"]


def test_a_name_with_public_and_other_addresses_is_connected_to_at_the_public_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look_up(*_: Any, **__: Any) -> list[Any]:
        found = ("127.0.0.1", "1.1.1.1", "10.0.0.1")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 80)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert Reach("https://example.org/x").addresses("rebound.example", 80) == ["1.1.1.1"]


def test_a_proxy_of_the_machine_is_for_https_and_nothing_is_connected_to_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "127.0.0.1,git.example")
    for url, direct in (
        ("https://github.com/x", None),
        ("https://git.example/x", "git.example"),
        ("http://localhost:3000/x", "localhost"),
    ):
        home = GitHome(tmp_path, CheckoutLimits(), lambda: False, url)
        found, gateway = home.proxies(), home.gateway.url
        home.close()
        assert found["https_proxy"] == "http://proxy.example:3128"
        assert found["http_proxy"] == gateway
        assert found.get("no_proxy") == direct


def test_a_gateway_that_is_closed_ends_its_connections(internal: GitServer) -> None:
    gateway = Gateway(Reach(internal.url("x")))
    port = int(gateway.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"\x05\x01\x00")
        assert client.recv(2) == b"\x05\x00"
        gateway.close()
        client.settimeout(60)
        assert client.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example", "\udc80"])
def test_a_host_that_can_be_no_name_is_one_that_cannot_be_looked_up(host: str) -> None:
    reach = Reach("http://example.org/x")
    with pytest.raises(OSError, match="is no name and port of a host"):
        reach.addresses(host, 80)
    reach.check(f"http://{host}/x")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:3000/x",
        "https://[::1]:1/x",
        "https://b\u00fccher.example./x",
        "http://a_b",
    ],
)
def test_hosts_and_ports_that_can_be_are_no_problem(url: str) -> None:
    assert problem_of(url) is None
