"""What the network asks before it takes an update: is it worth one? Plain Python."""

from canisters.webhook.deliveries.decision import Decision
from canisters.webhook.deliveries.known import Known
from canisters.webhook.deliveries.routing import route_of
from canisters.webhook.deliveries.rules import decide
from canisters.webhook.deliveries.signed import check_signature, name
from canisters.webhook.providers.supported import SUPPORTED
from shared.rules.limits import (
    MAX_INSPECTED_BYTES,
    MAX_INSPECTED_FILTER_STEPS,
    MAX_INSPECTED_HASH_BYTES,
)

MAX_UPGRADE_NS = 30 * 10**9
"""The longest time that a gateway takes from the query's answer until it sends the update."""


def is_worth_an_update(
    known: Known,
    method: str,
    url: str,
    headers: "list[tuple[str, str]]",
    body: bytes,
    now_ns: int,
) -> bool:
    """Whether the update of this request records anything, as far as an inspection can tell.

    The network bounds the instructions of an inspection, which must not drop a good delivery: what
    would take too many is left to the update. Of a short body all is checked; of a longer one the
    signature and whether the body is new, or the signature alone.
    """
    if len(body) <= MAX_INSPECTED_BYTES:
        decision = decide(known, method, url, headers, body, now_ns, MAX_INSPECTED_FILTER_STEPS)
        return decision.event != "" or _was_just_recorded(known, decision, now_ns)
    route = route_of(url)
    registered = None if route is None else known.registered(route.repository)
    hashes = 0
    if route is not None and registered is not None:
        hashes = SUPPORTED[route.provider].hash_count(registered.secrets)
    if len(body) * hashes > MAX_INSPECTED_HASH_BYTES:
        return True
    signed = check_signature(known, method, url, headers, body, now_ns)
    if isinstance(signed, Decision):
        return False
    if len(body) * (hashes + 1) > MAX_INSPECTED_HASH_BYTES:
        return True
    ended = name(known, signed, headers)
    return ended is None or _was_just_recorded(known, ended, now_ns)


def _was_just_recorded(known: Known, decision: Decision, now_ns: int) -> bool:
    """Whether the query may have called for this update before another delivery was first.

    A forge that sends one delivery twice at once gets its answer then, not a refusal by the
    network. Rejected: to let every duplicate in; who captured a delivery could cost us updates for
    ever.
    """
    if decision.duplicate_of is None:
        return False
    received = known.received_ns(decision.repository, decision.duplicate_of)
    return received is not None and now_ns - received < MAX_UPGRADE_NS
