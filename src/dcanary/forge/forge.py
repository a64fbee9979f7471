"""The forge: create repositories, point them at a webhook, serve them."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import uvicorn
from starlette.types import ASGIApp

from dcanary.forge import spool
from dcanary.forge.app import make_app
from dcanary.forge.errors import ForgeError
from dcanary.forge.kinds import DEFAULT
from dcanary.forge.layout import Layout, read_json, write_json
from dcanary.forge.log import Delivery, DeliveryLog
from dcanary.forge.names import check_repository_name
from dcanary.forge.pull_requests import PullRequest, PullRequests
from dcanary.forge.repositories import Repositories
from dcanary.forge.statuses import Status, Statuses, Token
from dcanary.forge.webhooks import Webhooks
from dcanary.lock_holder import is_held

START_SECONDS = 20.0
STOP_SECONDS = 60.0
DEFAULT_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Repository:
    """A repository of the forge. `path` is the bare repository on disk, `provider` the kind of
    forge whose deliveries it sends."""

    name: str
    clone_url: str
    default_branch: str
    path: Path
    provider: str = DEFAULT


class Forge:
    """A forge whose state is the folder `root`.

    Any number of objects, in any processes, may create repositories and read deliveries; one at a
    time serves them (`start`, `stop`, `serve_forever`). `port` 0 means the port of the last run,
    or any free one at first, so that clone URLs stay the same over restarts. `wrap` is put around
    the application, for tests that let it answer wrongly.
    """

    def __init__(
        self,
        root: Path,
        host: str = DEFAULT_HOST,
        port: int = 0,
        wrap: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    ) -> None:
        self._layout = Layout(root)
        self._host = host
        self._port = port
        self._wrap = wrap
        self._repositories = Repositories(self._layout)
        self._webhooks = Webhooks(self._layout)
        self._log = DeliveryLog(self._layout)
        self._lock: IO[str] | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    # Repositories and deliveries: work whether the forge runs or not.

    def create_repository(
        self, name: str, default_branch: str = "main", provider: str = DEFAULT
    ) -> Repository:
        """An empty repository. Raises ForgeError for a bad or taken name, a bad branch or provider,
        or when the forge never ran, so that there is no address to clone from."""
        self.clone_url(check_repository_name(name))
        self._repositories.create(name, default_branch, provider)
        return self.repository(name)

    def repository(self, name: str) -> Repository:
        """Raises ForgeError when there is no such repository."""
        path = self._repositories.require(name)
        branch = self._repositories.default_branch(name)
        provider = self._repositories.provider(name)
        return Repository(name, self.clone_url(name), branch, path, provider)

    def repositories(self) -> list[str]:
        """Names of all repositories, sorted."""
        return self._repositories.names()

    def clone_url(self, name: str) -> str:
        """Raises ForgeError when the forge never ran, so that it has no address yet."""
        url = self.url()
        if url is None:
            raise ForgeError(
                "the forge has no address yet: start it once with `dcanary forge start`"
            )
        return f"{url}/{name}.git"

    def set_webhook(self, name: str, url: str, secret: str | bytes) -> None:
        """Where pushes to `name` are posted from now on; open deliveries go there too.

        Raises ForgeError for an unknown repository, a URL that is not http(s) or an empty secret.
        """
        self._repositories.require(name)
        self._webhooks.set(name, url, secret.encode() if isinstance(secret, str) else secret)

    def deliveries(self, name: str) -> list[Delivery]:
        """All deliveries of a repository, oldest first."""
        self._repositories.require(name)
        return self._log.read(name)

    def redeliver(self, name: str, delivery: str) -> None:
        """Send a delivery again under the same id, signed with the webhook's present secret.

        Done by the running forge, or by the next one. Raises ForgeError when it is unknown.
        """
        if delivery not in [known.delivery for known in self.deliveries(name)]:
            raise ForgeError(f"there is no delivery {delivery[:80]} of repository {name}")
        spool.request_redelivery(self._layout, name, delivery)

    def open_pull_request(self, name: str, branch: str, **more: Any) -> PullRequest:
        """Open a pull request, or bring its new commits: see `PullRequests.open`. Raises ForgeError
        also when the forge never ran."""
        self.clone_url(name)
        return PullRequests(self._layout).open(name, self.url() or "", branch, **more)

    def statuses(self, name: str) -> list[Status]:
        """All statuses that were posted to commits of a repository, oldest first."""
        self._repositories.require(name)
        return Statuses(self._layout).read(name)

    def token_file(self) -> Path:
        """The file with the token that posts of statuses must have; made the first time."""
        return Token(self._layout).file()

    def url(self) -> str | None:
        """Address of the forge while it runs, else where it ran last; None when it never did."""
        running = self.running()
        if running is not None:
            return str(running["url"])
        settings = read_json(self._layout.settings)
        return None if settings is None else _url(settings["host"], settings["port"])

    def running(self) -> dict[str, Any] | None:
        """`{"url", "pid"}` of the forge that serves this folder now, None when none does."""
        described = read_json(self._layout.running)
        if described is None or not self._is_served():
            return None
        return dict(described)

    def _is_served(self) -> bool:
        return self._lock is not None or is_held(self._layout.lock)

    @property
    def lock_file(self) -> Path:
        """Locked by the process that serves the folder."""
        return self._layout.lock

    # Serving.

    def start(self) -> str:
        """Serve in a thread of this process; returns the URL once it answers.

        Raises ForgeError when another process serves this folder or the port is taken.
        """
        if self._thread is not None:
            raise ForgeError("this forge is started already")
        self._layout.create()
        self._take_lock()
        try:
            listener = self._listen()
            port = int(listener.getsockname()[1])
            url = _url(self._host, port)
            config = uvicorn.Config(
                self._wrap(make_app(self._layout, url)),
                log_level="warning",
                access_log=False,
                lifespan="on",
                timeout_graceful_shutdown=5,
            )
            self._server = uvicorn.Server(config)
            self._thread = threading.Thread(
                target=self._server.run,
                kwargs={"sockets": [listener]},
                name="dcanary-forge",
                # A server that does not stop must not keep the process from its end.
                daemon=True,
            )
            self._thread.start()
            self._await_start()
        except BaseException:
            self.stop()
            raise
        write_json(self._layout.settings, {"host": self._host, "port": port})
        write_json(self._layout.running, {"url": url, "pid": os.getpid()})
        return url

    def stop(self) -> None:
        """Stop serving; safe to repeat. Deliveries that are open go on at the next start.

        Raises ForgeError when the server does not end within STOP_SECONDS: the folder stays locked
        then, until a later `stop` succeeds or this process ends.
        """
        if self._thread is not None and self._server is not None:
            self._layout.running.unlink(missing_ok=True)
            self._server.should_exit = True
            self._thread.join(STOP_SECONDS)
            if self._thread.is_alive():
                raise ForgeError(
                    f"the forge did not stop within {STOP_SECONDS:.0f} s and still holds "
                    f"{self._layout.root}: end process {os.getpid()}"
                )
        self._thread = None
        self._server = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def serve_forever(self) -> None:
        """Serve in the foreground until SIGINT or SIGTERM. For the main thread."""
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        self.start()
        try:
            while not ended.wait(1.0):
                if self._thread is None or not self._thread.is_alive():
                    raise ForgeError("the forge's server ended unexpectedly: see its log")
        finally:
            self.stop()

    def __enter__(self) -> Forge:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _take_lock(self) -> None:
        lock = self._layout.lock.open("a")
        # Others take the lock for an instant to see whether the forge runs.
        for _ in range(10):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.05)
                continue
            self._lock = lock
            return
        lock.close()
        raise ForgeError(f"a forge is already serving {self._layout.root}: stop it first")

    def _listen(self) -> socket.socket:
        port = self._port
        if port == 0:
            settings = read_json(self._layout.settings)
            port = 0 if settings is None else int(settings["port"])
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, port))
            listener.listen(128)
        except OSError as error:
            listener.close()
            raise ForgeError(
                f"cannot listen on {self._host} port {port}: {error.strerror or error}: choose "
                "another port (clone URLs change with it)"
            ) from None
        return listener

    def _await_start(self) -> None:
        assert self._server is not None and self._thread is not None
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise ForgeError("the forge's server did not start: see its log")
            time.sleep(0.01)


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
