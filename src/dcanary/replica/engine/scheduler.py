"""Rounds: due timers and heartbeats first, then messages in the order they were sent.

One queue holds all messages of the subnet, so messages between two canisters keep their order.
"""

from __future__ import annotations

from dcanary.candid.principal import to_text
from dcanary.replica.api import Reject
from dcanary.replica.engine.core import Core
from dcanary.replica.engine.executor import Executor
from dcanary.replica.engine.management import Management
from dcanary.replica.engine.native import Natives
from dcanary.replica.state import limits
from dcanary.replica.state.errors import ErrorCode
from dcanary.replica.state.records import MANAGEMENT, Canister, Request, Response, Status

_CHARGE_PERIOD = 10 * limits.SECOND
_PRUNE_PERIOD = limits.MINUTE


class Scheduler:
    """Runs rounds of one subnet."""

    def __init__(
        self, core: Core, executor: Executor, management: Management, natives: Natives
    ) -> None:
        self._core = core
        self._executor = executor
        self._management = management
        self._natives = natives

    def round(self, time: int) -> bool:
        """Run one round at `time`; returns whether messages are left over."""
        subnet = self._core.subnet
        subnet.now = time
        subnet.rounds += 1
        self._executor.instructions = 0
        self._management.installer.instructions = 0
        self._charge_for_resources()
        self._stop_timeouts()
        self._tasks()
        queue = subnet.queue
        while queue and self._spent() < limits.ROUND_INSTRUCTIONS:
            self._deliver(queue.popleft())
        self._prune()
        if self._management.installer.instructions:
            used = {canister.module for canister in subnet.canisters.values()}
            self._core.runtime.forget_except(used)
        self._core.runtime.evict()
        return bool(queue)

    def has_work(self, time: int) -> bool:
        """Whether a round at `time` would do anything."""
        core = self._core
        if core.subnet.queue:
            return True
        canisters = core.subnet.canisters
        if any(canisters[item].status is Status.RUNNING for item in core.heartbeats):
            return True
        for item in core.timers:
            canister = canisters[item]
            if canister.status is Status.RUNNING and canister.timer <= time:
                return True
        return any(
            stop.since + limits.STOP_TIMEOUT <= time
            for item in core.stopping
            for stop in canisters[item].stops
        )

    def _spent(self) -> int:
        return self._executor.instructions + self._management.installer.instructions

    def _deliver(self, message: Request | Response) -> None:
        if isinstance(message, Response):
            self._executor.response(message)
        elif message.receiver == MANAGEMENT:
            self._management.call(message)
        elif message.receiver in self._natives:
            self._natives.call(message)
        else:
            self._executor.request(message)

    def _tasks(self) -> None:
        core = self._core
        now = core.subnet.now
        for canister in self._running(core.timers):
            if 0 < canister.timer <= now:
                canister.timer = 0
                core.index(canister)
                body = core.bodies.get(canister.id)
                if body is not None and body.module is not None:
                    entry = "canister_global_timer"
                    if body.module.exports(entry):
                        self._executor.task(canister, entry)
        for canister in self._running(core.heartbeats):
            self._executor.task(canister, "canister_heartbeat")

    def _running(self, ids: set[bytes]) -> list[Canister]:
        canisters = self._core.subnet.canisters
        found = [canisters[item] for item in sorted(ids)]
        return [canister for canister in found if canister.status is Status.RUNNING]

    def _stop_timeouts(self) -> None:
        subnet = self._core.subnet
        for item in sorted(self._core.stopping):
            canister = subnet.canisters[item]
            due = [s for s in canister.stops if s.since + limits.STOP_TIMEOUT <= subnet.now]
            for stop in due:
                canister.stops.remove(stop)
                code = ErrorCode.STOP_TIMEOUT
                answer = Reject(
                    code.reject_code,
                    f"Stop canister {to_text(canister.id)} request timed out",
                    code.text,
                )
                self._core.respond(stop.caller, answer, stop.cycles)
            self._core.index(canister)

    def _charge_for_resources(self) -> None:
        """Burn what memory and allocations cost since the last time."""
        subnet = self._core.subnet
        passed = subnet.now - subnet.charged
        if passed < _CHARGE_PERIOD:
            return
        subnet.charged = subnet.now
        for canister in list(subnet.canisters.values()):
            price = self._core.costs.idle(
                self._core.charged_memory(canister),
                canister.settings.compute_allocation,
                min(passed, subnet.now - canister.created),
            )
            if price <= canister.balance:
                canister.balance -= price
                canister.consumed += price
            else:
                self._core.consume(canister, price)
                self._management.uninstall(canister, "the canister ran out of cycles")

    def _prune(self) -> None:
        """Forget old results of ingress messages."""
        subnet = self._core.subnet
        if subnet.now < subnet.pruned + _PRUNE_PERIOD:
            return
        subnet.pruned = subnet.now
        limit = subnet.now - limits.STATUS_RETENTION
        old = [
            request_id
            for request_id, result in subnet.results.items()
            if result.expiry < limit and result.state in ("replied", "rejected", "done")
        ]
        for request_id in old:
            del subnet.results[request_id]
        kept = sum(len(result.reply or b"") for result in subnet.results.values())
        for result in subnet.results.values():
            if kept <= limits.MAX_KEPT_REPLIES:
                return
            if result.state == "replied" and result.expiry < subnet.now:
                kept -= len(result.reply or b"")
                result.state, result.reply = "done", None
