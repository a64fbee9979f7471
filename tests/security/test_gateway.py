"""The gateway between hostile clients and hostile canisters."""

from __future__ import annotations

import socket

import httpx
import pytest

from tests.replica.gateway.test_gateway import NAME, Site, site  # noqa: F401 - a fixture
from tests.replica.helpers import http_canister


def ask(site: Site, host: str, path: str = "/") -> tuple[int, bytes]:  # noqa: F811
    """Status and body of a request whose lines are exactly these."""
    port = httpx.URL(site.url).port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        lines = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        connection.sendall(lines.encode("latin-1"))
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.parametrize(
    "header",
    [
        ("x-a", "b\r\nset-cookie: x"),
        ("x-a\r\nset-cookie", "x"),
        ("x-a", "b\nset-cookie: x"),
        ("transfer-encoding ", "chunked"),
        ("content-length\t", "3"),
        ("a b", "c"),
        ("a:b", "c"),
        ("", "c"),
        ("x", "\0"),
        ("x", "\x7f"),
    ],
)
def test_a_header_that_http_forbids_is_a_bad_gateway(
    site: Site,  # noqa: F811
    header: tuple[str, str],
) -> None:
    site.answer = http_canister.response(200, b"hello", [header])
    answer = site.get()
    assert answer.status_code == 502
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("header", ["Content-Length", "TRANSFER-ENCODING", "Connection", "Upgrade"])
def test_a_canister_does_not_frame_its_answer(site: Site, header: str) -> None:  # noqa: F811
    site.answer = http_canister.response(200, b"hello", [(header, "1")])
    answer = site.get()
    assert (answer.status_code, answer.content) == (200, b"hello")


@pytest.mark.parametrize("status", [0, 99, 100, 101, 199, 600, 999, 65_535])
def test_a_status_that_is_none_is_a_bad_gateway(site: Site, status: int) -> None:  # noqa: F811
    site.answer = http_canister.response(status, b"hello")
    assert site.get().status_code == 502


@pytest.mark.parametrize(
    "host",
    [
        "aaaaa-aa.localhost",
        "2vxsx-fae.localhost",
        f"{NAME}.localhost.example.org",
        f"evil.{NAME}.localhost",
        f"{NAME}.localhost@example.org",
        f"{NAME}.raw.raw.localhost",
        f"{NAME}\xff.localhost",
        "[::1]",
        "localhost",
        "x" * 5_000 + ".localhost",
        ".localhost",
        f"{NAME} .localhost",
    ],
)
def test_a_host_that_names_no_canister_of_this_network_reaches_none(
    site: Site,  # noqa: F811
    host: str,
) -> None:
    status, body = ask(site, host)
    assert status in (400, 404)
    assert b"Traceback" not in body
    assert site.seen == []


@pytest.mark.parametrize(
    "path", ["/../../etc/passwd", "/%2e%2e/%2fetc", "/a//b/./..", "/%00", "/a?x=%0d%0a"]
)
def test_a_path_reaches_the_canister_as_it_was_sent(site: Site, path: str) -> None:  # noqa: F811
    status, body = ask(site, f"{NAME}.localhost", path)
    assert (status, body) == (200, b"hello")
    assert site.seen[0]["url"] == path
