"""Who sent a request, and what it calls itself: path, signature, id, event. Plain Python.

Nothing about a repository is revealed before its signature is valid.
"""

from canisters.webhook.deliveries.decision import Decision, duplicate, refused
from canisters.webhook.deliveries.known import Known
from canisters.webhook.deliveries.routing import route_of
from canisters.webhook.providers.headers import only_header
from canisters.webhook.providers.supported import SUPPORTED, Provider
from shared.rules.limits import MAX_DELIVERY_ID_CHARS, MAX_NAME_CHARS

_ID_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")

# Runs that no forge started, but a person or the clock, are recorded under such ids.
MANUAL_PREFIX = "manual-"


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
        return duplicate(signed.repository, delivery, run)
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
        return duplicate(signed.repository, first, run)
    return None
