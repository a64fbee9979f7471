"""Applies inputs to the state. The same functions run live and when the log is replayed.

Rounds are inputs too, which `rounds` runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dcanary.replica.api import Ingress, Reject, Reply
from dcanary.replica.engine.core import Core
from dcanary.replica.engine.executor import Executor
from dcanary.replica.engine.management import Management
from dcanary.replica.engine.native import NativeCanister, Natives
from dcanary.replica.engine.scheduler import Scheduler
from dcanary.replica.state.records import INGRESS, Answer, Caller, Request, Result

Input = list[Any]
"""Kind and values, as written to the log."""


class Inputs:
    """Everything that changes the replicated state comes through here."""

    def __init__(self, core: Core, natives: Sequence[NativeCanister] = ()) -> None:
        self.core = core
        self.management = Management(core, frozenset(native.id for native in natives))
        self.executor = Executor(core)
        self.natives = Natives(core, self.management, natives)
        self._effects: dict[str, Callable[..., Any]] = {
            "time": self._time,
            "ingress": self._ingress,
            "add_cycles": self._add_cycles,
            "set_stable": self._set_stable,
            "outcall_reply": self._outcall_reply,
            "outcall_reject": self._outcall_reject,
            "release": self._release,
        }
        self.scheduler = Scheduler(core, self.executor, self.management, self.natives)

    def apply(self, entry: Sequence[Any]) -> Any:
        """Apply one input other than a round."""
        with self.core.runs.lock:
            return self._effects[entry[0]](*entry[1:])

    # What an input is called in the log ------------------------------------------------------

    @staticmethod
    def ingress(message: Ingress, target: bytes) -> Input:
        return [
            "ingress",
            message.request_id,
            message.sender,
            message.canister_id,
            message.method,
            message.arg,
            message.ingress_expiry,
            target,
        ]

    @staticmethod
    def answer(request_id: int, answer: Reply | Reject) -> Input:
        if isinstance(answer, Reply):
            return ["outcall_reply", request_id, answer.data]
        return ["outcall_reject", request_id, answer.code, answer.message, answer.error_code]

    # Effects -------------------------------------------------------------------------------

    def _release(self) -> None:
        """Let messages about canisters that were held be begun again."""
        self.scheduler.hold(frozenset())

    def _time(self, time: int) -> None:
        self.core.subnet.now = time

    def _ingress(
        self,
        request_id: bytes,
        sender: bytes,
        receiver: bytes,
        method: str,
        arg: bytes,
        expiry: int,
        target: bytes,
    ) -> None:
        core = self.core
        subnet = core.subnet
        payer = subnet.canisters.get(target)
        if payer is not None:
            core.consume(payer, core.costs.ingress(len(method.encode()) + len(arg)))
        subnet.results[request_id] = Result(sender, target, expiry, "received")
        core.changed_requests.add(request_id)
        subnet.queue.append(Request(receiver, method, arg, Caller(INGRESS, sender, request_id), 0))

    def _add_cycles(self, canister_id: bytes, amount: int) -> int:
        canister = self.core.subnet.canisters[canister_id]
        self.core.deposit(canister, amount)
        return canister.balance

    def _set_stable(self, canister_id: bytes, content: bytes) -> None:
        canister = self.core.subnet.canisters[canister_id]
        body = self.core.bodies.get(canister.id)
        if body is not None:
            body.stable.replace(content)

    def _outcall_reply(self, request_id: int, data: bytes) -> None:
        outcall = self.core.subnet.outcalls.pop(request_id)
        self.core.subnet.queue.append(Answer(outcall, data))

    def _outcall_reject(self, request_id: int, code: int, message: str, error: str) -> None:
        outcall = self.core.subnet.outcalls.pop(request_id)
        self.core.subnet.queue.append(Answer(outcall, None, code, message, error))
