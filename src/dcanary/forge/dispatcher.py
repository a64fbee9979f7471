"""Turns pushes into deliveries and sends them until they are answered."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass, replace

from dcanary.forge import spool
from dcanary.forge.errors import ForgeError
from dcanary.forge.layout import Layout
from dcanary.forge.log import Delivery, DeliveryLog, unanswered
from dcanary.forge.payload import RefUpdate, push_payload
from dcanary.forge.repositories import Repositories
from dcanary.forge.sender import Sender
from dcanary.forge.webhooks import Webhooks

log = logging.getLogger("dcanary.forge")

POLL_SECONDS = 0.1
MAX_ATTEMPTS = 30
FIRST_WAIT_SECONDS = 0.5
MAX_WAIT_SECONDS = 60.0


def retry_wait_seconds(attempts: int) -> float:
    """Wait after `attempts` (from 1) failed sends: 0.5, 1, 2, 4 … 60 s."""
    return min(MAX_WAIT_SECONDS, FIRST_WAIT_SECONDS * float(2 ** min(attempts - 1, 10)))


@dataclass
class Waiting:
    """An open delivery; `due` in seconds of the monotonic clock."""

    delivery: Delivery
    due: float


class Dispatcher:
    """Runs inside the forge's event loop. Everything it knows is on disk before it acts on it.

    Deliveries of one repository are sent one at a time, oldest first; one that waits to be sent
    again lets later ones pass.
    """

    def __init__(self, layout: Layout, base_url: str) -> None:
        self._layout = layout
        self._base_url = base_url
        self._log = DeliveryLog(layout)
        self._repositories = Repositories(layout)
        self._webhooks = Webhooks(layout)
        self._waiting: dict[str, Waiting] = {}
        self._known: dict[str, set[str]] = {}
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()

    def nudge(self) -> None:
        """Look at the spool now: a push has just been accepted."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        sender = Sender()
        try:
            for name in self._repositories.names():
                self._load(name)
            while True:
                self._wake.clear()
                try:
                    await self._collect()
                    self._start_sending(sender)
                except Exception:
                    # The forge must outlive a full disk or a damaged file.
                    log.exception("pushes could not be read; trying again")
                    await asyncio.sleep(1)
                await self._rest()
        finally:
            for task in self._sending.values():
                task.cancel()
            await asyncio.gather(*self._sending.values(), return_exceptions=True)
            await sender.close()

    def _load(self, name: str) -> None:
        deliveries = self._log.read(name)
        self._known[name] = {delivery.delivery for delivery in deliveries}
        for delivery in deliveries:
            if delivery.is_open:
                self._waiting[delivery.delivery] = Waiting(delivery, 0.0)

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
        except TimeoutError:
            return

    async def _collect(self) -> None:
        for entry in spool.waiting(self._layout):
            try:
                if isinstance(entry, spool.SpooledPush):
                    refs = [update.ref for update in entry.updates]
                    for update, delivery in zip(entry.updates, entry.ids, strict=True):
                        await self._add_push(update, refs, delivery)
                else:
                    self._redeliver(entry.repository, entry.delivery)
            except ForgeError as error:
                log.warning("%s is dropped: %s", entry.path.name, error)
            entry.path.unlink(missing_ok=True)

    async def _add_push(self, update: RefUpdate, refs: list[str], delivery_id: str) -> None:
        name = update.repository
        folder = self._repositories.require(name)
        if name not in self._known:
            self._load(name)
        if delivery_id in self._known[name]:
            return
        branch = self._repositories.default_branch(name)
        payload = await asyncio.to_thread(
            push_payload, folder, update, refs, self._base_url, branch
        )
        now = time.time()
        delivery = Delivery(
            delivery=delivery_id,
            repository=name,
            event="push",
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
        )
        self._log.add(delivery, json.dumps(payload).encode())
        self._known[name].add(delivery_id)
        self._waiting[delivery_id] = Waiting(delivery, 0.0)

    def _redeliver(self, name: str, delivery_id: str) -> None:
        for delivery in self._log.read(name):
            if delivery.delivery == delivery_id:
                again = replace(delivery, state="queued", attempts=0, updated=time.time())
                self._log.append(again)
                self._waiting[delivery_id] = Waiting(again, 0.0)
                return
        raise ForgeError(f"there is no delivery {delivery_id} of {name}")

    def _start_sending(self, sender: Sender) -> None:
        now = time.monotonic()
        for waiting in list(self._waiting.values()):
            name = waiting.delivery.repository
            if waiting.due <= now and name not in self._sending:
                task = asyncio.create_task(self._send(sender, waiting.delivery))
                self._sending[name] = task

    async def _send(self, sender: Sender, delivery: Delivery) -> None:
        try:
            try:
                after = await self._attempt(sender, delivery)
            except Exception as error:
                log.exception("delivery %s could not be sent", delivery.delivery)
                after = unanswered(delivery, f"internal error: {type(error).__name__}: {error}")
            if after.state == "retrying" and after.attempts >= MAX_ATTEMPTS:
                after = replace(after, state="failed")
            self._log.append(after)
            if after.is_open:
                wait = retry_wait_seconds(after.attempts)
                self._waiting[delivery.delivery] = Waiting(after, time.monotonic() + wait)
            else:
                self._waiting.pop(delivery.delivery, None)
            log.info(
                "delivery %s of %s (%s): %s, status %s %s",
                after.delivery,
                after.repository,
                after.ref,
                after.state,
                after.status,
                after.error,
            )
        finally:
            self._sending.pop(delivery.repository, None)
            self.nudge()

    async def _attempt(self, sender: Sender, delivery: Delivery) -> Delivery:
        webhook = self._webhooks.get(delivery.repository)
        body = self._log.body(delivery.repository, delivery.delivery)
        if webhook is None:
            sentence = "the repository has no webhook: set one, then redeliver"
            return replace(delivery, state="skipped", error=sentence, updated=time.time())
        if body is None:
            sentence = "the body of this delivery is missing on disk"
            return replace(delivery, state="failed", error=sentence, updated=time.time())
        return await sender.send(delivery, webhook, body)
