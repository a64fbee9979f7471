"""What the canister knows, over its stable maps: repositories, their secrets, their deliveries.

Every function costs a fixed number of look-ups. Nothing here checks who calls.
"""

from kybra import Principal

from canisters.webhook.store import (
    bodies,
    counters,
    deliveries,
    delivery_order,
    outgoing,
    repositories,
    repository_order,
    secrets,
    triggers,
)
from shared.types.pipeline import Trigger
from shared.types.repository import Delivery, Repository, RepositoryInput
from shared.types.run import Source

RUNS = "runs"
ALL_DELIVERIES = "deliveries"
REPOSITORIES = "repositories"
SEND_PREFIX = "start_run:"

NO_SOURCE: Source = {
    "repository": "",
    "clone_url": "",
    "ref": "",
    "sha": "",
    "message": "",
    "author": "",
}


def count(name: str) -> int:
    return counters.get(name) or 0


def add_one(name: str) -> int:
    """Raise a counter; returns the new value, so the first is 1."""
    value = count(name) + 1
    counters.insert(name, value)
    return value


def deliveries_counter(repository: str) -> str:
    return f"{ALL_DELIVERIES}/{repository}"


def rejected_counter(repository: str) -> str:
    return f"rejected/{repository}"


def delivery_key(repository: str, delivery: str) -> str:
    return f"{repository}/{delivery}"


class StoredKnown:
    """`front_door.Known` over the stable maps."""

    def secrets_of(self, repository: str) -> "list[bytes] | None":
        stored = secrets.get(repository)
        return None if stored is None else stored["live"]

    def run_of(self, repository: str, delivery: str) -> "tuple[bool, str | None]":
        stored = deliveries.get(delivery_key(repository, delivery))
        return (False, None) if stored is None else (True, stored["delivery"]["run"])

    def delivery_of_body(self, repository: str, digest: str) -> "str | None":
        return bodies.get(f"{repository}/{digest}")

    def triggers_of(self, repository: str) -> "list[Trigger]":
        return triggers_of(repository)

    def open_deliveries(self) -> int:
        return outgoing.len()


def triggers_of(repository: str) -> "list[Trigger]":
    stored = triggers.get(repository)
    return [] if stored is None else stored["triggers"]


def clone_url_of(repository: str) -> str:
    record = repositories.get(repository)
    return "" if record is None else record["clone_url"]


def set_triggers(repository: str, synced: "list[Trigger]") -> None:
    """Kept also for a repository that is registered here only later."""
    if synced:
        triggers.insert(repository, {"version": 1, "triggers": synced})
    else:
        triggers.remove(repository)


def view_repository(repository: str) -> "Repository | None":
    """All that may be read of a repository, or None when it is not registered."""
    record = repositories.get(repository)
    stored = secrets.get(repository)
    if record is None or stored is None:
        return None
    return {
        "repository": repository,
        "provider": record["provider"],
        "clone_url": record["clone_url"],
        "live_secrets": len(stored["live"]),
        "triggers": triggers_of(repository),
        "registered_ns": record["registered_ns"],
        "registered_by": record["registered_by"],
        "deliveries": count(deliveries_counter(repository)),
        "rejected": count(rejected_counter(repository)),
    }


def add_repository(value: RepositoryInput, caller: Principal, now_ns: int) -> None:
    """Append to the list of repositories; the caller has checked the value and that it is new."""
    name = value["repository"]
    number = count(REPOSITORIES)
    repository_order.insert(number, name)
    counters.insert(REPOSITORIES, number + 1)
    repositories.insert(
        name,
        {
            "version": 1,
            "number": number,
            "provider": value["provider"],
            "clone_url": value["clone_url"],
            "registered_ns": now_ns,
            "registered_by": caller,
        },
    )
    secrets.insert(name, {"version": 1, "live": [value["secret"]]})


def remove_repository(repository: str) -> bool:
    """Forget a repository and its secrets; its deliveries stay on record. False when unknown.

    The last in the list takes the freed place, so that the list stays dense.
    """
    record = repositories.remove(repository)
    if record is None:
        return False
    secrets.remove(repository)
    last_number = count(REPOSITORIES) - 1
    last = repository_order.remove(last_number)
    if last is not None and last != repository:
        moved = repositories.get(last)
        if moved is not None:
            moved["number"] = record["number"]
            repositories.insert(last, moved)
            repository_order.insert(record["number"], last)
    counters.insert(REPOSITORIES, last_number)
    return True


def next_run() -> str:
    return f"run-{add_one(RUNS)}"


def add_delivery(delivery: Delivery, source: Source) -> str:
    """Append to the repository's deliveries; returns the delivery's key."""
    repository = delivery["repository"]
    key = delivery_key(repository, delivery["delivery"])
    deliveries.insert(key, {"version": 1, "delivery": delivery, "source": source})
    number = add_one(deliveries_counter(repository)) - 1
    delivery_order.insert(f"{repository}/{number}", delivery["delivery"])
    add_one(ALL_DELIVERIES)
    return key


def remember_body(repository: str, digest: str, delivery: str) -> None:
    """Name the delivery that a body of this sha256 is known by from now on."""
    bodies.insert(f"{repository}/{digest}", delivery)


def view_delivery(repository: str, delivery: str) -> "Delivery | None":
    """A delivery as it stands, with the number of times its run was sent so far."""
    key = delivery_key(repository, delivery)
    record = deliveries.get(key)
    if record is None:
        return None
    view = record["delivery"]
    entry = outgoing.get(SEND_PREFIX + key)
    if entry is not None:
        view["attempts"] = entry["attempts"]
    return view


def delivery_at(repository: str, number: int) -> "Delivery | None":
    delivery = delivery_order.get(f"{repository}/{number}")
    return None if delivery is None else view_delivery(repository, delivery)


def repository_at(number: int) -> "Repository | None":
    name = repository_order.get(number)
    return None if name is None else view_repository(name)
