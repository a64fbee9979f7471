"""Loopback is reached directly, whatever proxies the environment names."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from dcanary import proxies
from dcanary.client.errors import ConfigError, NetworkError
from dcanary.client.http import client, is_loopback
from dcanary.client.transport import Connection, NetworkAddress, fetch_root_key

VARIABLES = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy")


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"reached")

    def log_message(self, *_: object) -> None:
        """Keep the tests quiet."""


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=["http://127.0.0.1:9", "socks5://127.0.0.1:9", "nonsense"])
def proxied(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in VARIABLES:
        monkeypatch.setenv(name, request.param)
    return str(request.param)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "rrkah-fqaaa.localhost"])
def test_a_proxy_is_not_asked_for_loopback(proxied: str, host: str, port: int) -> None:
    if host.endswith(".localhost"):
        assert is_loopback(f"http://{host}:{port}")
        return
    with client(f"http://{host}:{port}", 5.0) as made:
        assert made.get("/").content == b"reached"


@pytest.mark.parametrize(
    "url",
    [
        *("http://[::1]:1/", "http://127.8.8.8", "https://a.localhost"),
        *("http://localhost.:80", "http://[::ffff:127.0.0.1]:1/"),
    ],
)
def test_what_is_loopback_is_told_by_its_form(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        *("https://icp-api.io", "http://10.0.0.1", "http://localhost.example.org", "http://x"),
        *("http://[::ffff:10.0.0.1]", "http://localhost..", "http://notlocalhost"),
    ],
)
def test_other_machines_are_not_loopback(url: str) -> None:
    assert not is_loopback(url)


def test_a_proxy_that_cannot_be_used_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(ConfigError) as raised:
        Connection(NetworkAddress("https://icp-api.io", b"key"))
    assert "the proxy in ALL_PROXY" in raised.value.message
    assert "\n" not in raised.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_PROXY", "::::"),
        ("https_proxy", "http://fe80::1:3128"),
        ("all_proxy", "ftp://proxy.example.org"),
        ("NO_PROXY", "[::1"),
        ("no_proxy", "example.org, [::1"),
    ],
)
def test_the_variable_whose_proxy_cannot_be_used_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said that the network cannot be reached, and asked whether it runs."""
    for one in (*VARIABLES, "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(one, raising=False)
    # What is right is not blamed, and what nobody reads is not either.
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy.example.org:3128")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as raised:
        fetch_root_key("https://icp0.example.org")
    assert f" in {name} cannot be used" in raised.value.message
    assert f"unset {name}" in raised.value.hint


def test_lists_of_hosts_without_a_proxy_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for one in (*VARIABLES, "no_proxy"):
        monkeypatch.delenv(one, raising=False)
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1, ::1,10.0.0.0/8,.example.org,,*.test")
    client("https://icp0.example.org", 5.0).close()
    assert proxies.at_fault() is None


def test_the_root_key_is_asked_for_directly(proxied: str, port: int) -> None:
    with pytest.raises(NetworkError, match="does not answer like the Internet Computer"):
        fetch_root_key(f"http://127.0.0.1:{port}")


def test_other_addresses_go_through_the_proxy(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
    with client("http://dcanary.invalid", httpx.Timeout(5.0)) as made:
        assert made.get("/").content == b"reached"
