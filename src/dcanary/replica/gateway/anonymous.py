"""Updates that the gateway makes for callers without an identity."""

from __future__ import annotations

import os

from dcanary.candid import principal

from ..api import Ingress, Reject, Reply, RequestState
from ..node import Node
from ..wire.authentication import MAX_INGRESS_TTL_NS
from ..wire.request_id import hash_of_map

UPDATE_SECONDS = 60.0
"""How long an update may take."""


class NoAnswer(Exception):
    """The outcome is not known; the text says why. `late` when it may come yet."""

    def __init__(self, message: str, *, late: bool) -> None:
        super().__init__(message)
        self.late = late


async def update(node: Node, canister_id: bytes, method: str, arg: bytes) -> Reply | Reject:
    """Call a canister as the anonymous principal and wait for the outcome. Raises NoAnswer."""
    expiry = node.now() + MAX_INGRESS_TTL_NS
    content: dict[object, object] = {
        "request_type": "call",
        "sender": principal.ANONYMOUS,
        "nonce": os.urandom(16),
        "ingress_expiry": expiry,
        "canister_id": canister_id,
        "method_name": method,
        "arg": arg,
    }
    message = Ingress(hash_of_map(content), principal.ANONYMOUS, canister_id, method, arg, expiry)
    refusal = await node.submit(message)
    if refusal is not None:
        return refusal
    status = await node.wait(message.request_id, UPDATE_SECONDS)
    if status is None:
        raise NoAnswer(
            f"Canister {principal.to_text(canister_id)} did not answer within "
            f"{UPDATE_SECONDS:.0f} s",
            late=True,
        )
    if status.state is RequestState.DONE or status.result is None:
        raise NoAnswer("The answer of the canister is no longer known", late=False)
    return status.result
