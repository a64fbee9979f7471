"""The decision about one HTTP request: what to answer and what to write down. Plain Python.

The order of the checks is part of the contract: nothing about a repository is revealed before its
signature is valid, and nothing but a counter changes.
"""

import hashlib
from typing import Protocol

from canisters.webhook.github import (
    DELIVERY_HEADER,
    EVENT_HEADER,
    SIGNATURE_HEADER,
    Push,
    is_delivery_id,
    is_event_name,
    is_signed,
    only_header,
    read_push,
)
from canisters.webhook.payload import PayloadError, parse_object
from canisters.webhook.routing import SUPPORTED_PROVIDERS, route_of
from canisters.webhook.triggers import why_not
from shared.rules.limits import MAX_DELIVERY_BYTES, MAX_OPEN_DELIVERIES
from shared.types.pipeline import Trigger


class Known(Protocol):
    """What the decision may look up."""

    def secrets_of(self, repository: str) -> "list[bytes] | None":
        """The live secrets, or None for a repository that is not registered."""

    def run_of(self, repository: str, delivery: str) -> "tuple[bool, str | None]":
        """Whether the delivery was taken before, and the run that it started."""

    def delivery_of_body(self, repository: str, digest: str) -> "str | None":
        """The delivery that was recorded with a body of this sha256, or None."""

    def triggers_of(self, repository: str) -> "list[Trigger]": ...

    def open_deliveries(self) -> int: ...


# Deliveries that were started by hand are recorded under such ids.
MANUAL_PREFIX = "manual-"


class Decision:
    """What to answer; `event` is set when the delivery is to be recorded.

    `content` is the answer's JSON; the caller adds the run's id when `push` is set. `digest` is
    the sha256 of the raw body.
    """

    __slots__ = (
        "content",
        "delivery",
        "digest",
        "event",
        "ignored",
        "push",
        "rejected",
        "repository",
        "status",
    )

    def __init__(self, status: int, content: "dict[str, str | None]") -> None:
        self.status = status
        self.content = content
        self.repository = ""
        self.delivery = ""
        self.digest = ""
        self.event = ""
        self.push: Push | None = None
        self.ignored: str | None = None
        self.rejected = False


def refused(status: int, sentence: str) -> Decision:
    return Decision(status, {"status": "error", "error": sentence})


def decide(
    known: Known, method: str, url: str, headers: "list[tuple[str, str]]", body: bytes
) -> Decision:
    """Check a request in the contract's order; see flow "Webhook" in docs/reference/http.md."""
    route = route_of(url)
    if route is None:
        return refused(404, "no such path: deliveries go to /webhook/<provider>/<repository>")
    if method != "POST":
        return refused(405, f"{method[:16]} is not allowed here: forges POST their deliveries")
    if route.provider not in SUPPORTED_PROVIDERS:
        return refused(501, f"deliveries of {route.provider} are not supported yet: use github")
    secrets = known.secrets_of(route.repository)
    if secrets is None:
        return refused(404, f"repository {route.repository} is not registered here")
    if len(body) > MAX_DELIVERY_BYTES:
        return refused(
            413, f"the body has {len(body)} bytes, over {MAX_DELIVERY_BYTES} (MAX_DELIVERY_BYTES)"
        )
    if not is_signed(body, only_header(headers, SIGNATURE_HEADER), secrets):
        decision = refused(
            401, f"{SIGNATURE_HEADER} is missing or not this repository's: check the secret"
        )
        decision.repository = route.repository
        decision.rejected = True
        return decision
    return _decide_signed(known, route.repository, headers, body)


def _decide_signed(
    known: Known, repository: str, headers: "list[tuple[str, str]]", body: bytes
) -> Decision:
    delivery = only_header(headers, DELIVERY_HEADER)
    event = only_header(headers, EVENT_HEADER)
    if delivery is None or not is_delivery_id(delivery):
        return refused(
            400, f"{DELIVERY_HEADER} is missing or not an id of letters, digits, -, _, ."
        )
    if delivery.startswith(MANUAL_PREFIX):
        return refused(
            400, f"{DELIVERY_HEADER} starts with {MANUAL_PREFIX}: runs started by hand are named so"
        )
    seen, run = known.run_of(repository, delivery)
    if seen:
        return Decision(200, {"status": "duplicate", "delivery": delivery, "run": run})
    if event is None or not is_event_name(event):
        return refused(400, f"{EVENT_HEADER} is missing or not the name of an event")
    try:
        payload = parse_object(body)
    except PayloadError as error:
        return refused(400, f"{error}: set the webhook's content type to application/json")
    if event == "ping":
        return Decision(200, {"status": "pong", "delivery": delivery})
    push: Push | None = None
    if event == "push":
        read = read_push(payload)
        if isinstance(read, str):
            return refused(400, f"the push cannot be used: {read}")
        push = read
        ignored = why_not(known.triggers_of(repository), push)
    else:
        ignored = f"ignored, because event {event} starts no run (only push does)"
    # The signature covers the body alone: whoever saw one delivery could post it again under any
    # other id and event name. Forges never send two pushes with the same bytes.
    digest = hashlib.sha256(body).hexdigest()
    first = known.delivery_of_body(repository, digest)
    if first is not None:
        run = known.run_of(repository, first)[1]
        if run is not None or ignored is not None:
            return Decision(200, {"status": "duplicate", "delivery": first, "run": run})
    if ignored is not None:
        decision = Decision(200, {"status": "ignored", "delivery": delivery, "reason": ignored})
    elif known.open_deliveries() >= MAX_OPEN_DELIVERIES:
        return refused(
            503, f"{MAX_OPEN_DELIVERIES} deliveries wait (MAX_OPEN_DELIVERIES): deliver again later"
        )
    else:
        decision = Decision(202, {"status": "accepted", "delivery": delivery})
    decision.repository = repository
    decision.delivery = delivery
    decision.digest = digest
    decision.event = event
    decision.push = push
    decision.ignored = ignored
    return decision
