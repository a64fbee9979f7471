"""Non-replicated execution: queries, composite queries and inspect_message.

Whatever they change is rolled back. A composite query keeps its changes across its own callbacks
until it is answered, as its callees are other canisters (calling back into one that is already
in the chain is refused).
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
from dcanary.replica.vm.body import Body
from dcanary.replica.vm.execution import Execution, OutgoingCall

ManagementQuery = Callable[[bytes, str, bytes], Reply | Reject]
"""(caller, method, arg)."""


@dataclass(slots=True)
class _Chain:
    """Budget and canisters of one query and the queries it calls."""

    instructions: int = field(default_factory=lambda: limits.COMPOSITE_INSTRUCTIONS)
    canisters: list[bytes] = field(default_factory=list)


class Queries:
    """Answers queries against the committed state."""

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
        """Answer one query."""
        if canister_id == MANAGEMENT:
            return self._management(sender, method, arg)
        answer = self._evaluate(sender, canister_id, method, arg, data_certificate, _Chain())
        self._core.runtime.evict()
        return answer

    def transform(self, canister_id: bytes, method: str, arg: bytes) -> Reply | Reject:
        """Run the transform function of an HTTPS outcall."""
        return self._evaluate(MANAGEMENT, canister_id, method, arg, None, _Chain(), transform=True)

    def inspect(self, sender: bytes, canister: Canister, method: str, arg: bytes) -> None:
        """Let the canister look at an ingress message. Raises `CallError` when it refuses."""
        body = self._core.body(canister)
        assert body.module is not None
        entry = "canister_inspect_message"
        if not body.module.exports(entry):
            return
        execution = self._execution(ctx.INSPECT, canister, body, sender)
        execution.limit = limits.INSPECT_INSTRUCTIONS
        execution.arg, execution.method = arg, method
        try:
            body.run(execution, entry, guarded=True)
        finally:
            body.rollback()
        if execution.error is not None:
            reject = failure(canister, execution.error)
            raise CallError(execution.error.code, reject.message)
        if not execution.accepted:
            raise CallError(
                ErrorCode.CANISTER_REJECTED,
                f"Error from Canister {to_text(canister.id)}: Canister rejected the message",
            )

    # Inside --------------------------------------------------------------------------------

    def _execution(self, context: int, canister: Canister, body: Body, sender: bytes) -> Execution:
        return Execution(
            context=context,
            canister=canister,
            memory=body.memory,
            stable=body.stable,
            now=self._core.subnet.now,
            limit=limits.QUERY_INSTRUCTIONS,
            surroundings=self._core.surroundings,
            balance=canister.balance,
            threshold=self._core.threshold(canister),
            caller=sender,
        )

    def _evaluate(
        self,
        sender: bytes,
        canister_id: bytes,
        method: str,
        arg: bytes,
        certificate: DataCertificate | None,
        chain: _Chain,
        transform: bool = False,
    ) -> Reply | Reject:
        try:
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
        except CallError as error:
            return error.reject()
        execution = self._execution(ctx.TRANSFORM if transform else context, canister, body, sender)
        execution.arg, execution.method = arg, method
        execution.data_certificate = certificate
        chain.canisters.append(canister_id)
        try:
            return self._run(execution, body, entry, chain)
        except CallError as error:
            return failure(canister, error)
        finally:
            chain.canisters.pop()
            body.rollback()

    def _run(
        self, execution: Execution, body: Body, entry: str | Closure, chain: _Chain
    ) -> Reply | Reject:
        canister = execution.canister
        self._step(execution, body, entry, chain)
        answer = _answer_of(execution)
        waiting: deque[OutgoingCall] = deque(execution.calls)
        while waiting and answer is None:
            call = waiting.popleft()
            chain.instructions -= limits.COMPOSITE_CALL_OVERHEAD
            if call.callee == MANAGEMENT:
                result = self._management(canister.id, call.method, bytes(call.payload))
            else:
                result = self._evaluate(
                    canister.id, call.callee, call.method, bytes(call.payload), None, chain
                )
            replied = isinstance(result, Reply)
            callback = self._execution(
                ctx.COMPOSITE_REPLY if replied else ctx.COMPOSITE_REJECT,
                canister,
                body,
                execution.caller,
            )
            if isinstance(result, Reply):
                callback.arg = result.data
            else:
                callback.reject_code, callback.reject_message = result.code, result.message
            self._step(callback, body, call.on_reply if replied else call.on_reject, chain)
            waiting.extend(callback.calls)
            answer = _answer_of(callback)
        if answer is None:
            raise CallError(ErrorCode.DID_NOT_REPLY, "Canister did not reply to the call.")
        return answer

    def _step(self, execution: Execution, body: Body, entry: str | Closure, chain: _Chain) -> None:
        """Run one entry point or callback within the chain's budget. Raises `CallError`."""
        execution.limit = min(execution.limit, chain.instructions)
        if execution.limit <= 0:
            raise CallError(
                ErrorCode.QUERY_INSTRUCTIONS,
                "Composite query call exceeded the limit of "
                f"{limits.COMPOSITE_INSTRUCTIONS} instructions.",
            )
        chain.instructions -= body.run(execution, entry, guarded=True)
        if execution.error is not None:
            raise execution.error


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
