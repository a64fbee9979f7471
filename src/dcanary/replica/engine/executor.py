"""Replicated execution: updates, callbacks, heartbeats and timers, with commit and rollback."""

from __future__ import annotations

from dcanary.candid.principal import to_text
from dcanary.replica.api import Reject, Reply
from dcanary.replica.engine.core import Core
from dcanary.replica.state import limits
from dcanary.replica.state.errors import CallError, ErrorCode
from dcanary.replica.state.records import (
    CALL,
    INGRESS,
    STOPPING,
    TASK,
    Callback,
    CallContext,
    Caller,
    Canister,
    Closure,
    Request,
    Response,
    Status,
)
from dcanary.replica.vm import execution as ctx
from dcanary.replica.vm.body import Body
from dcanary.replica.vm.execution import Execution
from dcanary.replica.vm.system_api.calls import discard

EMPTY_REPLY = b"DIDL\0\0"
"""Candid ()."""


class Executor:
    """Runs messages of one subnet, one after the other."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._prepaid = {
            is_64: core.costs.execution(limits.UPDATE_INSTRUCTIONS, is_64)
            for is_64 in (False, True)
        }
        """Cycles of a message that uses all its instructions, by the width of its memory."""
        self.instructions = 0
        """Executed in the current round."""

    # Entry points --------------------------------------------------------------------------

    def request(self, request: Request) -> None:
        """Execute a call to a canister; every outcome is answered."""
        try:
            canister, body = self._core.callee(request.receiver)
            method = request.method
            entry, context = body.update_entries.get(method) or _update_entry(
                canister, body, method
            )
            prepaid = self._prepaid[body.is_64]
            threshold = self._core.require(canister, prepaid)
        except CallError as error:
            self._core.respond(request.caller, error.reject(), request.cycles)
            return
        call = self._open_context(canister, request)
        if context == ctx.UPDATE:
            call.deadline = request.deadline
        execution = self._execution(context, canister, body, call, threshold)
        execution.arg = request.arg
        execution.caller = request.caller.principal
        execution.method = method
        execution.available = request.cycles
        self._run(execution, body, entry, prepaid)
        if execution.error is None:
            if context == ctx.REPLICATED_QUERY:
                body.rollback()
            self._apply(execution, call)
        else:
            self._answer(canister, call, failure(canister, execution.error))
        self._close_context(canister, call)

    def response(self, response: Response) -> None:
        """Run the callback of an answered call."""
        canister = self._core.subnet.canisters.get(response.receiver)
        if canister is None:
            return  # deleted in the meantime; the refund is lost with it
        callback = canister.callbacks.pop(response.callback, None)
        if callback is None:
            return
        if callback.deadline:
            self._core.deadlines.forget(canister.id, callback.id)
        _count_down(canister.outstanding, callback.callee)
        size = len(response.reply) if response.reply is not None else len(response.message)
        sending = min(self._core.costs.response(size), callback.reserved)
        self._core.deposit(canister, response.refund + callback.reserved - sending)
        canister.consumed += sending
        call = canister.contexts.get(callback.context)
        if call is None:
            return
        call.pending -= 1
        body = self._core.bodies.get(canister.id)
        if call.deleted or body is None or body.module is None:
            self._close_context(canister, call)
            return
        self._callback(canister, body, call, callback, response)
        self._close_context(canister, call)

    def task(self, canister: Canister, entry: str) -> None:
        """Run a heartbeat or timer; failures go to the canister's log."""
        try:
            body = self._core.body(canister)
            prepaid = self._prepaid[body.is_64]
            threshold = self._core.require(canister, prepaid)
        except CallError:
            return  # frozen or emptied canisters skip their tasks
        caller = Caller(TASK, b"")
        call = self._open_context(canister, Request(canister.id, entry, b"", caller, 0))
        execution = self._execution(ctx.TASK, canister, body, call, threshold)
        self._run(execution, body, entry, prepaid)
        if execution.error is None:
            self._apply(execution, call)
        self._close_context(canister, call)

    # Running -------------------------------------------------------------------------------

    def _execution(
        self, context: int, canister: Canister, body: Body, call: CallContext, threshold: int
    ) -> Execution:
        core = self._core
        return Execution(
            context,
            canister,
            body.memory,
            body.stable,
            core.subnet.now,
            limits.UPDATE_INSTRUCTIONS,
            core.surroundings,
            canister.balance,
            threshold,
            call,
        )

    def _run(self, execution: Execution, body: Body, entry: str | Closure, prepaid: int) -> None:
        """Run and commit, or roll back when it traps (`execution.error`); charge what it used of
        the cycles `prepaid`."""
        canister = execution.canister
        core = self._core
        runs = core.runs
        execution.balance -= prepaid
        execution.begun_with = execution.balance
        run = runs.begin(canister.id)
        try:
            used = body.run(execution, entry)
        except CallError as error:
            execution.error = error
            used = 0
        finally:
            runs.end(run)
        self.instructions += used
        if execution.call_context is not None:
            execution.call_context.instructions += used
        for line in execution.logs:
            core.log(canister, line)
        price = core.costs.execution(used, body.is_64)
        if price > prepaid:
            price = prepaid
        context = execution.context
        limit = canister.settings.wasm_memory_limit
        if 0 < limit < body.memory.size and context == ctx.UPDATE and execution.error is None:
            execution.error = CallError(
                ErrorCode.WASM_MEMORY_LIMIT,
                f"Canister exceeded its current Wasm memory limit of {limit} bytes.",
            )
        if execution.error is not None:
            body.rollback()
            core.log(canister, b"[TRAP]: " + execution.error.message.encode())
            core.consume(canister, price)
            return
        if context != ctx.REPLICATED_QUERY:
            body.commit()
        self._settle(execution, price)

    def _settle(self, execution: Execution, price: int) -> None:
        """Charge what a successful execution used, and keep what it did to its balance."""
        canister = execution.canister
        if execution.building is not None:
            discard(execution)
        # What changed the balance meanwhile (fees, deposits) is kept.
        balance = canister.balance + execution.balance - execution.begun_with - price
        canister.balance = balance if balance > 0 else 0
        if balance > limits.MAX_CYCLES:
            canister.balance = limits.MAX_CYCLES
        canister.consumed += price + execution.burned

    def _callback(
        self,
        canister: Canister,
        body: Body,
        call: CallContext,
        callback: Callback,
        response: Response,
    ) -> None:
        assert body.module is not None
        replied = response.reply is not None
        context = ctx.REPLY if replied else ctx.REJECT
        threshold = self._core.threshold(canister)
        execution = self._execution(context, canister, body, call, threshold)
        execution.arg = response.reply or b""
        execution.caller = call.caller.principal
        execution.available = call.cycles
        execution.refunded = response.refund
        execution.reject_code = response.reject_code
        execution.reject_message = response.message
        prepaid = min(self._prepaid[body.is_64], max(canister.balance, 0))
        closure = callback.on_reply if replied else callback.on_reject
        self._run(execution, body, closure, prepaid)
        if execution.error is None:
            self._apply(execution, call)
            return
        if callback.on_cleanup is not None:
            cleanup = self._execution(ctx.CLEANUP, canister, body, call, threshold)
            cleanup.caller = call.caller.principal
            cleanup.reject_code = response.reject_code
            prepaid = min(prepaid, max(canister.balance, 0))
            self._run(cleanup, body, callback.on_cleanup, prepaid)
            if cleanup.error is None:
                self._apply(cleanup, call)
        if call.pending == 0 and not call.responded:
            self._answer(canister, call, failure(canister, execution.error))

    # Effects -------------------------------------------------------------------------------

    def _apply(self, execution: Execution, call: CallContext) -> None:
        canister = execution.canister
        if execution.context != ctx.REPLICATED_QUERY:
            canister.version += 1
        if execution.certified_data is not None or execution.timer is not None:
            apply_local_effects(self._core, execution)
        if execution.context != ctx.CLEANUP:
            call.cycles = execution.available
        for outgoing in execution.calls:
            number = self._core.subnet.next_context
            self._core.subnet.next_context += 1
            deadline = 0
            if outgoing.timeout is not None:
                seconds = min(outgoing.timeout, limits.MAX_CALL_TIMEOUT_SECONDS)
                deadline = execution.now + seconds * limits.SECOND
                self._core.deadlines.add(deadline, canister.id, number)
            canister.callbacks[number] = Callback(
                id=number,
                context=call.id,
                callee=outgoing.callee,
                on_reply=outgoing.on_reply,
                on_reject=outgoing.on_reject,
                on_cleanup=outgoing.on_cleanup,
                cycles=outgoing.cycles,
                reserved=outgoing.reserved,
                deadline=deadline,
            )
            canister.outstanding[outgoing.callee] = canister.outstanding.get(outgoing.callee, 0) + 1
            call.pending += 1
            self._core.subnet.queue.append(
                Request(
                    receiver=outgoing.callee,
                    method=outgoing.method,
                    arg=bytes(outgoing.payload),
                    caller=Caller(CALL, canister.id, callback=number),
                    cycles=outgoing.cycles,
                    deadline=deadline,
                )
            )
        if execution.reply is not None:
            call.responded = True
            refund, call.cycles = call.cycles, 0
            self._core.reply(call.caller, execution.reply, refund)
        elif execution.reject is not None:
            rejected = ErrorCode.CANISTER_REJECTED
            self._answer(
                canister, call, Reject(rejected.reject_code, execution.reject, rejected.text)
            )

    def _answer(self, canister: Canister, call: CallContext, answer: Reply | Reject) -> None:
        call.responded = True
        refund, call.cycles = call.cycles, 0
        self._core.respond(call.caller, answer, refund)

    def _open_context(self, canister: Canister, request: Request) -> CallContext:
        core, caller = self._core, request.caller
        subnet = core.subnet
        number = subnet.next_context
        subnet.next_context = number + 1
        call = CallContext(number, caller, request.method, request.cycles, subnet.now)
        canister.contexts[number] = call
        if caller.origin is INGRESS:
            core.show_processing(caller)
        return call

    def _close_context(self, canister: Canister, call: CallContext) -> None:
        """Forget the call once nothing of it is outstanding."""
        if call.pending:
            return
        if not call.responded and call.caller.origin is not TASK:
            error = CallError(
                ErrorCode.DID_NOT_REPLY,
                f"Error from Canister {to_text(canister.id)}: Canister did not reply to the call.",
            )
            self._answer(canister, call, error.reject())
        canister.contexts.pop(call.id, None)
        if canister.status is STOPPING:
            finish_stopping(self._core, canister)


def apply_local_effects(core: Core, execution: Execution) -> None:
    """Certified data and timer of a successful run."""
    canister = execution.canister
    if execution.certified_data is not None:
        canister.certified_data = execution.certified_data
        core.uncertified.add(canister.id)
    if execution.timer is not None:
        canister.timer = execution.timer
        core.index(canister)


def finish_stopping(core: Core, canister: Canister) -> None:
    """Let a stopping canister stop when its last call context is gone."""
    if canister.status is not STOPPING or canister.contexts:
        return
    canister.status = Status.STOPPED
    canister.version += 1
    stops, canister.stops = canister.stops, []
    core.index(canister)
    for stop in stops:
        core.respond(stop.caller, Reply(EMPTY_REPLY), stop.cycles)


def _count_down(counts: dict[bytes, int], key: bytes) -> None:
    left = counts.get(key, 0) - 1
    if left > 0:
        counts[key] = left
    else:
        counts.pop(key, None)


def failure(canister: Canister, error: CallError) -> Reject:
    """The reject a caller sees for an error inside of the canister."""
    return Reject(
        error.code.reject_code,
        f"Error from Canister {to_text(canister.id)}: {error.message}",
        error.code.text,
    )


def _update_entry(canister: Canister, body: Body, method: str) -> tuple[str, int]:
    """Entry point and context of a method, which the body remembers. Raises `CallError`."""
    assert body.module is not None
    for kind, context in (("update", ctx.UPDATE), ("query", ctx.REPLICATED_QUERY)):
        entry = f"canister_{kind} {method}"
        if body.module.exports(entry):
            body.update_entries[method] = entry, context
            return entry, context
    if body.module.exports(f"canister_composite_query {method}"):
        raise CallError(
            ErrorCode.COMPOSITE_IN_REPLICATED,
            f"Composite query {method} of canister {to_text(canister.id)} cannot be called in "
            "replicated mode",
        )
    raise CallError(
        ErrorCode.METHOD_NOT_FOUND,
        f"Error from Canister {to_text(canister.id)}: Canister has no update method '{method}'.",
    )
