"""Pushes and redelivery requests on their way to the running forge, one file each.

Any process may put a file here (git's hooks do, and `Forge.redeliver`); the running forge takes
them in order of their names, which begin with the time.

| file | what |
|---|---|
| `<push>.intent` | a push whose refs may have moved |
| `<time>-<push>.push` | the same when all its refs have moved |
| `<time>-<pid>.redeliver` | a request to send a delivery again |
| `<time>-<pid>.event` | what else is to be told, such as a pull request, with its body |

A push is text: `<repository> <pid of git> <time>`, `<old> <new> <ref>` for each ref, `end`.
"""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from dcanary.forge.layout import Layout, write_whole
from dcanary.forge.names import is_repository_name, name_text
from dcanary.forge.payload import RefUpdate

_LINE = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) (refs/[^ ]+)")
_DELIVERIES = uuid.UUID("6f0f3a0e-1d0c-4f43-9c55-4a7b9d7a3c11")
CLOCK_SECONDS = 2.0
"""How far the start of a process and the time of a file may lie apart by rounding."""


def delivery_id(push: str, repository: str, ref: str) -> str:
    """The id of a push's delivery for one ref: the same, however often it is worked out."""
    return str(uuid.uuid5(_DELIVERIES, f"{push}/{repository}/{ref}"))


@dataclass(frozen=True)
class SpooledPush:
    """A push. `push` names it; `pid` is the process of git that does it, 0 when it has ended."""

    path: Path
    repository: str
    push: str
    updates: Sequence[RefUpdate]
    pid: int = 0

    def id_of(self, update: RefUpdate) -> str:
        """The id of the delivery that one of its updates becomes."""
        return delivery_id(self.push, self.repository, update.ref)

    @property
    def is_going_on(self) -> bool:
        """Whether git is still at it."""
        if not self.pid:
            return False
        try:
            started = psutil.Process(self.pid).create_time()
            # A later process may have got the same id.
            return started <= self.path.stat().st_mtime + CLOCK_SECONDS
        except (psutil.Error, OSError):
            return False


@dataclass(frozen=True)
class SpooledRedelivery:
    path: Path
    repository: str
    delivery: str


@dataclass(frozen=True)
class SpooledEvent:
    """What is told with a body that is known: `ref` has moved for it."""

    repository: str
    delivery: str
    event: str
    ref: str
    before: str
    after: str
    body: dict[str, Any]
    path: Path = Path()


Spooled = SpooledPush | SpooledRedelivery | SpooledEvent


def put_event(layout: Layout, event: SpooledEvent) -> None:
    """Have an event told by the forge, running or not. Raises OSError."""
    content = {key: value for key, value in asdict(event).items() if key != "path"}
    path = layout.spool / f"{time.time_ns()}-{os.getpid()}.event"
    write_whole(path, json.dumps(content).encode())


def request_redelivery(layout: Layout, repository: str, delivery: str) -> None:
    """Ask the forge, running or not, to send a delivery again."""
    content = json.dumps({"repository": repository, "delivery": delivery}).encode()
    write_whole(layout.spool / f"{time.time_ns()}-{os.getpid()}.redeliver", content)


def put_push(layout: Layout, repository: str, push: str, updates: Sequence[RefUpdate]) -> None:
    """Record a push whose refs have moved. Raises OSError."""
    lines = [f"{update.before} {update.after} {update.ref}" for update in updates]
    content = "\n".join([f"{repository} 0 {time.time_ns()}", *lines, "end", ""])
    write_whole(layout.spool / f"{time.time_ns()}-{push}.push", content.encode())


def waiting(layout: Layout) -> list[Spooled]:
    """What waits, oldest first, without intents. Files that hold nothing usable are removed."""
    found: list[Spooled] = []
    for path in sorted(layout.spool.iterdir()):
        if path.name.startswith(".") or path.suffix == ".intent":
            continue
        entry = _read(path)
        if entry is None:
            path.unlink(missing_ok=True)
        else:
            found.append(entry)
    return found


def intents(layout: Layout) -> list[SpooledPush]:
    """Pushes whose refs may have moved."""
    paths = sorted(layout.spool.glob("*.intent"))
    return [entry for path in paths if (entry := _read_push(path, path.stem)) is not None]


def _read(path: Path) -> Spooled | None:
    if path.suffix == ".push":
        return _read_push(path, path.stem.partition("-")[2])
    if path.suffix not in (".redeliver", ".event"):
        return None
    try:
        request = json.loads(path.read_bytes())
        if path.suffix == ".event":
            return SpooledEvent(**request, path=path)
        return SpooledRedelivery(path, str(request["repository"]), str(request["delivery"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read_push(path: Path, push: str) -> SpooledPush | None:
    """None for a file that is no push, or that has just been renamed or removed."""
    try:
        text = name_text(path.read_bytes())
    except FileNotFoundError:
        return None
    head, *lines = text.split("\n")
    name, _, rest = head.partition(" ")
    if not is_repository_name(name):
        return None
    pid = rest.partition(" ")[0]
    matches = [match for line in lines if (match := _LINE.fullmatch(line))]
    updates = [RefUpdate(name, match[1], match[2], match[3]) for match in matches]
    return SpooledPush(path, name, push, updates, int(pid) if pid.isdecimal() else 0)
