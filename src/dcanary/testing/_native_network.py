"""The network of native canisters: one clock, one queue, a management canister of handlers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dcanary.testing._messages import (
    MANAGEMENT,
    Canister,
    CanisterReject,
    Context,
    ManagementCall,
    Message,
    NoAnswer,
    Origin,
    QuerySession,
    Request,
    Response,
    as_seen_by_caller,
)
from dcanary.testing._native_canister import NativeCanister
from dcanary.testing._principals import ANONYMOUS, Principal, PrincipalLike, as_principal
from dcanary.testing._system import Execution, OutgoingCall

DEFAULT_TIME_NS = 1_700_000_000_000_000_000
DEFAULT_CYCLES = 100_000_000_000_000
SECOND = 1_000_000_000
MAX_CALL_TIMEOUT_SECONDS = 300
MAX_STEPS = 100_000


class NativeNetwork:
    """Canisters that can call each other, one clock, and a management canister made of handlers.

    `management` maps method names to functions of a ManagementCall; they return the result as a
    Python value (for methods that `kybra.canisters.management` describes) or as Candid bytes, or
    raise CanisterReject or NoAnswer. `raw_rand` is there from the start (deterministic); everything
    else answers with a reject until a test registers it.
    """

    def __init__(self, time_ns: int = DEFAULT_TIME_NS) -> None:
        self.time_ns = time_ns
        self.canisters: dict[bytes, NativeCanister] = {}
        self.management: dict[str, Callable[[ManagementCall], Any]] = {"raw_rand": self._raw_rand}
        self.messages: deque[Message] = deque()
        """Those under way, the next one first. Tests may take out, drop and reorder them."""
        self._bounded: list[Origin] = []
        """Open bounded-wait calls."""
        self._random_calls = 0
        self._next_id = 0

    def install(
        self,
        main: Path,
        arg: bytes | Sequence[Any] = (),
        *,
        caller: PrincipalLike = ANONYMOUS,
        cycles: int = DEFAULT_CYCLES,
        canister_id: PrincipalLike | None = None,
    ) -> NativeCanister:
        """Load the canister whose main module is `main` and run its init.

        `arg` is Candid bytes or the init arguments as Python values; `caller` becomes the
        controller. Raises CanisterTrap when init traps, what the sources raise when they do not
        load (`kybra.LoadError` for what is not supported).
        """
        chosen = self._new_id() if canister_id is None else as_principal(canister_id)
        if chosen.bytes in self.canisters:
            raise ValueError(f"there is already a canister {chosen}; upgrade or reinstall it")
        canister = NativeCanister(self, chosen, cycles, as_principal(caller))
        canister._load(main)
        data = canister.lifecycle_arguments("init", arg)
        execution = Execution("init", as_principal(caller).bytes, data)
        canister._lifecycle("canister_init", execution)
        self.canisters[chosen.bytes] = canister
        return canister

    def _new_id(self) -> Principal:
        while True:
            candidate = Principal(self._next_id.to_bytes(8, "big") + b"\x01\x01")
            self._next_id += 1
            if candidate.bytes not in self.canisters:
                return candidate

    def advance(self, seconds: float) -> None:
        """Finish what is under way and move the clock; timers and deadlines of calls that come on
        the way are served at their time, oldest first."""
        self.run()
        target = self.time_ns + round(seconds * SECOND)
        while True:
            due = [c for c in self.canisters.values() if 0 < c.timer_ns <= target]
            self._bounded = [origin for origin in self._bounded if not origin.answered]
            deadlines = [one.deadline_ns for one in self._bounded if one.deadline_ns <= target]
            if not due and not deadlines:
                break
            canister = min(due, key=lambda each: (each.timer_ns, each.id.bytes), default=None)
            if canister is None or (deadlines and min(deadlines) <= canister.timer_ns):
                self.time_ns = max(self.time_ns, min(deadlines))
                self._expire_calls()
            else:
                self.time_ns = max(self.time_ns, canister.timer_ns)
                canister.fire_timer()
            self.run()
        self.time_ns = target

    def _expire_calls(self) -> None:
        """Answer bounded-wait calls whose deadline has come; whoever answers later is not heard."""
        for origin in [one for one in self._bounded if one.deadline_ns <= self.time_ns]:
            self._bounded.remove(origin)
            unknown = CanisterReject(6, "IC0601: No answer came before the deadline of the call")
            self.messages.append(Response(origin, unknown, 0))

    def tick(self) -> None:
        """Run due timers and one round of heartbeats."""
        self.advance(0)
        for canister in list(self.canisters.values()):
            canister._heartbeat()
        self.run()

    def step(self) -> bool:
        """Process one message; False when there is none."""
        if not self.messages:
            return False
        self._process(self.messages.popleft(), self.messages, None)
        return True

    def run(self) -> None:
        """Process messages until there are none."""
        for _ in range(MAX_STEPS):
            if not self.step():
                return
        raise AssertionError(f"the canisters still send messages after {MAX_STEPS} of them")

    def _process(
        self, message: Message, queue: deque[Message], session: QuerySession | None
    ) -> None:
        if isinstance(message, Request):
            context = message.context
            if context.origin is not None and context.origin.answered:
                return  # not begun at its deadline
            execution = Execution(
                context.kind,
                context.caller,
                message.arg,
                context.method,
                cycles_available=context.cycles,
                can_reply=True,
                can_call=context.kind != "query",
                deadline_ns=context.deadline_ns,
            )
            export = f"canister_{context.kind} {context.method}"
            context.canister._execute(execution, export, context, queue, session)
            return
        origin = message.origin
        if origin.answered:
            return
        origin.answered = True
        context = origin.context
        context.open_calls -= 1
        context.canister.cycles += message.refund
        outcome = message.outcome
        rejected = isinstance(outcome, CanisterReject)
        execution = Execution(
            "reject" if rejected else "reply",
            context.caller,
            outcome if isinstance(outcome, bytes) else b"",
            reject_code=outcome.code if isinstance(outcome, CanisterReject) else 0,
            reject_message=outcome.message if isinstance(outcome, CanisterReject) else "",
            cycles_available=context.cycles,
            cycles_refunded=message.refund,
            can_reply=context.kind in ("update", "query", "composite_query"),
            replied=context.answered,
            can_call=True,
            deadline_ns=context.deadline_ns,
        )
        context.canister._resume(execution, origin.token, context, queue, session)

    def _send(
        self,
        context: Context,
        call: OutgoingCall,
        queue: deque[Message],
        session: QuerySession | None,
    ) -> None:
        """Route a committed call."""
        origin = Origin(context, call.token) if call.token else None
        if origin is not None:
            context.open_calls += 1
            if call.timeout is not None and session is None:
                seconds = min(call.timeout, MAX_CALL_TIMEOUT_SECONDS)
                origin.deadline_ns = self.time_ns + seconds * SECOND
                self._bounded.append(origin)
        if call.callee == MANAGEMENT:
            try:
                outcome, refund = self._manage(context.canister, call)
            except NoAnswer:
                return
        else:
            found = self._open_context(context, call, origin, session)
            if isinstance(found, Context):
                queue.append(Request(found, call.arg))
                return
            outcome, refund = found, call.cycles
        if origin is not None:
            queue.append(Response(origin, outcome, refund))
        else:
            context.canister.cycles += refund

    def _open_context(
        self,
        context: Context,
        call: OutgoingCall,
        origin: Origin | None,
        session: QuerySession | None,
    ) -> Context | CanisterReject:
        callee = self.canisters.get(call.callee)
        if callee is None:
            return CanisterReject(3, f"IC0301: Canister {Principal(call.callee)} not found")
        kinds = ("query", "composite_query") if session is not None else ("update", "query")
        for kind in kinds:
            if f"canister_{kind} {call.method}" in callee.exports:
                caller = context.canister.id.bytes
                return Context(callee, kind, call.method, caller, call.cycles, origin)
        return CanisterReject(
            5,
            f"IC0536: Error from Canister {callee.id}: Canister has no "
            f"{'query' if session is not None else 'update'} method '{call.method}'",
        )

    def _manage(self, canister: Canister, call: OutgoingCall) -> tuple[bytes | CanisterReject, int]:
        handler = self.management.get(call.method)
        if handler is None:
            return CanisterReject(
                3,
                f"the native network has no handler for the management method {call.method!r}: set "
                f"network.management[{call.method!r}]",
            ), call.cycles
        args, encode = canister._management_types(call.method, call.arg)
        described = ManagementCall(canister.id, call.method, call.arg, args, call.cycles, canister)
        try:
            answer = handler(described)
        except CanisterReject as reject:
            return reject, call.cycles
        if encode is not None:
            return encode(answer), 0
        if not isinstance(answer, bytes):
            raise TypeError(f"the handler of {call.method} must return Candid bytes")
        return answer, 0

    def _raw_rand(self, call: ManagementCall) -> bytes:
        self._random_calls += 1
        return self._random_calls.to_bytes(32, "big")

    def _answer(
        self, context: Context, outcome: bytes | CanisterReject, queue: deque[Message]
    ) -> None:
        context.answered = True
        context.outcome = outcome
        refund, context.cycles = context.cycles, 0
        if context.origin is not None:
            queue.append(Response(context.origin, as_seen_by_caller(context, outcome), refund))
