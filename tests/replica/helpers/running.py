"""Serving an application from a thread of the test."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from dcanary.replica.network.web import WebServer, bind


@contextlib.contextmanager
def serving(app: Any) -> Iterator[str]:
    """URL of a server for `app`."""
    listening = threading.Event()
    sock = bind("127.0.0.1", 0)
    server = WebServer(app, listening.set)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([sock])))
    thread.start()
    try:
        assert listening.wait(10)
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        sock.close()
