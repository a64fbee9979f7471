"""What a round does: it resumes runs that are over, then runs due timers and heartbeats, then
messages in the order they were sent.

One queue holds all messages of the subnet, so messages between two canisters keep their order.
Messages about a canister whose run is beside the rounds wait until that is over.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from dcanary.candid.principal import to_text
from dcanary.replica.api import Reject
from dcanary.replica.engine.core import Core
from dcanary.replica.engine.executor import Executor
from dcanary.replica.engine.management import Management
from dcanary.replica.engine.native import Natives
from dcanary.replica.state import limits
from dcanary.replica.state.errors import ErrorCode
from dcanary.replica.state.records import MANAGEMENT, Answer, Canister, Request, Response, Status

_CHARGE_PERIOD = 10 * limits.SECOND
_PRUNE_PERIOD = limits.MINUTE
_TIMER, _HEARTBEAT = "canister_global_timer", "canister_heartbeat"


class Scheduler:
    """Runs rounds of one subnet."""

    def __init__(
        self, core: Core, executor: Executor, management: Management, natives: Natives
    ) -> None:
        self._core = core
        self._executor = executor
        self._management = management
        self._natives = natives
        self._native_ids = frozenset(natives.ids)
        self.held: frozenset[bytes] = frozenset()
        """Canisters about which nothing is begun, so that no run is beside some time."""

    def begin(
        self,
        time: int,
        resumed: Sequence[bytes],
        held: Sequence[bytes] | None,
        deadline: float | None,
        pause: int | None,
    ) -> None:
        """Begin a round at `time` (nanoseconds).

        Nothing about the canisters `held` is begun; nothing at all when that is None. No message is
        begun after the `deadline` (of the monotonic clock), or after `pause` messages.
        """
        self._only_resumes = held is None
        if held is not None:
            self.hold(frozenset(held))
        self._time = time
        self._resumed = deque(resumed)
        self._deadline = deadline
        self._pause = pause
        self._begun = False
        self._prepared = self._only_resumes
        self._tasks: deque[tuple[bytes, str]] = deque()
        self.delivered = 0
        """Messages so far in this round."""
        self.paused = False
        """Whether the deadline ended the round."""

    def hold(self, held: frozenset[bytes]) -> None:
        """Begin nothing about these canisters; messages about those no longer held come next."""
        runs = self._core.runs
        for key in sorted(self.held - held):
            if key not in runs.beside:
                self._core.subnet.queue.extendleft(reversed(runs.waiting.pop(key, [])))
        self.held = held

    def go_on(self) -> None:
        """Take back that the round was paused."""
        self._deadline = None
        self.paused = False

    def proceed(self) -> bool | None:
        """Go on with the round, with the lock of the state; returns whether messages are left
        over, or None when another thread has the lead now.

        All of a round's progress is in this object, not in this call: a thread that was resumed
        goes on in the loop of a call that began rounds ago.
        """
        subnet = self._core.subnet
        runs = self._core.runs
        if not self._begun:
            self._begun = True
            subnet.now = self._time
            subnet.rounds += 1
            self._executor.instructions = 0
            self._management.installer.instructions = 0
        while True:
            if self._resumed:
                run, waiting = runs.take(self._resumed.popleft())
                subnet.queue.extendleft(reversed(waiting))
                run.resume.set()
                return None
            if not self._prepared:
                self._prepare()
            elif self._tasks:
                self._task(*self._tasks.popleft())
            elif self._next_is_due():
                self.delivered += 1
                self._deliver(subnet.queue.popleft())
            else:
                break
        self._prune()
        if self._management.installer.instructions:
            used = {canister.module for canister in subnet.canisters.values()}
            self._core.runtime.forget_except(used)
        self._core.runtime.evict()
        return bool(subnet.queue)

    def _prepare(self) -> None:
        """What a round does before messages: charges, time-outs, the list of due tasks."""
        self._prepared = True
        self._charge_for_resources()
        self._stop_timeouts()
        self._expire_calls()
        core = self._core
        self._tasks.extend((item, _TIMER) for item in sorted(core.timers))
        self._tasks.extend((item, _HEARTBEAT) for item in sorted(core.heartbeats))

    def _next_is_due(self) -> bool:
        if self._only_resumes or not self._core.subnet.queue:
            return False
        spent = self._executor.instructions + self._management.installer.instructions
        if spent >= limits.ROUND_INSTRUCTIONS:
            return False
        if self._pause is not None and self.delivered >= self._pause:
            return False
        if self._deadline is not None and time.monotonic() > self._deadline:
            self.paused = True
            return False
        return True

    def has_work(self, now: int) -> bool:
        """Whether a round at `now` would do anything."""
        core = self._core
        if core.subnet.queue or core.runs.finished() or core.deadlines.is_due(now):
            return True
        canisters = core.subnet.canisters
        if any(self._may_run(canisters[item]) for item in core.heartbeats):
            return True
        for item in core.timers:
            canister = canisters[item]
            if self._may_run(canister) and canister.timer <= now:
                return True
        return any(
            stop.since + limits.STOP_TIMEOUT <= now
            for item in core.stopping
            for stop in canisters[item].stops
        )

    def _deliver(self, message: Request | Response | Answer) -> None:
        runs = self._core.runs
        about = message.receiver
        if isinstance(message, Request) and 0 < message.deadline <= self._core.subnet.now:
            # Its caller was told that the outcome is not known. Executing it late is allowed too;
            # the Internet Computer sheds such messages as well.
            return
        if runs.beside or self.held:
            subject = about
            if about == MANAGEMENT and isinstance(message, Request):
                subject = self._management.subject(message)
            if subject in runs.beside or subject in self.held:
                runs.defer(subject, message)
                return
        if isinstance(message, Request):
            if about == MANAGEMENT:
                self._management.call(message)
            elif about in self._native_ids:
                self._natives.call(message)
            else:
                self._executor.request(message)
        elif isinstance(message, Response):
            self._executor.response(message)
        else:
            self._management.finish_outcall(message)

    def _task(self, canister_id: bytes, entry: str) -> None:
        """Run a due timer or a heartbeat; those of a canister whose run is beside come later."""
        core = self._core
        canister = core.subnet.canisters.get(canister_id)
        if canister is None or not self._may_run(canister):
            return
        if entry == _TIMER:
            if not 0 < canister.timer <= core.subnet.now:
                return
            canister.timer = 0
            core.index(canister)
        body = core.bodies.get(canister_id)
        if body is not None and body.module is not None and body.module.exports(entry):
            self._executor.task(canister, entry)

    def _may_run(self, canister: Canister) -> bool:
        if canister.id in self.held or canister.id in self._core.runs.beside:
            return False
        return canister.status is Status.RUNNING

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

    def _expire_calls(self) -> None:
        """Answer bounded-wait calls whose deadline has come with SYS_UNKNOWN.

        An answer that comes later finds no callback and is dropped, with the cycles it refunds.
        """
        subnet = self._core.subnet
        code = ErrorCode.DEADLINE_EXPIRED
        for canister_id, number in self._core.deadlines.pop_due(subnet.now):
            canister = subnet.canisters.get(canister_id)
            callback = None if canister is None else canister.callbacks.get(number)
            if callback is None:
                continue
            callback.deadline = 0
            subnet.queue.append(
                Response(
                    canister_id,
                    number,
                    refund=0,
                    reject_code=code.reject_code,
                    message=f"No answer of {to_text(callback.callee)} came before the deadline of "
                    "the call; whether the call was executed is not known",
                    error_code=code.text,
                )
            )

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
                if canister.id in self._core.runs.beside:
                    continue  # at the latest when it is charged next
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
        self._core.changed_requests.update(old)
        kept = sum(len(result.reply or b"") for result in subnet.results.values())
        for request_id, result in subnet.results.items():
            if kept <= limits.MAX_KEPT_REPLIES:
                return
            if result.state == "replied" and result.expiry < subnet.now:
                kept -= len(result.reply or b"")
                result.state, result.reply = "done", None
                self._core.changed_requests.add(request_id)
