"""A Git server with Git LFS over HTTP on this machine, for tests of checkouts."""

import hashlib
import json
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class GitServer:
    """Serves the repositories below `folder` by `git http-backend`, and LFS files.

    `objects` are the LFS files by sha256; `has_lfs` false answers 404 to all of LFS; `status`
    other than 0 is the answer to everything, with the text `page`. Paths below one of `private`
    are answered 401, as are those below one of `logins` without its Authorization header; those
    below one of `redirects` are sent on. `href` and `header` stand in place
    of what LFS files are asked for with. `seen` are (method, path, authorization) of the requests,
    `headers` all their headers.
    """

    folder: Path
    port: int = 0
    objects: dict[str, bytes] = field(default_factory=dict)
    has_lfs: bool = True
    status: int = 0
    page: bytes = b""
    private: set[str] = field(default_factory=set)
    logins: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    href: str = ""
    header: dict[str, str] = field(default_factory=dict)
    headers: list[dict[str, str]] = field(default_factory=list)
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    scheme: str = "http"

    def url(self, name: str, who: str = "") -> str:
        return f"{self.scheme}://{who}127.0.0.1:{self.port}/{name}"

    def add(self, content: bytes) -> str:
        """Store an LFS file; returns the text of its pointer."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.objects[sha256] = content
        return pointer(sha256, len(content))


def pointer(sha256: str, size: int) -> str:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"


def certificate(path: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that it has signed itself, in one new file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def serve(folder: Path, secured: Path | None = None) -> Iterator[GitServer]:
    """A server on a free port, until the end of the block; `secured` is made by `certificate`."""
    made = GitServer(folder)

    class Handler(_Handler):
        server_of_test = made

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_address[1]
        if secured is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(secured)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            made.scheme = "https"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server_of_test: GitServer

    def log_message(self, *_: Any) -> None:
        """Keep the test's output quiet."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        made, parts = self.server_of_test, urlsplit(self.path)
        made.seen.append((self.command, parts.path, self.headers.get("Authorization", "")))
        made.headers.append({name.lower(): value for name, value in self.headers.items()})
        body = self._body()
        to = next((to for start, to in made.redirects.items() if self.path.startswith(start)), "")
        if made.status:
            self._send(made.status, made.page, "text/html")
        elif to:
            self.send_response(302)
            self.send_header("Location", to)
            self.end_headers()
        elif any(parts.path.startswith(each) for each in made.private) or any(
            parts.path.startswith(start) and self.headers.get("Authorization") != login
            for start, login in made.logins.items()
        ):
            self._send(401, b"")
        elif "/info/lfs/" in parts.path or parts.path.startswith("/lfs/"):
            self._lfs(parts.path, body)
        else:
            self._git(parts.path, parts.query, body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _lfs(self, path: str, body: bytes) -> None:
        made = self.server_of_test
        if not made.has_lfs:
            self._send(404, b"")
            return
        if path.startswith("/lfs/"):
            content = made.objects.get(path.removeprefix("/lfs/"))
            self._send(404 if content is None else 200, content or b"")
            return
        objects = []
        for each in json.loads(body)["objects"]:
            answer: dict[str, Any] = {"oid": each["oid"], "size": each["size"]}
            if each["oid"] in made.objects:
                href = made.href or made.url(f"lfs/{each['oid']}")
                answer["actions"] = {"download": {"href": href, "header": made.header}}
            else:
                answer["error"] = {"code": 404, "message": "no such object"}
            objects.append(answer)
        answer = {"transfer": "basic", "objects": objects, "hash_algo": "sha256"}
        self._send(200, json.dumps(answer).encode(), "application/vnd.git-lfs+json")

    def _git(self, path: str, query: str, body: bytes) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_PROJECT_ROOT": str(self.server_of_test.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", "http-backend"],
            input=body,
            env=environment,
            capture_output=True,
            check=False,
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        status = int(fields.pop("Status", "200").split()[0])
        self._send(status, content, fields.get("Content-Type", "text/plain"))

    def _send(self, status: int, content: bytes, kind: str = "application/octet-stream") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
