"""Webhook secrets: made here, kept in files only their owner reads, never printed unasked."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dcanary.client.errors import ConfigError, RefusedError, RejectedError


def read_secret(source: str | None) -> bytes:
    """The secret in a file, or on standard input for `-`. Raises ConfigError when not readable."""
    if source is None:
        raise ConfigError("the webhook's secret is missing", "give --secret-file FILE, or -")
    if source == "-":
        text = sys.stdin.buffer.read(1024)
    else:
        try:
            text = Path(source).read_bytes()[:1024]
        except OSError as error:
            raise ConfigError(f"cannot read the secret file {source}: {error.strerror}") from None
    return text.strip()


def new_secret_file(path: Path) -> bytes:
    """256 random bits as hexadecimal in a new file of mode 0600; an existing file is kept."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes().strip()
    with os.fdopen(descriptor, "wb") as file:
        text = secrets.token_hex(32).encode()
        file.write(text + b"\n")
    return text


def kept_secret(home: Path, repository: str) -> Path:
    """The file that holds the current secret of a repository's webhook, and nothing else."""
    return home / "secrets" / f"{repository}.webhook"


@contextmanager
def next_secret(kept: Path, given: bytes | None = None) -> Iterator[bytes]:
    """A secret that is the only one in `kept` once the block has ended well; `given` or a new one.

    It waits beside `kept` meanwhile. It stays there when the block fails otherwise than by a
    refusal: the call may have taken effect, and trying again must send the same secret.
    """
    waiting = kept.with_name(f"{kept.name}.next")
    if given is not None:
        waiting.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        waiting.unlink(missing_ok=True)
        with os.fdopen(os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(given + b"\n")
    secret = new_secret_file(waiting)
    try:
        yield secret
    except (RefusedError, RejectedError):
        waiting.unlink()
        raise
    waiting.replace(kept)
