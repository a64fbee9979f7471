"""Connections that wait for nothing good are closed; others are served meanwhile."""

from __future__ import annotations

import contextlib
import logging
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dcanary.replica.network import guard
from dcanary.replica.network.files import read_info
from dcanary.replica.network.guard import Phase, most_connections, overdue
from dcanary.replica.network.quiet import MOST, PERIOD_SECONDS, Repetitions
from tests.replica.helpers.running import serving

HALF = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"


async def echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


APP = Starlette(routes=[Route("/", echo, methods=["GET", "POST"])])


def connected(url: str, sent: bytes = b"") -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    sock = socket.create_connection((host, int(port)), timeout=20)
    sock.sendall(sent)
    return sock


def is_closed(sock: socket.socket) -> bool:
    """Waits until the server closes the connection."""
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(guard, "STALL_SECONDS", 0.2)
    monkeypatch.setattr(guard, "SWEEP_SECONDS", 0.05)


@pytest.mark.parametrize(
    ("phase", "limit"),
    [
        (Phase.HEAD, guard.HEAD_SECONDS),
        (Phase.BODY, guard.STALL_SECONDS),
        (Phase.READER, guard.STALL_SECONDS),
    ],
)
def test_each_wait_for_a_client_has_a_limit(phase: Phase, limit: float) -> None:
    assert not overdue(phase, limit)
    assert overdue(phase, limit + 0.1)


@pytest.mark.parametrize("phase", [Phase.IDLE, Phase.ANSWER])
def test_a_connection_that_waits_for_the_application_is_never_overdue(phase: Phase) -> None:
    assert not overdue(phase, 1e6)


@pytest.mark.parametrize(("descriptors", "connections"), [(1024, 768), (1 << 20, 4096), (200, 64)])
def test_connections_leave_descriptors_for_the_rest(descriptors: int, connections: int) -> None:
    assert most_connections(descriptors) == connections


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        HALF,
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HT",
    ],
    ids=["nothing", "half the headers", "half the body", "half of the second request"],
)
def test_a_client_that_stops_in_the_middle_is_cut_off(sent: bytes) -> None:
    with serving(APP) as url, connected(url, sent) as sock:
        answered = b""
        with contextlib.suppress(ConnectionResetError):
            while part := sock.recv(4096):
                answered += part
        assert answered.count(b"200 OK") == sent.count(b"\r\n\r\nGET")


@pytest.mark.usefixtures("impatient")
def test_headers_in_drops_do_not_hold_a_connection() -> None:
    with serving(APP) as url, connected(url) as sock:
        begun = time.monotonic()
        with pytest.raises(OSError):
            for byte in HALF * 100:
                sock.sendall(bytes((byte,)))
                time.sleep(0.02)
        assert time.monotonic() - begun < 20


@pytest.mark.usefixtures("impatient")
def test_a_slow_body_that_goes_on_is_taken() -> None:
    def slowly() -> Iterator[bytes]:
        for _ in range(8):
            yield b"x"
            time.sleep(0.06)

    with serving(APP) as url:
        answer = httpx.post(url, content=slowly(), headers={"content-length": "8"}, trust_env=False)
    assert answer.text == "x" * 8


def test_beyond_the_limit_the_longest_waiting_connection_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guard, "most_connections", lambda _: 3)
    with serving(APP) as url, contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(connected(url, HALF)) for _ in range(3)]
        assert httpx.get(url, trust_env=False).status_code == 200
        assert is_closed(waiting[0])
        for sock in waiting[1:]:
            sock.sendall(b"\r\n")
            assert sock.recv(12) == b"HTTP/1.1 404"


def test_a_record_that_repeats_is_written_a_few_times_and_then_counted() -> None:
    now = [0.0]
    repetitions = Repetitions(lambda: now[0])

    def record(message: str) -> logging.LogRecord:
        return logging.LogRecord("x", logging.ERROR, "", 0, message, (), None)

    assert [repetitions.filter(record("a")) for _ in range(MOST + 20)].count(True) == MOST
    assert repetitions.filter(record("b"))
    now[0] += PERIOD_SECONDS
    last = record("a")
    assert repetitions.filter(last)
    assert last.getMessage() == "a (and 20 more before)"


@pytest.mark.replica
def test_1200_half_open_connections_neither_stop_http_nor_fill_the_log(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard == resource.RLIM_INFINITY or hard > 2000, "the test needs 1,200 connections itself"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    log = tmp_path / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "dcanary.replica.network", "--state-dir", str(tmp_path)],
            stderr=out,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024)),
        )
    try:
        deadline = time.monotonic() + 120
        while (info := read_info(tmp_path)) is None:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with contextlib.ExitStack() as stack:
            for _ in range(1200):
                stack.enter_context(connected(info.url, HALF))
            for _ in range(200):
                with connected(info.url, b"no HTTP\r\n\r\n"):
                    pass
            for _ in range(10):
                answer = httpx.get(info.url + "/api/v2/status", timeout=10, trust_env=False)
                assert answer.status_code == 200
            assert len(list(Path(f"/proc/{process.pid}/fd").iterdir())) < 1024
        assert httpx.get(info.url + "/health", timeout=10, trust_env=False).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert len(log.read_text().splitlines()) < 20, log.read_text()
    finally:
        process.kill()
        process.wait()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
