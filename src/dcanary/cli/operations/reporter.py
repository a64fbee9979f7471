"""Running a reporter: its tokens, its name, its loop."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

from dcanary.client.errors import ClientError, ConfigError, RefusedError
from dcanary.client.system import System
from dcanary.forge import Forge
from dcanary.reporter.chain import SystemReports
from dcanary.reporter.places import Tokens, read_tokens
from dcanary.reporter.reporter import Reporter, Settings

MAX_NAME_CHARS = 64


def own_name() -> str:
    """This host and process."""
    host = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())
    tail = f"-{os.getpid()}"
    return f"{host[: MAX_NAME_CHARS - len(tail)]}{tail}"


def tokens_for(files: Iterable[str], forge: Path) -> Tokens:
    """The tokens that were given, and that of the local forge of this installation, if any.

    Raises ConfigError.
    """
    found = Tokens()
    local = Forge(forge)
    url = local.url() if forge.is_dir() else None
    if url is not None:
        found.add(urlsplit(url).netloc, local.token_file().read_text().strip())
    found.add_all(read_tokens(files))
    return found


def run(
    system: System,
    forge: Path,
    token_files: Iterable[str],
    *,
    link: str = "",
    name: str | None = None,
    once: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> int:
    """Work until a signal, or once; how many reports still wait. Raises ClientError."""
    parts = urlsplit(link)
    if link and (parts.scheme not in ("http", "https") or not parts.netloc):
        raise ConfigError(f"--link {link[:200]!r} is no URL: give http(s)://host/path")
    tokens = tokens_for(token_files, forge)
    settings = Settings(name or own_name(), link)
    reporter = Reporter(SystemReports(system), tokens, settings, report=progress)
    previous = signal.signal(signal.SIGTERM, _end)
    try:
        if once:
            return reporter.run_once()
        reporter.run_forever()
    except RefusedError as error:
        if error.kind != "Denied":
            raise
        raise ClientError(
            f"{system.connection.sender} may not post reports",
            f"an admin lets it: dcanary access grant {system.connection.sender} reporter",
        ) from None
    finally:
        signal.signal(signal.SIGTERM, previous)
    return 0


def _end(number: int, frame: object) -> None:
    raise KeyboardInterrupt
