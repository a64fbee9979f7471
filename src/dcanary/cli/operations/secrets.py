"""Webhook secrets: made here, kept in files only their owner reads, never printed unasked."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from dcanary.client.errors import ConfigError


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
    text = secrets.token_hex(32).encode()
    with os.fdopen(descriptor, "wb") as file:
        file.write(text + b"\n")
    return text
