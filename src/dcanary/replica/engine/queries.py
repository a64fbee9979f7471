"""Non-replicated execution: queries, composite queries and inspect_message.

They run on readers, beside rounds and each other: each sees the state that was committed when it
began. A composite query keeps its changes across its own callbacks until it is answered, as its
callees are other canisters (calling back into one that is already in the chain is refused); these
begin later and may see a later state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from dcanary.candid.principal import to_text
from dcanary.replica.api import DataCertificate, Reject, Reply
from dcanary.replica.engine.core import Core
from dcanary.replica.engine.executor import failure
from dcanary.replica.state import limits
from dcanary.replica.state.errors import CallError, ErrorCode
from dcanary.replica.state.records import MANAGEMENT, Canister, Closure
from dcanary.replica.vm import execution as ctx
from dcanary.replica.vm.body import INSPECT_MESSAGE, Body
from dcanary.replica.vm.execution import Execution, OutgoingCall
from dcanary.replica.vm.reader import Reader

ManagementQuery = Callable[[bytes, str, bytes], Reply | Reject]
"""(caller, method, arg)."""
_CERTIFIED_SECONDS = 1.0
"""How long a query waits for a certificate of the present state at most."""


@dataclass(slots=True)
class _Chain:
    """Time, budget and canisters of one query and the queries it calls."""

    now: int
    instructions: int = field(default_factory=lambda: limits.COMPOSITE_INSTRUCTIONS)
    canisters: list[bytes] = field(default_factory=list)


class Queries:
    """Answers queries against the committed state. May be used by many threads."""

    def __init__(self, core: Core, management: ManagementQuery) -> None:
        self._core = core
        self._management = management

    def query(
        self,
        sender: bytes,
        canister_id: bytes,
        method: str,
        arg: bytes,
        data_certificate: DataCertificate | None,
    ) -> Reply | Reject:
        """Answer one query. Called without the lock of the state."""
        if canister_id == MANAGEMENT:
            with self._core.runs.lock:
                return self._management(sender, method, arg)
        return self._evaluate(sender, canister_id, method, arg, data_certificate, self._chain())

    def transform(self, key: bytes, canister_id: bytes, method: str, arg: bytes) -> Reply | Reject:
        """Run the transform function of an HTTPS outcall, as a run named `key` of a round.

        Without a limit of time, other than queries: its result is part of the state.
        """
        runs = self._core.runs
        try:
            canister, body, entry, _ = self._find(canister_id, method, self._chain())
            reader = body.open_reader()
        except CallError as error:
            return error.reject()
        # Part of a round, so at its time, not at the clock's.
        now = self._core.subnet.now
        execution = self._execution(ctx.TRANSFORM, canister, reader, MANAGEMENT, now)
        execution.arg, execution.method = arg, method
        run = runs.begin(key)
        try:
            reader.run(execution, entry, wall_clock=False)
        finally:
            runs.end(run)
            body.close_reader(reader)
        if execution.error is not None:
            return failure(canister, execution.error)
        answer = _answer_of(execution)
        if answer is None:
            return failure(canister, _no_answer())
        return answer

    def inspect(self, sender: bytes, canister_id: bytes, method: str, arg: bytes) -> None:
        """Let a canister look at an ingress message. Called without the lock of the state.

        Raises `CallError` when it refuses.
        """
        with self._core.runs.lock:
            canister = self._core.canister(canister_id)
            body = self._core.body(canister)
            reader = body.open_reader()
            execution = self._execution(ctx.INSPECT, canister, reader, sender, self._core.clock())
        execution.limit = limits.INSPECT_INSTRUCTIONS
        execution.arg, execution.method = arg, method
        try:
            reader.run(execution, INSPECT_MESSAGE)
        finally:
            with self._core.runs.lock:
                body.close_reader(reader)
        if execution.error is not None:
            reject = failure(canister, execution.error)
            raise CallError(execution.error.code, reject.message)
        if not execution.accepted:
            raise CallError(
                ErrorCode.CANISTER_REJECTED,
                f"Error from Canister {to_text(canister.id)}: Canister rejected the message",
            )

    # Inside --------------------------------------------------------------------------------

    def _chain(self) -> _Chain:
        return _Chain(self._core.clock())

    def _execution(
        self, context: int, canister: Canister, reader: Reader, sender: bytes, now: int
    ) -> Execution:
        assert reader.stable is not None
        made = Execution(
            context=context,
            canister=canister,
            memory=reader.memory,
            stable=reader.stable,
            now=max(now, self._core.subnet.now),
            limit=limits.QUERY_INSTRUCTIONS,
            surroundings=self._core.surroundings,
            balance=canister.balance,
            threshold=self._core.threshold(canister),
        )
        made.caller = sender
        return made

    def _find(
        self, canister_id: bytes, method: str, chain: _Chain
    ) -> tuple[Canister, Body, str, int]:
        """Return canister, body, entry point and context of a query. Raises `CallError`."""
        canister = self._core.canister(canister_id)
        self._core.check_running(canister)
        body = self._core.body(canister)
        self._core.require(canister, 0)
        entry, context = _query_entry(canister, body, method)
        if canister_id in chain.canisters:
            raise CallError(
                ErrorCode.QUERY_LOOP,
                f"Canister {to_text(canister_id)} is called again within one composite query",
            )
        if len(chain.canisters) > limits.COMPOSITE_DEPTH:
            raise CallError(
                ErrorCode.QUERY_DEPTH,
                f"Composite query calls are nested deeper than {limits.COMPOSITE_DEPTH}",
            )
        return canister, body, entry, context

    def _evaluate(
        self,
        sender: bytes,
        canister_id: bytes,
        method: str,
        arg: bytes,
        certificate: DataCertificate | None,
        chain: _Chain,
    ) -> Reply | Reject:
        try:
            with self._core.runs.lock:
                if certificate is not None:
                    self._core.certified.wait_for(
                        lambda: canister_id not in self._core.uncertified, _CERTIFIED_SECONDS
                    )
                canister, body, entry, context = self._find(canister_id, method, chain)
                reader = body.open_reader()
                execution = self._execution(context, canister, reader, sender, chain.now)
        except CallError as error:
            return error.reject()
        execution.arg, execution.method = arg, method
        execution.data_certificate = certificate
        chain.canisters.append(canister_id)
        try:
            return self._run(execution, reader, entry, chain)
        except CallError as error:
            return failure(canister, error)
        finally:
            chain.canisters.pop()
            with self._core.runs.lock:
                body.close_reader(reader)

    def _run(
        self, execution: Execution, reader: Reader, entry: str, chain: _Chain
    ) -> Reply | Reject:
        canister = execution.canister
        _step(execution, reader, entry, chain)
        answer = _answer_of(execution)
        waiting: deque[OutgoingCall] = deque(execution.calls)
        while waiting and answer is None:
            call = waiting.popleft()
            chain.instructions -= limits.COMPOSITE_CALL_OVERHEAD
            if call.callee == MANAGEMENT:
                with self._core.runs.lock:
                    result = self._management(canister.id, call.method, bytes(call.payload))
            else:
                result = self._evaluate(
                    canister.id, call.callee, call.method, bytes(call.payload), None, chain
                )
            replied = isinstance(result, Reply)
            context = ctx.COMPOSITE_REPLY if replied else ctx.COMPOSITE_REJECT
            with self._core.runs.lock:
                callback = self._execution(context, canister, reader, execution.caller, chain.now)
            callback.now = execution.now
            if isinstance(result, Reply):
                callback.arg = result.data
            else:
                callback.reject_code, callback.reject_message = result.code, result.message
            _step(callback, reader, call.on_reply if replied else call.on_reject, chain)
            waiting.extend(callback.calls)
            answer = _answer_of(callback)
        if answer is None:
            raise _no_answer()
        return answer


def _step(execution: Execution, reader: Reader, entry: str | Closure, chain: _Chain) -> None:
    """Run one entry point or callback within the chain's budget. Raises `CallError`."""
    execution.limit = min(execution.limit, chain.instructions)
    if execution.limit <= 0:
        raise CallError(
            ErrorCode.QUERY_INSTRUCTIONS,
            "Composite query call exceeded the limit of "
            f"{limits.COMPOSITE_INSTRUCTIONS} instructions.",
        )
    chain.instructions -= reader.run(execution, entry)
    if execution.error is not None:
        raise execution.error


def _no_answer() -> CallError:
    return CallError(ErrorCode.DID_NOT_REPLY, "Canister did not reply to the call.")


def _answer_of(execution: Execution) -> Reply | Reject | None:
    if execution.reply is not None:
        return Reply(execution.reply)
    if execution.reject is not None:
        code = ErrorCode.CANISTER_REJECTED
        return Reject(code.reject_code, execution.reject, code.text)
    return None


def _query_entry(canister: Canister, body: Body, method: str) -> tuple[str, int]:
    assert body.module is not None
    entry = f"canister_query {method}"
    if body.module.exports(entry):
        return entry, ctx.QUERY
    entry = f"canister_composite_query {method}"
    if body.module.exports(entry):
        return entry, ctx.COMPOSITE
    raise CallError(
        ErrorCode.METHOD_NOT_FOUND,
        f"Error from Canister {to_text(canister.id)}: Canister has no query method '{method}'.",
    )
