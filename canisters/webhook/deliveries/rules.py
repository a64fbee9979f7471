"""The decision about one HTTP request: what to answer and what to write down. Plain Python.

The order of the checks is part of the contract: nothing about a repository is revealed before its
signature is valid, and nothing but a counter changes.
"""

import hashlib
from typing import TYPE_CHECKING, Protocol

from canisters.webhook.deliveries.answers import ANSWERS
from canisters.webhook.deliveries.payload import PayloadError, parse_object
from canisters.webhook.deliveries.routing import route_of
from canisters.webhook.providers.push import Push
from canisters.webhook.providers.supported import SUPPORTED, Provider
from canisters.webhook.triggers.rules import why_not
from shared.rules.limits import (
    MAX_DELIVERY_BYTES,
    MAX_DELIVERY_ID_CHARS,
    MAX_INSPECTED_BYTES,
    MAX_INSPECTED_HASH_BYTES,
    MAX_NAME_CHARS,
    MAX_OPEN_DELIVERIES,
    MAX_OPEN_DELIVERIES_PER_REPOSITORY,
)
from shared.rules.not_yet import OTHER_DELIVERIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.types.pipeline import Trigger

_ID_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
_EVENT_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz_")
MAX_UPGRADE_NS = 30 * 10**9
"""The longest time that a gateway takes from the query's answer until it sends the update."""


class Registered:
    """What is known of a registered repository; `provider` as in paths."""

    __slots__ = ("clone_url", "provider", "secrets")

    def __init__(self, provider: str, clone_url: str, secrets: "list[bytes]") -> None:
        self.provider = provider
        self.clone_url = clone_url
        self.secrets = secrets


class Known(Protocol):
    """What the decision may look up."""

    def registered(self, repository: str) -> "Registered | None":
        """A registered repository, or None."""

    def run_of(self, repository: str, delivery: str) -> "tuple[bool, str | None]":
        """Whether the delivery was recorded before, and the run that it started."""

    def received_ns(self, repository: str, delivery: str) -> "int | None":
        """When a delivery was recorded, in nanoseconds since 1970; None if it was not."""

    def delivery_of_body(self, repository: str, digest: str) -> "str | None":
        """The delivery that was recorded with a body of this sha256, or None."""

    def triggers_of(self, repository: str) -> "list[Trigger]": ...

    def open_deliveries(self) -> int: ...

    def open_deliveries_of(self, repository: str) -> int: ...


# Deliveries that were started by hand are recorded under such ids.
MANUAL_PREFIX = "manual-"


class Decision:
    """What to answer; `event` is set when the delivery is to be recorded.

    `content` is the answer's JSON; the caller adds the run's id when `push` is set. `digest` is
    the sha256 of the raw body. `duplicate_of` names the recorded delivery that this one repeats.
    """

    __slots__ = (
        "content",
        "delivery",
        "digest",
        "duplicate_of",
        "event",
        "ignored",
        "push",
        "rejected",
        "repository",
        "status",
    )

    def __init__(self, status: int, content: "dict[str, str | None]") -> None:
        if content["status"] not in ANSWERS[status]:
            raise ValueError(f"{status} {content['status']} is not among ANSWERS")
        self.status = status
        self.content = content
        self.repository = ""
        self.delivery = ""
        self.digest = ""
        self.duplicate_of: str | None = None
        self.event = ""
        self.push: Push | None = None
        self.ignored: str | None = None
        self.rejected = False


def refused(status: int, sentence: str) -> Decision:
    return Decision(status, {"status": "error", "error": sentence})


def _duplicate(repository: str, delivery: str, run: "str | None") -> Decision:
    decision = Decision(200, {"status": "duplicate", "delivery": delivery, "run": run})
    decision.repository = repository
    decision.duplicate_of = delivery
    return decision


def only_header(headers: "list[tuple[str, str]]", name: str) -> "str | None":
    """The value of header `name` (given in lower case); None unless it is there exactly once."""
    values = [value for key, value in headers if key.lower() == name]
    return values[0].strip() if len(values) == 1 else None


def is_delivery_id(delivery: "str | None") -> bool:
    """1 to MAX_DELIVERY_ID_CHARS letters, digits, `-`, `_`, `.` (GitHub sends a UUID)."""
    if delivery is None or not 0 < len(delivery) <= MAX_DELIVERY_ID_CHARS:
        return False
    return all(letter in _ID_LETTERS for letter in delivery)


def is_event_name(event: "str | None") -> bool:
    """1 to MAX_NAME_CHARS small letters and `_`."""
    if event is None or not 0 < len(event) <= MAX_NAME_CHARS:
        return False
    return all(letter in _EVENT_LETTERS for letter in event)


class Signed:
    """A request whose signature is good. `digest`: sha256 of the raw body, once it has a name."""

    __slots__ = ("body", "clone_url", "delivery", "digest", "event", "provider", "repository")

    def __init__(self, repository: str, clone_url: str, provider: Provider, body: bytes) -> None:
        self.repository = repository
        self.clone_url = clone_url
        self.provider = provider
        self.body = body
        self.digest = ""
        self.delivery = ""
        self.event = ""


def check_signature(
    known: Known, method: str, url: str, headers: "list[tuple[str, str]]", body: bytes
) -> "Signed | Decision":
    """Check path, repository and signature; the answer when one of them ends the matter."""
    route = route_of(url)
    if route is None:
        return refused(404, "no such path: deliveries go to /webhook/<provider>/<repository>")
    if method != "POST":
        return refused(405, f"{method[:16]} is not allowed here: forges POST their deliveries")
    provider = SUPPORTED.get(route.provider)
    if provider is None:
        return refused(501, OTHER_DELIVERIES.sentence(route.provider))
    registered = known.registered(route.repository)
    if registered is None or registered.provider != route.provider:
        return refused(
            404, f"repository {route.repository} of {route.provider} is not registered here"
        )
    signature = only_header(headers, provider.SIGNATURE_HEADER)
    if not provider.is_signed(body, signature, registered.secrets):
        decision = refused(
            401,
            f"{provider.SIGNATURE_HEADER} is missing or not this repository's: check the secret",
        )
        decision.repository = route.repository
        decision.rejected = True
        return decision
    return Signed(route.repository, registered.clone_url, provider, body)


def name(known: Known, signed: Signed, headers: "list[tuple[str, str]]") -> "Decision | None":
    """Read the delivery's id and event; the answer when they end the matter.

    Ends here too: what was recorded before and started a run. What costs an update must be new.
    """
    provider = signed.provider
    delivery = only_header(headers, provider.DELIVERY_HEADER)
    event = only_header(headers, provider.EVENT_HEADER)
    if delivery is None or not is_delivery_id(delivery):
        return refused(
            400, f"{provider.DELIVERY_HEADER} is missing or not an id of letters, digits, -, _, ."
        )
    if delivery.startswith(MANUAL_PREFIX):
        return refused(
            400,
            f"{provider.DELIVERY_HEADER} starts with {MANUAL_PREFIX}: runs started by hand are "
            "named so",
        )
    run = known.run_of(signed.repository, delivery)[1]
    if run is not None:
        return _duplicate(signed.repository, delivery, run)
    if event is None or not is_event_name(event):
        return refused(400, f"{provider.EVENT_HEADER} is missing or not the name of an event")
    signed.delivery = delivery
    signed.event = event
    signed.digest = hashlib.sha256(signed.body).hexdigest()
    # The signature covers the body alone: whoever saw one delivery could post it again under any
    # other id and event name. Forges never send two pushes with the same bytes.
    first = known.delivery_of_body(signed.repository, signed.digest)
    run = None if first is None else known.run_of(signed.repository, first)[1]
    if first is not None and run is not None:
        return _duplicate(signed.repository, first, run)
    return None


def why_full(waiting: int, waiting_of: "Callable[[str], int]", repository: str) -> "str | None":
    """Why no further run request can be taken, or None.

    `waiting` counts those of all repositories. One repository has a share of them, for they wait
    as long as too many of its runs are open.
    """
    if waiting >= MAX_OPEN_DELIVERIES:
        return f"{MAX_OPEN_DELIVERIES} deliveries wait (MAX_OPEN_DELIVERIES)"
    share = MAX_OPEN_DELIVERIES_PER_REPOSITORY
    if waiting >= share and waiting_of(repository) >= share:
        return f"{share} deliveries of {repository} wait (MAX_OPEN_DELIVERIES_PER_REPOSITORY)"
    return None


def decide(
    known: Known, method: str, url: str, headers: "list[tuple[str, str]]", body: bytes
) -> Decision:
    """Check a request in the contract's order; see docs/reference/http.md."""
    signed = check_signature(known, method, url, headers, body)
    if isinstance(signed, Decision):
        return signed
    ended = name(known, signed, headers)
    if ended is not None:
        return ended
    if len(body) > MAX_DELIVERY_BYTES:
        return _too_large(known, signed)
    provider = signed.provider
    try:
        payload = parse_object(provider.json_of(body))
    except PayloadError as error:
        return refused(400, f"{error}: send application/json, or a form with the field payload")
    problem = provider.identity_problem(payload, signed.clone_url)
    if problem is not None:
        return refused(400, f"the payload is not of repository {signed.repository}: {problem}")
    if signed.event == provider.PING:
        return Decision(200, {"status": "pong", "delivery": signed.delivery})
    if signed.event != provider.PUSH:
        return _ignored(
            known, signed, f"ignored, because event {signed.event} starts no run (only push does)"
        )
    push = provider.read_push(payload)
    if isinstance(push, str):
        return refused(400, f"the push cannot be used: {push}")
    reason = why_not(known.triggers_of(signed.repository), push)
    if reason is not None:
        return _ignored(known, signed, reason, push)
    full = why_full(known.open_deliveries(), known.open_deliveries_of, signed.repository)
    if full is not None:
        return refused(503, f"{full}: deliver again later")
    decision = Decision(202, {"status": "accepted", "delivery": signed.delivery})
    return _recorded(decision, signed, push, None)


def _recorded(
    decision: Decision, signed: Signed, push: "Push | None", ignored: "str | None"
) -> Decision:
    decision.repository = signed.repository
    decision.delivery = signed.delivery
    decision.digest = signed.digest
    decision.event = signed.event
    decision.push = push
    decision.ignored = ignored
    return decision


def _seen(known: Known, signed: Signed) -> "str | None":
    """The delivery that this one is recorded as, ignored then as it would be now; or None.

    Only for what is ignored: an ignored record never stands in the way of a push that starts a run.
    """
    if known.run_of(signed.repository, signed.delivery)[0]:
        return signed.delivery
    return known.delivery_of_body(signed.repository, signed.digest)


def _ignored(known: Known, signed: Signed, reason: str, push: "Push | None" = None) -> Decision:
    first = _seen(known, signed)
    if first is not None:
        return _duplicate(signed.repository, first, None)
    decision = Decision(200, {"status": "ignored", "delivery": signed.delivery, "reason": reason})
    return _recorded(decision, signed, push, reason)


def _too_large(known: Known, signed: Signed) -> Decision:
    """A delivery that cannot be read: recorded, so that people see that it came."""
    size = f"{len(signed.body)} bytes, over {MAX_DELIVERY_BYTES} (MAX_DELIVERY_BYTES)"
    decision = refused(413, f"the body has {size}: start the run by hand")
    decision.duplicate_of = _seen(known, signed)
    if decision.duplicate_of is not None:
        decision.repository = signed.repository
        return decision
    reason = f"ignored, because the body has {size}: start the run by hand"
    return _recorded(decision, signed, None, reason)


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
        decision = decide(known, method, url, headers, body)
        return decision.event != "" or _was_just_recorded(known, decision, now_ns)
    route = route_of(url)
    registered = None if route is None else known.registered(route.repository)
    secrets = 0 if registered is None else len(registered.secrets)
    if len(body) * secrets > MAX_INSPECTED_HASH_BYTES:
        return True
    signed = check_signature(known, method, url, headers, body)
    if isinstance(signed, Decision):
        return False
    if len(body) * (secrets + 1) > MAX_INSPECTED_HASH_BYTES:
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
