"""An HTTP server on this machine that serves files, and misbehaves when told to."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Registry:
    """Serves `files` by path; `odd` are paths that a function answers instead.

    `seen` are the paths asked for, `ranges` the Range headers with them. `stop` ends odd answers.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    odd: dict[str, Callable[[Request], None]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    port: int = 0
    has_ranges: bool = True
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serve() -> Iterator[Registry]:
    """A server on a free port, until the end of the block."""
    made = Registry()

    class Handler(Request):
        registry = made

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        made.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield made
        finally:
            made.stop.set()
            server.shutdown()
            thread.join()


class Request(BaseHTTPRequestHandler):
    registry: Registry
    protocol_version = "HTTP/1.1"
    body = b""

    def log_message(self, *_: Any) -> None:
        """Keep the test's output quiet."""

    def handle(self) -> None:
        # A client that is done with an answer closes the connection.
        with contextlib.suppress(OSError):
            super().handle()

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self) -> None:
        registry = self.registry
        registry.seen.append(self.path)
        registry.ranges.append(self.headers.get("Range", ""))
        registry.logins.append(self.headers.get("Authorization", ""))
        odd = registry.odd.get(self.path)
        try:
            if odd is not None:
                odd(self)
            elif self.path in registry.files:
                self.send_file(registry.files[self.path])
            else:
                self.answer(404, b"no such file")
        except OSError:
            self.close_connection = True

    def send_file(self, content: bytes) -> None:
        asked = self.headers.get("Range", "")
        if asked and self.registry.has_ranges:
            first = int(asked.removeprefix("bytes=").rstrip("-"))
            if first >= len(content):
                self.answer(416, b"")
                return
            range_said = f"bytes {first}-{len(content) - 1}/{len(content)}"
            self.answer(206, content[first:], **{"Content-Range": range_said})
        else:
            self.answer(200, content)

    def answer(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def sends_on(place: str, status: int = 302) -> Callable[[Request], None]:
    """Redirects to a URL."""
    return lambda request: request.answer(status, b"", Location=place)


def fails(times: int, status: int, then: bytes) -> Callable[[Request], None]:
    """Answers with a status some times, then with a file."""
    left = [times]

    def answer(request: Request) -> None:
        left[0] -= 1
        if left[0] >= 0:
            request.answer(status, b"")
        else:
            request.answer(200, then)

    return answer


def truncated(content: bytes, size: int) -> Callable[[Request], None]:
    """Promises a file, sends some bytes of it and closes; Range requests get the rest."""

    def answer(request: Request) -> None:
        if request.headers.get("Range"):
            request.send_file(content)
            return
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content[:size])
        request.close_connection = True

    return answer


def endless(request: Request) -> None:
    """Sends bytes without an end and without saying how many."""
    request.send_response(200)
    request.send_header("Connection", "close")
    request.end_headers()
    while not request.registry.stop.is_set():
        request.wfile.write(bytes(65536))
    request.close_connection = True


def silent(request: Request) -> None:
    """Answers nothing until the server stops."""
    request.registry.stop.wait(60)
    request.close_connection = True


def trickles(request: Request) -> None:
    """Sends a byte now and then."""
    request.send_response(200)
    request.send_header("Content-Length", "1000000")
    request.end_headers()
    while not request.registry.stop.is_set():
        request.wfile.write(b"x")
        request.wfile.flush()
        time.sleep(0.02)
    request.close_connection = True
