"""What happened to each delivery: a file of JSON lines per repository, only ever appended to."""

from __future__ import annotations

import errno
import json
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from dcanary.forge.layout import Layout, read_json, write_json, write_whole

State = Literal["queued", "retrying", "delivered", "failed", "skipped"]
OPEN_STATES: tuple[State, ...] = ("queued", "retrying")
MAX_RESPONSE_CHARS = 2_000


@dataclass(frozen=True)
class Delivery:
    """One delivery as it stands. Times are seconds since 1970.

    `status` and `response` are the receiver's last answer, `error` why there was none. `skipped`:
    the repository had no webhook. `failed`: answered with a refusal, or unreachable to the end.
    """

    delivery: str
    repository: str
    event: str
    ref: str
    before: str
    after: str
    state: State
    attempts: int
    status: int | None
    response: str
    error: str
    created: float
    updated: float
    push: str = ""
    """Names the push; its deliveries, one for each ref, have it in common."""

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


class DeliveryLog:
    """Reads and appends. Only the running forge appends, others may read at any time."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def read(self, repository: str) -> list[Delivery]:
        """All deliveries of a repository, oldest first."""
        found: dict[str, Delivery] = {}
        try:
            lines = self._layout.log(repository).read_bytes().splitlines()
        except FileNotFoundError:
            return []
        for line in lines:
            try:
                self._apply(found, json.loads(line), repository)
            except (ValueError, KeyError, TypeError):
                continue  # The last line of a forge that was killed while writing it, or damage.
        return list(found.values())

    @staticmethod
    def _apply(found: dict[str, Delivery], entry: dict[str, Any], repository: str) -> None:
        known = found.get(entry["delivery"])
        changes = {
            "state": entry["state"],
            "attempts": entry["attempts"],
            "status": entry["status"],
            "response": entry["response"],
            "error": entry["error"],
            "updated": entry["time"],
        }
        if known is not None:
            found[known.delivery] = replace(known, **changes)
        else:
            found[entry["delivery"]] = Delivery(
                delivery=entry["delivery"],
                repository=repository,
                event=entry["event"],
                ref=entry["ref"],
                before=entry["before"],
                after=entry["after"],
                created=entry["time"],
                push=entry.get("push", ""),
                **changes,
            )

    def body(self, repository: str, delivery: str) -> bytes | None:
        """The bytes to send; None when no such delivery was made."""
        try:
            return self._body_path(repository, delivery).read_bytes()
        except FileNotFoundError:
            return None

    def store_body(self, repository: str, delivery: str, body: bytes) -> None:
        """Keep the bytes of a delivery's body. Raises OSError."""
        path = self._body_path(repository, delivery)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, body)

    def refs(self, repository: str, push: str) -> list[str]:
        """All refs of a push; empty when they are not known."""
        refs: list[str] = read_json(self._refs_path(repository, push)) or []
        return refs

    def store_refs(self, repository: str, push: str, refs: list[str]) -> None:
        """Keep the refs of a push: what only they reach is new. Raises OSError."""
        path = self._refs_path(repository, push)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_json(path, refs)

    def append(self, delivery: Delivery) -> None:
        """Write down the delivery as it stands now, as one line."""
        entry = {
            "time": delivery.updated,
            "delivery": delivery.delivery,
            "event": delivery.event,
            "ref": delivery.ref,
            "before": delivery.before,
            "after": delivery.after,
            "state": delivery.state,
            "attempts": delivery.attempts,
            "status": delivery.status,
            "response": delivery.response,
            "error": delivery.error,
            "push": delivery.push,
        }
        path = self._layout.log(delivery.repository)
        line = (json.dumps(entry) + "\n").encode()
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            # A line that was cut short by a kill must not swallow this one.
            size = os.fstat(handle).st_size
            if size and os.pread(handle, 1, size - 1) != b"\n":
                line = b"\n" + line
            written = os.write(handle, line)
            if written != len(line):
                os.ftruncate(handle, size)
                raise OSError(errno.ENOSPC, "no room for a line", str(path))
        finally:
            os.close(handle)

    def _body_path(self, repository: str, delivery: str) -> Path:
        if not delivery.replace("-", "").isalnum():
            raise FileNotFoundError(delivery)
        return self._layout.bodies(repository) / f"{delivery}.json"

    def _refs_path(self, repository: str, push: str) -> Path:
        safe = push if push.replace("-", "").isalnum() else "unknown"
        return self._layout.bodies(repository) / f"{safe}.refs"


def answered(delivery: Delivery, status: int, response: str) -> Delivery:
    """After an answer: 2xx is delivered, 408, 429 and 5xx are tried again, the rest is final."""
    state: State
    if 200 <= status < 300:
        state = "delivered"
    elif status >= 500 or status in (408, 429):
        state = "retrying"
    else:
        state = "failed"
    return replace(
        delivery,
        state=state,
        attempts=delivery.attempts + 1,
        status=status,
        response=response[:MAX_RESPONSE_CHARS],
        error="",
        updated=time.time(),
    )


def unanswered(delivery: Delivery, error: str) -> Delivery:
    """After an attempt that got no answer: it is tried again."""
    return replace(
        delivery,
        state="retrying",
        attempts=delivery.attempts + 1,
        status=None,
        response="",
        error=error[:MAX_RESPONSE_CHARS],
        updated=time.time(),
    )
