"""Calls to canisters that are not ours."""

from typing import Any

from kybra import CallResult


def bounded(call: "CallResult[Any]", seconds: int) -> "CallResult[Any]":
    """Let `call`, not sent yet, end after `seconds` (at most 300) without an answer.

    Its result is then an Err that begins with "Rejection code 6", and whether it was executed is
    not known: the callee must be asked. An answer that comes later is dropped. Without a bound, a
    callee that never answers would keep this canister from ever being stopped, and so upgraded.

    Kybra 0.7.1 cannot make such calls. What it builds of these sources waits without a bound; that
    is why the method is looked up, and why everything that waits has a limit of its own besides.
    """
    with_timeout = getattr(call, "with_timeout", None)
    if with_timeout is None:
        return call
    limited: CallResult[Any] = with_timeout(seconds)
    return limited
