"""A Git server over SSH on this machine, for tests of checkouts with a deploy key."""

from __future__ import annotations

import asyncio
import shlex
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh


@dataclass
class SshServer:
    """Lets one key read the repositories below `folder`, with `git upload-pack`.

    `commands` are those that were asked for, `users` the names that logins were tried with.
    """

    folder: Path
    deploy_key: str
    host_key: str
    port: int = 0
    commands: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)

    def address(self, name: str) -> str:
        return f"ssh://git@127.0.0.1:{self.port}/{name}"


def new_key(kind: str = "ssh-ed25519") -> tuple[str, str]:
    """A private key as OpenSSH keeps it, and its public half `TYPE BASE64`."""
    key = asyncssh.generate_private_key(kind)
    public = key.export_public_key().decode().split()
    return key.export_private_key().decode(), " ".join(public[:2])


@contextmanager
def serve_ssh(folder: Path, allowed: str) -> Iterator[SshServer]:
    """A server on a free port, until the end of the block, for who has the key of `allowed`."""
    private, public = new_key()
    made = SshServer(folder, allowed, public)
    started = threading.Event()
    ends: list[Callable[[], None]] = []
    connections: list[asyncssh.SSHServerConnection] = []

    class Login(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            connections.append(conn)

        def begin_auth(self, username: str) -> bool:
            made.users.append(username)
            return True

    async def perform(process: asyncssh.SSHServerProcess[bytes]) -> None:
        made.commands.append(process.command or "")
        program, path = shlex.split(process.command or "")
        assert program == "git-upload-pack"
        child = await asyncio.create_subprocess_exec(
            *("git", "upload-pack", str(made.folder / path.lstrip("/"))),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert child.stdin is not None and child.stdout is not None
        answer = asyncio.create_task(_pass_on(child.stdout.read, process.stdout))
        await _pass_on(process.stdin.read, child.stdin)
        child.stdin.close()
        await answer
        process.exit(await child.wait())

    async def serve() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(ended.set) and None)
        server = await asyncssh.create_server(
            Login,
            "127.0.0.1",
            0,
            server_host_keys=[asyncssh.import_private_key(private)],
            authorized_client_keys=asyncssh.import_authorized_keys(made.deploy_key),
            process_factory=perform,
            encoding=None,
        )
        made.port = server.get_port()
        started.set()
        await ended.wait()
        server.close()
        for connection in connections:
            connection.abort()
            await connection.wait_closed()
        await server.wait_closed()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert started.wait(30)
        yield made
    finally:
        ends[0]()
        thread.join()


async def _pass_on(read: Callable[[int], Awaitable[bytes]], writer: Any) -> None:
    while chunk := await read(65_536):
        writer.write(chunk)
        await writer.drain()
