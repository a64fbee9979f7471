"""System API: the incoming message and its answer."""

from __future__ import annotations

from operator import attrgetter

from dcanary.replica.state import limits
from dcanary.replica.vm import execution as ctx
from dcanary.replica.vm.execution import Execution
from dcanary.replica.vm.system_api.registry import Registry, Values, read, violation

_CALLS = (
    ctx.UPDATE | ctx.REPLICATED_QUERY | ctx.QUERY | ctx.COMPOSITE
    | ctx.REPLY | ctx.REJECT | ctx.COMPOSITE_REPLY | ctx.COMPOSITE_REJECT
)  # fmt: skip
_ANSWERING = _CALLS | ctx.TRANSFORM
_ARGUMENT = (
    ctx.INIT | ctx.UPDATE | ctx.REPLICATED_QUERY | ctx.QUERY | ctx.TRANSFORM | ctx.COMPOSITE
    | ctx.REPLY | ctx.COMPOSITE_REPLY | ctx.INSPECT
)  # fmt: skip
_REJECTED = ctx.REJECT | ctx.COMPOSITE_REJECT
_REJECT_CODE = ctx.REPLY | ctx.COMPOSITE_REPLY | _REJECTED | ctx.CLEANUP
_CALLER_INFO = _CALLS | ctx.CLEANUP | ctx.COMPOSITE_CLEANUP | ctx.INSPECT


def _check_open(execution: Execution, function: str) -> None:
    if execution.responded or execution.answered:
        raise violation(f"ic0.{function}: the call is already replied")


def _check_size(execution: Execution, size: int) -> None:
    most = (
        limits.MAX_QUERY_REPLY_PAYLOAD
        if execution.context & ctx.NON_REPLICATED
        else limits.MAX_REPLY_PAYLOAD
    )
    if size > most:
        raise violation(f"application payload size ({size}) cannot be larger than {most}")


def register(registry: Registry) -> None:
    """Define the functions of this topic."""
    mask = registry.mask

    def append(execution: Execution, values: Values) -> None:
        if execution.responded or execution.reply is not None or execution.reject is not None:
            _check_open(execution, "msg_reply_data_append")
        size = values[2] & mask
        total = len(execution.reply_data) + size
        if total > limits.MAX_REPLY_PAYLOAD:
            _check_size(execution, total)
        execution.reply_data += read(execution, values[0] & mask, size)

    def reply(execution: Execution, _values: Values) -> None:
        if execution.responded or execution.reply is not None or execution.reject is not None:
            _check_open(execution, "msg_reply")
        execution.reply = bytes(execution.reply_data)

    def reject(execution: Execution, values: Values) -> None:
        _check_open(execution, "msg_reject")
        size = values[2] & mask
        _check_size(execution, size)
        text = read(execution, values[0] & mask, size)
        try:
            execution.reject = text.decode()
        except UnicodeDecodeError:
            raise violation("ic0.msg_reject: the message is not UTF-8") from None

    def reject_code(execution: Execution, values: Values) -> None:
        values[0] = execution.reject_code

    def deadline(execution: Execution, values: Values) -> None:
        call = execution.call_context
        values[0] = 0 if call is None else call.deadline

    def accept_message(execution: Execution, _values: Values) -> None:
        if execution.accepted:
            raise violation("ic0.accept_message: the message is already accepted")
        execution.accepted = True

    registry.define_sized("msg_arg_data", _ARGUMENT, attrgetter("arg"))
    registry.define_sized("msg_caller", ctx.ANY, attrgetter("caller"))
    registry.define_sized("msg_caller_info_data", _CALLER_INFO, lambda _: b"")
    registry.define_sized("msg_caller_info_signer", _CALLER_INFO, lambda _: b"")
    registry.define_sized("msg_reject_msg", _REJECTED, lambda e: e.reject_message.encode())
    registry.define_sized("msg_method_name", ctx.INSPECT, lambda e: e.method.encode())
    registry.define("msg_reply_data_append", _ANSWERING, append)
    registry.define("msg_reply", _ANSWERING, reply)
    registry.define("msg_reject", _ANSWERING, reject)
    registry.define("msg_reject_code", _REJECT_CODE, reject_code)
    registry.define("msg_deadline", _CALLS, deadline)
    registry.define("accept_message", ctx.INSPECT, accept_message)
