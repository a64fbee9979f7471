"""The decision about one HTTP request: what to answer and what to write down. Plain Python.

The order of the checks is part of the contract: nothing about a repository is revealed before its
signature is valid, and nothing but a counter changes.
"""

from typing import TYPE_CHECKING, Protocol

from canisters.webhook.deliveries.answers import ANSWERS
from canisters.webhook.deliveries.payload import PayloadError, parse_object
from canisters.webhook.deliveries.routing import route_of
from canisters.webhook.providers.headers import only_header
from canisters.webhook.providers.push import Push
from canisters.webhook.providers.supported import SUPPORTED, Provider
from canisters.webhook.triggers.rules import why_not
from shared.rules.limits import (
    MAX_CHANGES_PER_DELIVERY,
    MAX_DELIVERY_BYTES,
    MAX_DELIVERY_ID_CHARS,
    MAX_INSPECTED_BYTES,
    MAX_INSPECTED_HASH_BYTES,
    MAX_NAME_CHARS,
    MAX_OPEN_DELIVERIES,
    MAX_OPEN_DELIVERIES_PER_REPOSITORY,
)
from shared.rules.not_yet import OTHER_EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.types.pipeline import Trigger

_ID_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
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

    `content` is the answer's JSON; the caller adds the runs that it starts for `pushes`. `digest`
    is what this delivery alone has. `duplicate_of` names the recorded delivery that it repeats.
    An ignored delivery has the first of its pushes, if it has any.
    """

    __slots__ = (
        "content",
        "delivery",
        "digest",
        "duplicate_of",
        "event",
        "ignored",
        "pushes",
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
        self.pushes: list[Push] = []
        self.ignored: str | None = None
        self.rejected = False


def refused(status: int, sentence: str) -> Decision:
    return Decision(status, {"status": "error", "error": sentence})


def _duplicate(repository: str, delivery: str, run: "str | None") -> Decision:
    decision = Decision(200, {"status": "duplicate", "delivery": delivery, "run": run})
    decision.repository = repository
    decision.duplicate_of = delivery
    return decision


def is_delivery_id(delivery: "str | None") -> bool:
    """1 to MAX_DELIVERY_ID_CHARS letters, digits, `-`, `_`, `.` (GitHub sends a UUID)."""
    if delivery is None or not 0 < len(delivery) <= MAX_DELIVERY_ID_CHARS:
        return False
    return all(letter in _ID_LETTERS for letter in delivery)


def is_event_name(event: "str | None", letters: "frozenset[str]") -> bool:
    """1 to MAX_NAME_CHARS of the letters that a provider's events have."""
    if event is None or not 0 < len(event) <= MAX_NAME_CHARS:
        return False
    return all(letter in letters for letter in event)


def part_ids(delivery: str, count: int, is_taken: "Callable[[str], bool]") -> "list[str]":
    """The ids that the changes of a delivery are recorded under: its own, then with `.2` and so on.

    Ids that are taken are passed over: a delivery of another forge may have had such an id, before
    the repository was registered anew.
    """
    found = [delivery]
    number = 1
    while len(found) < count:
        number += 1
        if not is_taken(f"{delivery}.{number}"):
            found.append(f"{delivery}.{number}")
    return found


class Signed:
    """A request whose signature is good. `digest` is what it alone has, once it has a name."""

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
    known: Known,
    method: str,
    url: str,
    headers: "list[tuple[str, str]]",
    body: bytes,
    now_ns: int,
) -> "Signed | Decision":
    """Check path, repository and signature; the answer when one of them ends the matter."""
    route = route_of(url)
    if route is None:
        return refused(404, "no such path: deliveries go to /webhook/<provider>/<repository>")
    if method != "POST":
        return refused(405, f"{method[:16]} is not allowed here: forges POST their deliveries")
    provider = SUPPORTED[route.provider]
    registered = known.registered(route.repository)
    if registered is None or registered.provider != route.provider:
        return refused(
            404, f"repository {route.repository} of {route.provider} is not registered here"
        )
    if not provider.is_signed(headers, body, registered.secrets, now_ns):
        decision = refused(
            401,
            f"{provider.SIGNATURE} is missing or not this repository's: check the secret",
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
    delivery = provider.delivery_of(headers)
    event = only_header(headers, provider.EVENT_HEADER)
    if delivery is None or not is_delivery_id(delivery):
        return refused(
            400, f"{provider.DELIVERY} is missing or not an id of letters, digits, -, _, ."
        )
    if delivery.startswith(MANUAL_PREFIX):
        return refused(
            400,
            f"{provider.DELIVERY} starts with {MANUAL_PREFIX}: runs started by hand are named so",
        )
    run = known.run_of(signed.repository, delivery)[1]
    if run is not None:
        return _duplicate(signed.repository, delivery, run)
    if event is None or not is_event_name(event, provider.EVENT_LETTERS):
        return refused(400, f"{provider.EVENT_HEADER} is missing or not the name of an event")
    signed.delivery = delivery
    signed.event = event
    signed.digest = provider.digest_of(delivery, signed.body)
    # Where the signature covers the body alone, whoever saw one delivery could post it again under
    # any other id and event name.
    first = known.delivery_of_body(signed.repository, signed.digest)
    run = None if first is None else known.run_of(signed.repository, first)[1]
    if first is not None and run is not None:
        return _duplicate(signed.repository, first, run)
    return None


def why_full(
    waiting: int, waiting_of: "Callable[[str], int]", repository: str, more: int = 1
) -> "str | None":
    """Why no `more` run requests can be taken, or None.

    `waiting` counts those of all repositories. One repository has a share of them, for they wait
    as long as too many of its runs are open.
    """
    if waiting + more > MAX_OPEN_DELIVERIES:
        return f"{MAX_OPEN_DELIVERIES} deliveries wait (MAX_OPEN_DELIVERIES)"
    share = MAX_OPEN_DELIVERIES_PER_REPOSITORY
    if waiting + more > share and waiting_of(repository) + more > share:
        return f"{share} deliveries of {repository} wait (MAX_OPEN_DELIVERIES_PER_REPOSITORY)"
    return None


def decide(
    known: Known,
    method: str,
    url: str,
    headers: "list[tuple[str, str]]",
    body: bytes,
    now_ns: int,
) -> Decision:
    """Check a request in the contract's order; see docs/reference/http.md."""
    signed = check_signature(known, method, url, headers, body, now_ns)
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
        return refused(400, f"{error}: send {provider.BODIES}")
    problem = provider.identity_problem(payload, signed.clone_url)
    if problem is not None:
        return refused(400, f"the payload is not of repository {signed.repository}: {problem}")
    if signed.event == provider.PING:
        return Decision(200, {"status": "pong", "delivery": signed.delivery})
    if signed.event not in provider.PUSHES:
        return _ignored(known, signed, _why_no_push(provider, signed.event))
    pushes = provider.read_pushes(payload)
    if isinstance(pushes, str):
        return refused(400, f"the push cannot be used: {pushes}")
    return _of_pushes(known, signed, pushes)


def _why_no_push(provider: Provider, event: str) -> str:
    said = provider.IGNORED.get(event)
    if said is not None:
        return f"ignored, because {said}"
    if event in provider.PLANNED:
        return OTHER_EVENTS.sentence(event)
    only = " and ".join(provider.PUSHES)
    verb = "does" if len(provider.PUSHES) == 1 else "do"
    return f"ignored, because event {event} starts no run (only {only} {verb})"


def _of_pushes(known: Known, signed: Signed, pushes: "list[Push]") -> Decision:
    """Each change that a trigger wants is a run: all of them start with this delivery, or none."""
    if len(pushes) > MAX_CHANGES_PER_DELIVERY:
        reason = f"it changes over {MAX_CHANGES_PER_DELIVERY} branches and tags"
        named = "(MAX_CHANGES_PER_DELIVERY): push fewer at once, or start the runs by hand"
        return _ignored(known, signed, f"ignored, because {reason} {named}", pushes[0])
    if not pushes:
        return _ignored(known, signed, "ignored, because the push changes no branch and no tag")
    triggers = known.triggers_of(signed.repository)
    reasons = [why_not(triggers, push) for push in pushes]
    wanted = [push for push, reason in zip(pushes, reasons, strict=True) if reason is None]
    if not wanted:
        others = "; its other changes start nothing either" if len(pushes) > 1 else ""
        return _ignored(known, signed, f"{reasons[0]}{others}", pushes[0])
    waiting = known.open_deliveries()
    full = why_full(waiting, known.open_deliveries_of, signed.repository, len(wanted))
    if full is not None:
        return refused(503, f"{full}: deliver again later")
    decision = Decision(202, {"status": "accepted", "delivery": signed.delivery})
    return _recorded(decision, signed, wanted, None)


def _recorded(
    decision: Decision, signed: Signed, pushes: "list[Push]", ignored: "str | None"
) -> Decision:
    decision.repository = signed.repository
    decision.delivery = signed.delivery
    decision.digest = signed.digest
    decision.event = signed.event
    decision.pushes = pushes
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
    return _recorded(decision, signed, [] if push is None else [push], reason)


def _too_large(known: Known, signed: Signed) -> Decision:
    """A delivery that cannot be read: recorded, so that people see that it came."""
    size = f"{len(signed.body)} bytes, over {MAX_DELIVERY_BYTES} (MAX_DELIVERY_BYTES)"
    decision = refused(413, f"the body has {size}: start the run by hand")
    decision.duplicate_of = _seen(known, signed)
    if decision.duplicate_of is not None:
        decision.repository = signed.repository
        return decision
    reason = f"ignored, because the body has {size}: start the run by hand"
    return _recorded(decision, signed, [], reason)


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
        decision = decide(known, method, url, headers, body, now_ns)
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
