"""Makes the bodies of deliveries, each in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable
from typing import TypeVar

from dcanary.forge import bounds, git
from dcanary.forge.errors import ForgeError, TooMuchWork
from dcanary.forge.kinds import kind_of
from dcanary.forge.layout import Layout
from dcanary.forge.log import Delivery, DeliveryLog
from dcanary.forge.payload import RefUpdate, push_payload
from dcanary.forge.repositories import Repositories

T = TypeVar("T")


class Builder:
    """Makes the body of a delivery from its repository, once."""

    def __init__(self, layout: Layout, base_url: str) -> None:
        self._base_url = base_url
        self._log = DeliveryLog(layout)
        self._repositories = Repositories(layout)

    async def body(self, delivery: Delivery) -> bytes:
        """The bytes to send, made and stored when they are not there yet.

        Raises TooMuchWork when git reaches a bound, ForgeError when it fails otherwise, OSError
        when they cannot be stored.
        """
        return await in_thread(lambda: self._body(delivery))

    def _body(self, delivery: Delivery) -> bytes:
        stored = self._log.body(delivery.repository, delivery.delivery)
        if stored is not None:
            return stored
        name = delivery.repository
        folder = self._repositories.require(name)
        branch = self._repositories.default_branch(name)
        update = RefUpdate(name, delivery.before, delivery.after, delivery.ref)
        refs = self._log.refs(name, delivery.push) or [delivery.ref]
        try:
            payload = push_payload(folder, update, refs, self._base_url, branch)
        except TooMuchWork as error:
            raise TooMuchWork(f"the payload could not be made: {error}") from error
        except ForgeError as error:
            raise ForgeError(f"the payload could not be made: {error}") from error
        kind = kind_of(self._repositories.provider(name))
        body = json.dumps(kind.payload_of(payload)).encode()
        self._log.store_body(name, delivery.delivery, body)
        return body


async def in_thread(work: Callable[[], T]) -> T:
    """Run blocking work in a thread of its own; when this is cancelled, its git is ended.

    All git processes of the work have git.TIMEOUT_SECONDS together.

    A pool would be full when as many repositories as it has threads wait for a slow git, and all
    others would wait with them.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    scope = bounds.Scope(git.TIMEOUT_SECONDS)

    def finish(result: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None only where T allows it

    def run() -> None:
        result, error = None, None
        try:
            with bounds.within(scope):
                result = work()
        except BaseException as raised:
            error = raised
        # The forge may have stopped meanwhile; nobody waits for the result then.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(finish, result, error)

    threading.Thread(target=run, name="dcanary-forge-work", daemon=True).start()
    try:
        return await future
    finally:
        scope.end()
