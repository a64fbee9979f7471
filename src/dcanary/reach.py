"""Which addresses a checkout may connect to: public ones, and the server of the clone URL.

A commit chooses where its submodules are, and a Git LFS server where its files are. Neither may
make the executor talk to services of its own machine or network, which trust whoever reaches them.
The name is looked up once, its addresses are checked, and the connection is made to a checked
address: a name that points elsewhere the next time gains nothing.
"""

import ipaddress
import socket
from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Connection = TypeVar("Connection")
_PORTS = {"http": 80, "https": 443}
# A translator of the network passes packets to these on to the IPv4 address in their last bytes.
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")


class NotPublicError(Exception):
    """A host has no public address and is not the server of the clone URL."""


class Reach:
    """What may be reached in the checkout of one clone URL."""

    def __init__(self, clone_url: str) -> None:
        self.host, port = origin(clone_url)
        # A server of the usual ports may send on to its own https.
        self._ports = {port, 443} if port == _PORTS["http"] else {port}

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host that may be connected to, in the system's order.

        Raises NotPublicError when there is none, and OSError when the host cannot be looked up.
        """
        try:
            listed = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (ValueError, OverflowError) as error:
            # UnicodeError for a label that is empty or over 63 characters, and others like it.
            raise OSError(f"{host!a}, port {port}, is no name and port of a host") from error
        found = dict.fromkeys(str(each[4][0]) for each in listed)
        if host.lower() == self.host and port in self._ports:
            return list(found)
        allowed = [each for each in found if is_public(each)]
        if not allowed:
            raise NotPublicError(host)
        return allowed

    def check(self, url: str) -> None:
        """Raise NotPublicError for a URL whose host is known not to be public.

        One that cannot be looked up here may be known to a proxy.
        """
        try:
            self.addresses(*origin(url))
        except OSError:
            return

    def connect(self, host: str, port: int, seconds: float) -> socket.socket:
        """A connection to a host. Raises NotPublicError, and OSError with the host's name."""
        problem: OSError | None = None
        try:
            for address in self.addresses(host, port):
                try:
                    return socket.create_connection((address, port), seconds)
                except OSError as error:
                    problem = error
        except OSError as error:
            problem = error
        raise OSError(f"{host} cannot be reached: {_sentence(problem)}") from problem


def is_public(address: str) -> bool:
    """Whether an address is one of the whole Internet, and of one machine there."""
    try:
        found: Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(each.is_global and not each.is_multicast for each in (found, *_inside(found)))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name or address alone, as resolvers take it: with the
    dot of a whole name, or as an IPv4 address within IPv6."""
    try:
        address: Address = ipaddress.ip_address(host)
    except ValueError:
        name = host.lower().removesuffix(".")
        return name == "localhost" or name.endswith(".localhost")
    within = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (within or address).is_loopback


def origin(url: str) -> tuple[str, int]:
    """Host in small letters and port of a URL; an empty host for what is no URL of a server."""
    try:
        parts: SplitResult = urlsplit(url)
        return (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", 0


def problem_of(url: str) -> str | None:
    """What makes a URL of a server one that no machine can connect to; None for another."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "a host that cannot be read"
    try:
        port = parts.port
    except ValueError:
        return "a port that is no number from 1 to 65535"
    labels = host.removesuffix(".").split(".")
    try:
        is_name = max(len(label.encode("idna")) for label in labels) <= 63 and len(host) <= 253
    except UnicodeError:
        is_name = False
    if not is_name or not all(labels):
        return "a host that can be no name"
    return "the impossible port 0" if port == 0 else None


def _inside(address: Address) -> Sequence[Address]:
    """IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    named = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _TRANSLATED:
        named.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [each for each in named if each is not None]


def _sentence(problem: OSError | None) -> str:
    return (problem.strerror if problem is not None else None) or str(problem or "no address")
