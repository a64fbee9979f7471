"""Pushes and redelivery requests on their way to the running forge, one file each.

Any process may put a file here (git's hook does, and `Forge.redeliver`); the running forge takes
them in order of their names, which begin with the time.
"""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from dcanary.forge.layout import Layout, write_whole
from dcanary.forge.names import is_repository_name
from dcanary.forge.payload import RefUpdate

_LINE = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) (refs/\S+)")
_DELIVERIES = uuid.UUID("6f0f3a0e-1d0c-4f43-9c55-4a7b9d7a3c11")


@dataclass(frozen=True)
class SpooledPush:
    """A push whose refs have moved. `ids` name its deliveries, the same at every reading."""

    path: Path
    updates: list[RefUpdate]
    ids: list[str]


@dataclass(frozen=True)
class SpooledRedelivery:
    path: Path
    repository: str
    delivery: str


def request_redelivery(layout: Layout, repository: str, delivery: str) -> None:
    """Ask the forge, running or not, to send a delivery again."""
    content = json.dumps({"repository": repository, "delivery": delivery}).encode()
    write_whole(layout.spool / f"{time.time_ns()}-{os.getpid()}.redeliver", content)


def waiting(layout: Layout) -> list[SpooledPush | SpooledRedelivery]:
    """What waits, oldest first. Files that hold nothing usable are removed."""
    found: list[SpooledPush | SpooledRedelivery] = []
    for path in sorted(layout.spool.iterdir()):
        if path.name.startswith("."):
            continue
        entry = _read(path)
        if entry is None:
            path.unlink(missing_ok=True)
        else:
            found.append(entry)
    return found


def _read(path: Path) -> SpooledPush | SpooledRedelivery | None:
    text = path.read_bytes().decode("utf-8", "replace")
    if path.suffix == ".redeliver":
        try:
            request = json.loads(text)
            return SpooledRedelivery(path, str(request["repository"]), str(request["delivery"]))
        except (ValueError, KeyError, TypeError):
            return None
    name, *lines = text.splitlines()
    if path.suffix != ".push" or not is_repository_name(name):
        return None
    updates: list[RefUpdate] = []
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is not None:
            updates.append(RefUpdate(name, match[1], match[2], match[3]))
    ids = [str(uuid.uuid5(_DELIVERIES, f"{path.name}/{name}/{update.ref}")) for update in updates]
    return SpooledPush(path, updates, ids)
