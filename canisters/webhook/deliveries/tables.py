"""Deliveries in the stable maps: keeps records, their order, counters and bodies in step.

Every function costs a fixed number of look-ups. Nothing here checks who calls.
"""

from kybra import Principal

from canisters.webhook.repositories import tables as repositories
from canisters.webhook.repositories.tables import add_one, deliveries_counter
from canisters.webhook.store import bodies, deliveries, delivery_order
from shared.types.repository import Delivery
from shared.types.run import Source

RUNS = "runs"
ALL_DELIVERIES = "deliveries"

NO_SOURCE: Source = {
    "repository": "",
    "clone_url": "",
    "ref": "",
    "sha": "",
    "message": "",
    "author": "",
}


def delivery_key(repository: str, delivery: str) -> str:
    """The key of a delivery's record."""
    return f"{repository}/{delivery}"


def next_run() -> str:
    """The name of the next run of this installation."""
    return f"run-{add_one(RUNS)}"


def is_recorded(repository: str, delivery: str) -> bool:
    """Whether there is a record of this delivery."""
    return deliveries.contains_key(delivery_key(repository, delivery))


def add(delivery: Delivery, message: str, author: str) -> None:
    """Record a delivery, at the end of its repository's list or in place of one of the same id."""
    repository = delivery["repository"]
    source = NO_SOURCE
    if delivery["run"] is not None or "Held" in delivery["state"]:
        source = {
            "repository": repository,
            "clone_url": repositories.clone_url_of(repository),
            "ref": delivery["ref"],
            "sha": delivery["sha"],
            "message": message,
            "author": author,
        }
    key = delivery_key(repository, delivery["delivery"])
    before = deliveries.insert(key, {"version": 1, "delivery": delivery, "source": source})
    if before is None:
        number = add_one(deliveries_counter(repository)) - 1
        delivery_order.insert(f"{repository}/{number}", delivery["delivery"])
        add_one(ALL_DELIVERIES)


def allow(repository: str, delivery: str, run: str, caller: Principal) -> None:
    """Turn a held delivery into one that starts `run`; its source is kept since it came."""
    key = delivery_key(repository, delivery)
    record = deliveries.get(key)
    if record is None:
        return
    record["delivery"]["run"] = run
    record["delivery"]["state"] = {"Dispatching": None}
    record["delivery"]["allowed_by"] = caller
    deliveries.insert(key, record)


def remember_body(repository: str, digest: str, delivery: str) -> None:
    """Name the delivery that a body of this sha256 is known by from now on."""
    bodies.insert(f"{repository}/{digest}", delivery)
