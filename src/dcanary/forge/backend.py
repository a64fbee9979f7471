"""Git's smart HTTP over the real `git http-backend`: CGI (RFC 3875) as an ASGI application.

Bodies are streamed in both directions, so that a repository of any size needs little memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import psutil
from starlette.types import Receive, Scope, Send

from dcanary.forge import bounds, git, hooks
from dcanary.forge.layout import Layout
from dcanary.forge.repositories import Repositories

CHUNK_BYTES = 65_536
MAX_CGI_HEADER_BYTES = 65_536
MAX_PUSH_BYTES = 1 << 30
END_SECONDS = 10
CPU_SECONDS = 3_600
"""For each process that a request starts: far more than unpacking MAX_PUSH_BYTES takes."""
SERVICES = ("git-upload-pack", "git-receive-pack")


@dataclass(frozen=True)
class Target:
    """What a request asks of git. `service` is one of SERVICES."""

    repository: str
    path: str
    service: str


class Refused(Exception):
    """An answer other than git's own."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


def target_of(method: str, path: str, query: str) -> Target:
    """Read a request line; raises Refused for all that is not smart HTTP.

    Source: gitprotocol-http(5).
    """
    parts = path.split("/")
    if len(parts) < 3 or parts[0] or not parts[1].endswith(".git"):
        raise Refused(404, "repositories are at /<name>.git")
    name, rest = parts[1].removesuffix(".git"), "/".join(parts[2:])
    if rest == "info/refs":
        if method != "GET":
            raise Refused(405, "info/refs is read with GET")
        for service in SERVICES:
            if query == f"service={service}":
                return Target(name, f"/{name}.git/{rest}", service)
        raise Refused(403, "this Git client is too old: only smart HTTP is served")
    if rest in SERVICES:
        if method != "POST":
            raise Refused(405, f"{rest} is called with POST")
        return Target(name, f"/{name}.git/{rest}", rest)
    raise Refused(404, "only Git's smart HTTP is served here")


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class GitBackend:
    """The ASGI application. `pushed` is called after each request that may have moved refs."""

    def __init__(self, layout: Layout, pushed: Callable[[], None]) -> None:
        self._layout = layout
        self._repositories = Repositories(layout)
        self._pushed = pushed
        self._program = git.http_backend()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            target = self._admit(scope)
            environment = self._environment(scope, target)
        except Refused as refused:
            await _answer(send, refused)
            return
        await self._run(environment, target.service, receive, send)
        if target.service == "git-receive-pack":
            self._pushed()

    def _admit(self, scope: Scope) -> Target:
        query = scope["query_string"].decode("latin-1")
        target = target_of(scope["method"], scope["path"], query)
        if not self._repositories.exists(target.repository):
            raise Refused(404, f"there is no repository {target.repository[:64]} here")
        client = scope.get("client")
        if target.service == "git-receive-pack" and not (client and is_loopback(client[0])):
            raise Refused(403, "pushes are taken from this machine only")
        return target

    def _environment(self, scope: Scope, target: Target) -> dict[str, str]:
        headers = {key: value.decode("latin-1") for key, value in scope["headers"]}
        length = headers.get(b"content-length", "")
        if length and not length.isdigit():
            raise Refused(400, "content-length is not a number")
        if length and int(length) > MAX_PUSH_BYTES:
            raise Refused(413, f"the body is over {MAX_PUSH_BYTES} bytes (MAX_PUSH_BYTES)")
        environment = {
            **git.environment(self._layout.root),
            hooks.PUSH_ID: str(uuid.uuid4()),
            "GATEWAY_INTERFACE": "CGI/1.1",
            "GIT_PROJECT_ROOT": str(self._layout.repositories),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": target.path,
            "QUERY_STRING": scope["query_string"].decode("latin-1"),
            "REQUEST_METHOD": scope["method"],
            "REMOTE_ADDR": (scope.get("client") or ("",))[0],
            "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        }
        for name, variable in (
            (b"content-type", "CONTENT_TYPE"),
            (b"content-encoding", "HTTP_CONTENT_ENCODING"),
            (b"git-protocol", "GIT_PROTOCOL"),
        ):
            # Not CONTENT_LENGTH: git reads on for ever when it is told more than comes, as when the
            # forge is killed in a push (git 2.39). Without it, a body ends where the pipe does.
            if headers.get(name):
                environment[variable] = headers[name]
        return environment

    async def _run(
        self, environment: dict[str, str], service: str, receive: Receive, send: Send
    ) -> None:
        process = await asyncio.create_subprocess_exec(
            # A push that has arrived is finished even if the forge is killed, so it may live on.
            *bounds.prefix(CPU_SECONDS, None, dies_with_thread=False),
            self._program,
            cwd=self._layout.repositories,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdin is not None and process.stdout is not None
        # A push that has arrived is finished even if the client does not wait for it: its refs and
        # its delivery belong together.
        watch = service == "git-upload-pack"
        feeding = asyncio.create_task(_feed(process, receive, watch))
        try:
            started = await _copy(process.stdout, send)
        except BaseException:
            # Also when the request is cancelled, which is no Exception: git would go on alone.
            if watch:
                _kill_tree(process)
            raise
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            await _end(process)
        if started:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await _answer(send, Refused(500, "git http-backend gave no answer"))


async def _feed(process: asyncio.subprocess.Process, receive: Receive, watch: bool) -> None:
    """Copy the request's body to git; end git when the body breaks off or is too long.

    With `watch`, also when the client goes away afterwards.
    """
    assert process.stdin is not None
    received = 0
    try:
        while True:
            message = await receive()
            body = message.get("body", b"")
            received += len(body)
            if message["type"] == "http.disconnect" or received > MAX_PUSH_BYTES:
                # Of a push what runs below it stays: it sees that the body ends, and tidies up.
                if watch:
                    _kill_tree(process)
                else:
                    process.kill()
                break
            process.stdin.write(body)
            await process.stdin.drain()
            if not message.get("more_body", False):
                break
        process.stdin.close()
        while watch:
            if (await receive())["type"] == "http.disconnect":
                _kill_tree(process)
                break
    except (BrokenPipeError, ConnectionResetError, ProcessLookupError):
        pass  # git has seen enough, or has ended.
    finally:
        # What the killed process started has the pipe as well, and would wait for the rest.
        process.stdin.close()


async def _copy(stdout: asyncio.StreamReader, send: Send) -> bool:
    """Copy git's CGI response but for its end; False when it had no complete header."""
    head = b""
    while b"\r\n\r\n" not in head:
        part = await stdout.read(CHUNK_BYTES)
        if not part or len(head) > MAX_CGI_HEADER_BYTES:
            return False
        head += part
    raw, _, rest = head.partition(b"\r\n\r\n")
    status, headers = _cgi_header(raw)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    while True:
        if rest:
            await send({"type": "http.response.body", "body": rest, "more_body": True})
        rest = await stdout.read(CHUNK_BYTES)
        if not rest:
            return True


def _cgi_header(raw: bytes) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Status and headers of a CGI response (RFC 3875, section 6.3)."""
    status = 200
    headers: list[tuple[bytes, bytes]] = []
    for line in raw.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"status":
            status = int(value.split()[0])
        elif name:
            headers.append((name.lower(), value.strip()))
    return status, headers


async def _answer(send: Send, refused: Refused) -> None:
    body = (refused.sentence + "\n").encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _end(process: asyncio.subprocess.Process) -> None:
    """Wait for git, which has closed its output; kill it when it hangs or the forge stops."""
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        _kill_tree(process)
        await process.wait()
    finally:
        _kill_tree(process)


def _kill_tree(process: asyncio.subprocess.Process) -> None:
    """Kill git with all that it started; nothing when it has ended. The first one only would leave
    others at work, which may have no end, for nobody."""
    if process.returncode is not None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(process.pid)
        for each in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
