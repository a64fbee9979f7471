"""A SOCKS 5 proxy on this machine through which git reaches servers, so that `Reach` decides.

Git follows redirects and looks names up by itself; what it connects to can be decided only where
the connection is made. (Names looked up for it beforehand, `http.curloptResolve`, need Git 2.37 and
say nothing about redirects.) Source: RFC 1928.
"""

import contextlib
import selectors
import socket
import struct
import threading

from dcanary.reach import NotPublicError, Reach

_CONNECT_SECONDS = 30.0
_READ_BYTES = 256 * 1024
_VERSION, _NO_LOGIN, _CONNECT = 5, 0, 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_DONE, _NOT_ALLOWED, _UNREACHABLE, _NOT_SUPPORTED = 0, 2, 4, 7


class Gateway:
    """A proxy that lasts until `close`. `refused` are hosts that it did not connect to by rule.

    `problem` says why the last connection was not made; empty when it was. Raises OSError.
    """

    def __init__(self, reach: Reach) -> None:
        self.refused: list[str] = []
        self.problem = ""
        self._reach = reach
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = {self._listener}
        self._lock = threading.Lock()
        self._closed = False
        threading.Thread(target=self._accept, name="gateway", daemon=True).start()

    @property
    def url(self) -> str:
        """For curl: names are looked up here and not by git."""
        return f"socks5h://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            self._closed = True
            ended, self._open = self._open, set()
        for each in ended:
            # A thread that waits on a socket learns of the shutdown, not of the closing.
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if not self._keep(client):
                return
            client.settimeout(_CONNECT_SECONDS)
            server = self._greet(client)
            if server is None:
                return
            with server:
                if self._keep(server):
                    client.settimeout(None)
                    server.settimeout(None)
                    _relay(client, server)
                self._drop(server)
        self._drop(client)

    def _greet(self, client: socket.socket) -> socket.socket | None:
        """Read what is asked for and connect; None when that is not done."""
        _, methods = _exactly(client, 2)
        _exactly(client, methods)
        client.sendall(bytes([_VERSION, _NO_LOGIN]))
        _, command, _, kind = _exactly(client, 4)
        if kind == _NAME:
            host = _exactly(client, _exactly(client, 1)[0]).decode("ascii", "replace")
        elif kind in (_IPV4, _IPV6):
            family, size = (socket.AF_INET, 4) if kind == _IPV4 else (socket.AF_INET6, 16)
            host = socket.inet_ntop(family, _exactly(client, size))
        else:
            _answer(client, _NOT_SUPPORTED)
            return None
        (port,) = struct.unpack("!H", _exactly(client, 2))
        if command != _CONNECT:
            _answer(client, _NOT_SUPPORTED)
            return None
        self.problem = ""
        try:
            server = self._reach.connect(host, port, _CONNECT_SECONDS)
        except NotPublicError:
            self.refused.append(host)
            self.problem = f"{host} has no public address"
            _answer(client, _NOT_ALLOWED)
            return None
        except (OSError, UnicodeError) as error:
            self.problem = str(error)
            _answer(client, _UNREACHABLE)
            return None
        _answer(client, _DONE)
        return server

    def _keep(self, connection: socket.socket) -> bool:
        with self._lock:
            if not self._closed:
                self._open.add(connection)
            return not self._closed

    def _drop(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)


def _answer(client: socket.socket, code: int) -> None:
    # The address of our end of the connection, which nobody asks for.
    client.sendall(bytes([_VERSION, code, 0, _IPV4]) + bytes(6))


def _exactly(client: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        chunk = client.recv(size - len(found))
        if not chunk:
            raise OSError("ended early")
        found += chunk
    return found


def _relay(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes on both ways, until both ends have said that they are done."""
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while selector.get_map():
            for key, _ in selector.select():
                source, into = key.fileobj, key.data
                assert isinstance(source, socket.socket)
                chunk = source.recv(_READ_BYTES)
                if chunk:
                    into.sendall(chunk)
                else:
                    selector.unregister(source)
                    into.shutdown(socket.SHUT_WR)
