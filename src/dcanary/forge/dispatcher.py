"""Turns pushes into deliveries and sends them until they are answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from dcanary.forge import hooks, spool
from dcanary.forge.builder import Builder, in_thread
from dcanary.forge.errors import ForgeError, TooMuchWork
from dcanary.forge.kinds import kind_of
from dcanary.forge.layout import Layout
from dcanary.forge.log import Delivery, DeliveryLog, unanswered
from dcanary.forge.recovery import git_folders, recover, remove_leftovers
from dcanary.forge.repositories import Repositories
from dcanary.forge.sender import Sender
from dcanary.forge.spool import Spooled, SpooledEvent, SpooledPush, SpooledRedelivery
from dcanary.forge.troubles import Troubles
from dcanary.forge.webhooks import Webhooks

log = logging.getLogger("dcanary.forge")

POLL_SECONDS = 0.1
RECOVERY_SECONDS = 1.0
"""Pause between looks at the refs of a repository while a push to it is going on."""
MAX_ATTEMPTS = 30
MAX_BUILDS = 3
"""Tries to make a payload that reaches a bound of time or memory: each may take a minute, in which
nothing else of its repository is delivered."""
FIRST_WAIT_SECONDS = 0.5
MAX_WAIT_SECONDS = 60.0


def retry_wait_seconds(attempts: int) -> float:
    """Wait after `attempts` (from 1) failed sends: 0.5, 1, 2, 4 … 60 s."""
    return min(MAX_WAIT_SECONDS, FIRST_WAIT_SECONDS * float(2 ** min(attempts - 1, 10)))


@dataclass
class Waiting:
    """An open delivery; `due` in seconds of the monotonic clock: the earliest is done first."""

    delivery: Delivery
    due: float


class Dispatcher:
    """Runs inside the forge's event loop. Everything it knows is on disk before it acts on it.

    Deliveries of one repository are made and sent one at a time, oldest first; one that failed goes
    behind those that came meanwhile. Repositories do not wait for one another.
    """

    def __init__(self, layout: Layout, base_url: str) -> None:
        self._layout = layout
        self._log = DeliveryLog(layout)
        self._builder = Builder(layout, base_url)
        self._repositories = Repositories(layout)
        self._webhooks = Webhooks(layout)
        self._waiting: dict[str, Waiting] = {}
        self._known: dict[str, set[str]] = {}
        self._busy: dict[str, asyncio.Task[None]] = {}
        """Repositories that something is done for."""
        self._unrecovered: dict[str, float] = {}
        """Repositories whose refs are to be compared with their deliveries, and when."""
        self._unwritten: list[Delivery] = []
        """States that the disk had no room for."""
        self._troubles = Troubles()
        self._wake = asyncio.Event()

    def nudge(self) -> None:
        """Look at the spool now: a push has just been accepted."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        sender = Sender()
        try:
            at_work = git_folders()
            for name in self._repositories.names():
                self._prepare(name, at_work)
            while True:
                self._wake.clear()
                self._try("states of deliveries", self._write_again)
                self._try("the pushes that wait", self._collect)
                self._try("pushes that were cut short", self._find_unrecovered)
                self._start_work(sender)
                await self._rest()
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)
            await sender.close()

    def _try(self, subject: str, work: Callable[[], None]) -> bool:
        """Do something unless it is in a pause; False when it was not done. The forge must outlive
        a full disk, a damaged file, and every name that a stranger pushes."""
        if not self._troubles.is_due(subject):
            return False
        try:
            work()
        except Exception as error:
            self._troubles.met(subject, error)
            return False
        self._troubles.over(subject)
        return True

    def _prepare(self, name: str, at_work: Sequence[Path]) -> None:
        """Take up a repository as the last forge left it, however that ended."""

        def tidy() -> None:
            folder = self._repositories.require(name)
            hooks.install(folder)
            remove_leftovers(folder, at_work)

        self._try(f"the folder of {name}", tidy)
        # What cannot be read now is read before the recovery, or before the next push.
        self._try(f"the deliveries of {name}", lambda: self._load(name))
        self._unrecovered[name] = 0.0

    def _load(self, name: str) -> None:
        deliveries = self._log.read(name)
        self._known[name] = {delivery.delivery for delivery in deliveries}
        for delivery in deliveries:
            if delivery.is_open:
                self._waiting[delivery.delivery] = Waiting(delivery, 0.0)

    async def _rest(self) -> None:
        # Not asyncio.wait_for: in Python 3.11 it drops a cancellation that comes in the same turn
        # as the event, and the forge would not stop.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._wake.wait()

    # From the spool to deliveries ------------------------------------------------------------

    def _collect(self) -> None:
        for entry in spool.waiting(self._layout):
            self._try(f"{entry.path.name} of {entry.repository}", partial(self._take, entry))

    def _take(self, entry: Spooled) -> None:
        """Write down what a file of the spool says, and remove it; it stays when that fails."""
        try:
            if isinstance(entry, SpooledPush):
                self._add_push(entry)
            elif isinstance(entry, SpooledEvent):
                self._add_event(entry)
            else:
                self._redeliver(entry)
        except ForgeError as error:
            log.warning("%s is dropped: %s", entry.path.name, error)
        entry.path.unlink(missing_ok=True)

    def _add_push(self, entry: SpooledPush) -> None:
        """Write down the deliveries of a push. Their bodies are made when they are sent: how long
        git takes for one must not delay another repository's."""
        name = entry.repository
        self._repositories.require(name)
        if name not in self._known:
            self._load(name)
        new = [update for update in entry.updates if entry.id_of(update) not in self._known[name]]
        if not new:
            return
        kind = kind_of(self._repositories.provider(name))
        self._log.store_refs(name, entry.push, [update.ref for update in entry.updates])
        for update in new:
            now = time.time()
            delivery = Delivery(
                delivery=entry.id_of(update),
                repository=name,
                event=kind.event_of(update.ref),
                ref=update.ref,
                before=update.before,
                after=update.after,
                state="queued",
                attempts=0,
                status=None,
                response="",
                error="",
                created=now,
                updated=now,
                push=entry.push,
            )
            self._begin_delivery(delivery)

    def _add_event(self, entry: SpooledEvent) -> None:
        """Write down the delivery of an event that brings its body."""
        name = entry.repository
        self._repositories.require(name)
        if name not in self._known:
            self._load(name)
        if entry.delivery in self._known[name]:
            return
        self._log.store_body(name, entry.delivery, json.dumps(entry.body).encode())
        now = time.time()
        self._begin_delivery(
            Delivery(
                delivery=entry.delivery,
                repository=name,
                event=entry.event,
                ref=entry.ref,
                before=entry.before,
                after=entry.after,
                state="queued",
                attempts=0,
                status=None,
                response="",
                error="",
                created=now,
                updated=now,
            )
        )

    def _begin_delivery(self, delivery: Delivery) -> None:
        self._log.append(delivery)
        self._known[delivery.repository].add(delivery.delivery)
        self._waiting[delivery.delivery] = Waiting(delivery, time.monotonic())

    def _redeliver(self, request: SpooledRedelivery) -> None:
        for delivery in self._log.read(request.repository):
            if delivery.delivery == request.delivery:
                again = replace(delivery, state="queued", attempts=0, updated=time.time())
                self._log.append(again)
                self._waiting[again.delivery] = Waiting(again, time.monotonic())
                return
        raise ForgeError(f"there is no delivery {request.delivery} of {request.repository}")

    def _find_unrecovered(self) -> None:
        """Note repositories in which a push was cut short."""
        for intent in spool.intents(self._layout):
            if intent.repository not in self._unrecovered and not intent.is_going_on:
                self._unrecovered[intent.repository] = 0.0

    # Work for one repository at a time -----------------------------------------------------------

    def _start_work(self, sender: Sender) -> None:
        now = time.monotonic()
        for name, due in list(self._unrecovered.items()):
            if due <= now and name not in self._busy:
                self._begin(name, self._recover(name))
        for waiting in sorted(self._waiting.values(), key=lambda each: each.due):
            name = waiting.delivery.repository
            if waiting.due <= now and name not in self._busy:
                self._begin(name, self._send(sender, waiting.delivery))

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        async def do() -> None:
            try:
                await work
            finally:
                self._busy.pop(name, None)
                self.nudge()

        self._busy[name] = asyncio.create_task(do())

    async def _recover(self, name: str) -> None:
        subject = f"comparing the refs of {name} with its deliveries"
        self._unrecovered[name] = time.monotonic() + RECOVERY_SECONDS
        if not self._troubles.is_due(subject):
            return
        try:
            if name not in self._known:
                self._load(name)
            if await in_thread(lambda: recover(self._layout, name)):
                del self._unrecovered[name]
        except Exception as error:
            self._troubles.met(subject, error)
        else:
            self._troubles.over(subject)

    async def _send(self, sender: Sender, delivery: Delivery) -> None:
        try:
            after = await self._attempt(sender, delivery)
        except TooMuchWork as error:
            # Without a payload nothing was sent: all attempts so far were tries to make one.
            after = unanswered(delivery, str(error))
            if after.attempts >= MAX_BUILDS:
                sentence = f"{error}; given up after {after.attempts} tries"
                after = replace(after, state="failed", error=sentence)
        except (ForgeError, OSError) as error:
            after = unanswered(delivery, str(error))
        except Exception as error:
            log.exception("delivery %s could not be sent", delivery.delivery)
            after = unanswered(delivery, f"internal error: {type(error).__name__}: {error}")
        if after.state == "retrying" and after.attempts >= MAX_ATTEMPTS:
            after = replace(after, state="failed")
        if after.is_open:
            wait = retry_wait_seconds(after.attempts)
            self._waiting[delivery.delivery] = Waiting(after, time.monotonic() + wait)
        else:
            self._waiting.pop(delivery.delivery, None)
        self._write(after)
        log.info(
            "delivery %s of %s (%s): %s, status %s %s",
            after.delivery,
            after.repository,
            after.ref,
            after.state,
            after.status,
            after.error,
        )

    async def _attempt(self, sender: Sender, delivery: Delivery) -> Delivery:
        body = await self._builder.body(delivery)
        webhook = self._webhooks.get(delivery.repository)
        if webhook is None:
            sentence = "the repository has no webhook: set one, then redeliver"
            return replace(delivery, state="skipped", error=sentence, updated=time.time())
        provider = self._repositories.provider(delivery.repository)
        return await sender.send(delivery, webhook, body, provider)

    def _write(self, delivery: Delivery) -> None:
        """Write down what became of a delivery, later if the disk has no room for it now: what was
        sent must not be sent again for that."""
        try:
            self._log.append(delivery)
        except OSError as error:
            log.error("the state of delivery %s waits: %s", delivery.delivery, error)
            self._unwritten.append(delivery)

    def _write_again(self) -> None:
        """Write down what the disk had no room for. Raises OSError when one of them still has none,
        after all were tried: the log of another repository may lie elsewhere."""
        waiting, self._unwritten = self._unwritten, []
        problem: OSError | None = None
        for delivery in waiting:
            try:
                self._log.append(delivery)
            except OSError as error:
                self._unwritten.append(delivery)
                problem = error
        if problem is not None:
            raise problem
