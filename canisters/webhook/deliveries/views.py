"""Reading deliveries, and what the front door looks up to decide about a new one."""

from canisters.webhook.deliveries import tables
from canisters.webhook.deliveries.known import Registered
from canisters.webhook.outbox import SEND_PREFIX, open_of
from canisters.webhook.repositories import tables as repositories
from canisters.webhook.repositories import views as repository_views
from canisters.webhook.store import bodies, deliveries, delivery_order, outgoing, secrets
from canisters.webhook.store import repositories as repository_records
from shared.base.pages import collect
from shared.rules.refused import not_found
from shared.types.paging import PageRequest
from shared.types.pipeline import Trigger
from shared.types.repository import Delivery, DeliveryPage


class StoredKnown:
    """`known.Known` over the stable maps."""

    def registered(self, repository: str) -> "Registered | None":
        """The repository's provider, clone URL and live secrets, or None."""
        record = repository_records.get(repository)
        stored = secrets.get(repository)
        if record is None or stored is None:
            return None
        (provider,) = record["provider"]
        return Registered(provider.lower(), record["clone_url"], stored["live"])

    def run_of(self, repository: str, delivery: str) -> "tuple[bool, str | None]":
        """Whether the delivery was recorded before, and the run that it started."""
        stored = deliveries.get(tables.delivery_key(repository, delivery))
        return (False, None) if stored is None else (True, stored["delivery"]["run"])

    def is_held(self, repository: str, delivery: str) -> bool:
        """Whether the delivery was recorded, and waits for an admin to allow its commit."""
        stored = deliveries.get(tables.delivery_key(repository, delivery))
        return stored is not None and "Held" in stored["delivery"]["state"]

    def received_ns(self, repository: str, delivery: str) -> "int | None":
        """When a delivery was recorded, in nanoseconds since 1970; None if it was not."""
        stored = deliveries.get(tables.delivery_key(repository, delivery))
        return None if stored is None else stored["delivery"]["received_ns"]

    def delivery_of_body(self, repository: str, digest: str) -> "str | None":
        """The delivery that was recorded with a body of this sha256, or None."""
        return bodies.get(f"{repository}/{digest}")

    def triggers_of(self, repository: str) -> "list[Trigger]":
        """The triggers of the repository's pipeline."""
        return repositories.triggers_of(repository)

    def open_deliveries(self) -> int:
        """How many run requests are not acknowledged yet."""
        return outgoing.len()

    def open_deliveries_of(self, repository: str) -> int:
        """How many run requests of a repository are not acknowledged yet."""
        return open_of(repository)


def shown(repository: str, delivery: str) -> "Delivery | None":
    """A delivery as it stands, with the number of times its run was sent so far."""
    key = tables.delivery_key(repository, delivery)
    record = deliveries.get(key)
    if record is None:
        return None
    view = record["delivery"]
    entry = outgoing.get(SEND_PREFIX + key)
    if entry is not None:
        view["attempts"] = entry["attempts"]
    return view


def get(repository: str, delivery: str) -> Delivery:
    """One delivery of a repository; raises NotFound."""
    view = shown(repository, delivery)
    if view is None:
        raise not_found(f"no delivery {delivery[:100]} of repository {repository[:64]} is known")
    return view


def _at(repository: str, number: int) -> "Delivery | None":
    delivery = delivery_order.get(f"{repository}/{number}")
    return None if delivery is None else shown(repository, delivery)


def listed(repository: str, page: PageRequest) -> DeliveryPage:
    """Newest first; also of a repository that was deleted."""
    total = repositories.count(repositories.deliveries_counter(repository))
    if total == 0 and repository_views.shown(repository) is None:
        raise not_found(f"repository {repository[:64]} is not registered here")
    items, after = collect(total, page, lambda number: _at(repository, number))
    return {"items": items, "next": after}
