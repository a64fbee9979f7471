"""Which ingress messages are let into the queue."""

from __future__ import annotations

from concurrent.futures import Future

from dcanary.replica.api import Ingress, Reject
from dcanary.replica.engine.core import Core
from dcanary.replica.engine.management import Management
from dcanary.replica.engine.native import Natives
from dcanary.replica.engine.query_pool import QueryPool
from dcanary.replica.engine.workers import Workers
from dcanary.replica.state import limits
from dcanary.replica.state.errors import CallError, ErrorCode
from dcanary.replica.state.records import MANAGEMENT


class Admission:
    """Checks ingress messages of one subnet; changes nothing."""

    def __init__(
        self,
        core: Core,
        management: Management,
        natives: Natives,
        workers: Workers,
        max_payload: int,
    ) -> None:
        self._core = core
        self._management = management
        self._natives = natives
        self._native_ids = frozenset(natives.ids)
        self._max_payload = max_payload
        """Bytes of an argument."""
        self._inspections: QueryPool[Reject | None] = QueryPool(workers)

    @property
    def busy(self) -> bool:
        """Whether inspections that `start_inspection` began are running."""
        return self._inspections.busy

    def check(self, message: Ingress) -> tuple[bytes, bool]:
        """Check an ingress message without running code.

        Returns the canister it is about, and whether that wants to inspect it. Raises `CallError`.
        """
        core = self._core
        receiver, arg = message.canister_id, message.arg
        if len(arg) > self._max_payload:
            raise CallError(
                ErrorCode.CANISTER_REJECTED,
                f"Request of {len(arg)} bytes is too large; at most {self._max_payload} bytes can "
                "be sent",
            )
        if len(core.subnet.queue) >= limits.MAX_INGRESS_QUEUE:
            raise CallError(ErrorCode.QUEUE_FULL, "The ingress queue is full; try again later")
        with core.runs.lock:
            if receiver == MANAGEMENT:
                about = self._management.inspect(message.sender, message.method, arg)
                return b"" if about is None else about.id, False
            if receiver in self._native_ids:
                self._natives.check(receiver, message.method)
                return receiver, False
            canister, body = core.callee(receiver)
            core.require(canister, core.costs.ingress(len(message.method.encode()) + len(arg)))
            return receiver, body.inspects

    def inspect(self, message: Ingress) -> Reject | None:
        """Check a message and let its canister inspect it. Called on a worker's thread; returns why
        it is refused, or None."""
        try:
            self.check(message)
            self._management.queries.inspect(
                message.sender, message.canister_id, message.method, message.arg
            )
        except CallError as error:
            return error.reject()
        return None

    def start_inspection(self, message: Ingress) -> Future[Reject | None] | None:
        """Begin to inspect a message; None when its canister does not want to, or when the message
        was let in before."""
        body = self._core.bodies.get(message.canister_id)
        if body is None or not body.inspects:
            return None
        if message.request_id in self._core.subnet.results:
            return None
        return self._inspections.start(message.canister_id, lambda: self.inspect(message))
