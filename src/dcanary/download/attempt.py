"""One attempt to get a file or page by HTTP: what is followed, what is refused, what is weather."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import unquote, urljoin, urlsplit

import httpcore

from dcanary.download.connection import Connections
from dcanary.download.hosts import Hosts
from dcanary.download.model import (
    DownloadError,
    HostNotAllowed,
    Limits,
    NotThere,
    TooLarge,
    Wanted,
    Weather,
    WrongBytes,
)
from dcanary.download.partial import Partial
from dcanary.reach import NotPublicError

_CHUNK_BYTES = 1 << 20
_AGENT = "dcanary"
_REDIRECTS = (301, 302, 303, 307, 308)
# Asking again later may be answered otherwise: too many requests, a time limit of the server.
_WEATHER = (408, 425, 429)
_FROM_THE_START = "what was there of it does not fit what the server has now: from the start"
_LOCK_AGAIN = "if a lock file names this URL, lock again with a version that the registry has"


class Attempts:
    """Attempts over shared connections; `stopping` ends those that run.

    `received` gets the size of each piece that comes, from the threads of the attempts.
    """

    def __init__(
        self,
        connections: Connections,
        hosts: Hosts,
        limits: Limits,
        stopping: threading.Event,
        received: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._connections, self._hosts = connections, hosts
        self._limits, self._stopping, self._received = limits, stopping, received

    def file(self, wanted: Wanted, partial: Partial) -> None:
        """Complete a partial file. What is there of it is kept when the weather ends the attempt.

        Raises DownloadError.
        """
        hashed, resumed = _hash(partial, wanted.digest.algorithm), partial.size
        # Killed after the last byte, or by a server that sends the same again and again.
        if hashed.hexdigest() == wanted.digest.hex and resumed:
            return
        if resumed >= wanted.max_bytes:
            partial.clear()
            hashed, resumed = hashlib.new(wanted.digest.algorithm), 0
        headers = {"Range": f"bytes={resumed}-"} if resumed else {}
        with self._asked(wanted.url, headers) as response:
            if resumed and not _goes_on(response, resumed):
                partial.clear()
                if response.status == 416:
                    raise Weather(wanted.url, _FROM_THE_START)
                hashed, resumed = hashlib.new(wanted.digest.algorithm), 0
            try:
                for chunk in self._chunks(wanted.url, response, wanted.max_bytes, resumed):
                    hashed.update(chunk)
                    partial.append(chunk)
            except TooLarge:
                partial.clear()
                raise
        if hashed.hexdigest() == wanted.digest.hex:
            return
        partial.clear()
        if resumed:
            raise Weather(wanted.url, _FROM_THE_START)
        by = f" by {wanted.pinned_by}" if wanted.pinned_by else ""
        raise WrongBytes(
            wanted.url,
            f"its bytes are not the pinned ones: {wanted.digest} is pinned{by}, "
            f"{hashed.hexdigest()} came. Either the file was changed where it lies, or the lock is "
            "wrong: find out which before you lock again",
        )

    def page(self, url: str, max_bytes: int, accept: str) -> bytes:
        """The content of a page. Raises DownloadError."""
        with self._asked(url, {"Accept": accept}) as response:
            return b"".join(self._chunks(url, response, max_bytes))

    def answer(self, url: str, body: bytes, content_type: str, max_bytes: int) -> bytes:
        """The answer to a POST. Raises DownloadError."""
        with self._asked(url, {"Content-Type": content_type}, body) as response:
            return b"".join(self._chunks(url, response, max_bytes))

    @contextlib.contextmanager
    def _asked(
        self, url: str, headers: dict[str, str], body: bytes | None = None
    ) -> Iterator[httpcore.Response]:
        """The answer to a GET, or a POST of `body`, after its redirects.

        Each of them is checked like the first URL.
        """
        sent = [("User-Agent", _AGENT), ("Accept-Encoding", "identity"), *headers.items()]
        timeout = {
            "connect": self._limits.connect,
            "read": self._limits.silence,
            "write": self._limits.silence,
            "pool": self._limits.total,
        }
        place = url
        try:
            for _ in range(self._limits.redirects + 1):
                with self._connections.pool(place).stream(
                    "GET" if body is None else "POST",
                    place,
                    headers=sent + _login(place),
                    content=body,
                    extensions={"timeout": timeout},
                ) as response:
                    location = _header(response, "location")
                    if response.status not in _REDIRECTS or not location:
                        _check_status(url, response, "Range" in headers)
                        yield response
                        return
                place = urljoin(place, location)
                problem = self._hosts.problem(place)
                if problem:
                    raise HostNotAllowed(url, f"it redirects to {place[:200]}: {problem}")
            raise NotThere(url, f"it redirects more than {self._limits.redirects} times")
        except NotPublicError as error:
            raise HostNotAllowed(
                url, f"{error} has no public address: nothing of this machine or network is fetched"
            ) from error
        except httpcore.UnsupportedProtocol as error:
            raise HostNotAllowed(url, "only https URLs can be fetched") from error
        except (
            httpcore.NetworkError,
            httpcore.TimeoutException,
            httpcore.ProtocolError,
            httpcore.ProxyError,
        ) as error:
            said = str(error) or type(error).__name__
            raise Weather(url, f"the connection failed: {said[:200]}") from error
        except (ValueError, UnicodeError) as error:
            raise DownloadError(url, f"the server's answer makes no sense: {error}") from error

    def _chunks(
        self, url: str, response: httpcore.Response, most: int, there: int = 0
    ) -> Iterator[bytes]:
        """The bytes of an answer, of which `there` came before. Raises TooLarge and Weather."""
        length = _header(response, "content-length")
        if length.isdecimal() and there + int(length[:20]) > most:
            size = there + int(length[:20])
            raise TooLarge(url, f"it has {size} bytes, more than the {most} that are allowed")
        began, size = time.monotonic(), 0
        for chunk in response.iter_stream():
            size += len(chunk)
            self._received(len(chunk))
            taken = time.monotonic() - began
            if there + size > most:
                raise TooLarge(url, f"it has more than the {most} bytes that are allowed")
            if taken > self._limits.total:
                raise Weather(url, f"it was not complete after {self._limits.total:.0f} s")
            if taken > self._limits.patience and size < taken * self._limits.slowest:
                raise Weather(url, f"it comes with less than {self._limits.slowest} bytes a second")
            if self._stopping.is_set():
                raise Weather(url, "stopped")
            yield chunk


def _hash(partial: Partial, algorithm: str) -> hashlib._Hash:
    hashed = hashlib.new(algorithm)
    with partial.reading() as file:
        while chunk := file.read(_CHUNK_BYTES):
            hashed.update(chunk)
    return hashed


def _login(url: str) -> list[tuple[str, str]]:
    """The header for user and password of a URL, which only a registry of the operator has."""
    parts = urlsplit(url)
    if not parts.username:
        return []
    said = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return [("Authorization", "Basic " + base64.b64encode(said.encode()).decode())]


def _goes_on(response: httpcore.Response, first: int) -> bool:
    """Whether an answer begins with the byte that was asked for."""
    return response.status == 206 and _header(response, "content-range").startswith(
        f"bytes {first}-"
    )


def _header(response: httpcore.Response, name: str) -> str:
    found = [value for key, value in response.headers if key.lower() == name.encode()]
    return found[0].decode("latin-1") if found else ""


def _check_status(url: str, response: httpcore.Response, resumed: bool) -> None:
    status = response.status
    if status in (200, 206) or (status == 416 and resumed):
        return
    if status >= 500 or status in _WEATHER:
        raise Weather(url, f"the server answers {status}")
    if status in (401, 403, 407):
        raise NotThere(
            url, f"the server refuses it ({status}): it is not there for everybody; {_LOCK_AGAIN}"
        )
    if status in (404, 410):
        raise NotThere(url, f"the server answers {status}: nothing is there; {_LOCK_AGAIN}")
    raise NotThere(url, f"the server answers {status}, which is no answer with a file")
