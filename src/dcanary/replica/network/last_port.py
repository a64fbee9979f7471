"""The port of the last run, kept in the state folder: webhooks' URLs and executors name it.

One line: a marker, the port, the CRC-32 of both in hexadecimal. Up to version 0.1.0 the line was
the port alone, which is still read.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path

from ..storage.folder import Folder
from .files import ENGINE_FOLDER, NetworkError

LAST_PORT_FILE = "last-port"
# The marker stands first, so that no cut leaves what passes for a line of the old form.
_MARKER = "dcanary-port-1"
_LINE = re.compile(rb"(?:dcanary-port-1 ([0-9]{1,5}) [0-9a-f]{8}|([0-9]{1,5}))\n")


class DamagedPort(NetworkError):
    """The file does not hold the port of the last run. The text names the file and what to do."""


def encode(port: int) -> bytes:
    """Content of the file."""
    content = f"{_MARKER} {port}"
    return f"{content} {zlib.crc32(content.encode()):08x}\n".encode()


def decode(content: bytes) -> int:
    """The port that the file holds. Raises ValueError when it is not what was written."""
    found = _LINE.fullmatch(content)
    if found is not None:
        port = int(found[1] or found[2])
        written = encode(port) if found[1] else b"%d\n" % port
        if content == written and 0 < port < 65_536:
            return port
    raise ValueError(f"it says {content.strip()[:40].decode(errors='replace')!a}")


def read(state_dir: Path) -> int | None:
    """The port of the last run; None when there is no file. Raises DamagedPort."""
    path = state_dir / LAST_PORT_FILE
    try:
        return decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        what = f"it cannot be read ({error.strerror or error})"
    except ValueError as error:
        what = f"{error} and not the port of the last run"
    raise DamagedPort(
        f"{path} is damaged: {what}. Name the port that clients and webhooks have with "
        "`dcanary network start --port PORT`, or remove the file to get another port"
    )


def write(state_dir: Path, port: int) -> None:
    """Keep the port, in one step. Raises OSError."""
    path = state_dir / LAST_PORT_FILE
    new = path.with_suffix(".new")
    new.write_bytes(encode(port))
    if path.is_dir():  # Whoever started has named another port, or accepted the loss.
        Folder(state_dir / ENGINE_FOLDER).move(path)
    new.replace(path)
