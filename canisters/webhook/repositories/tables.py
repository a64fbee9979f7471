"""Repositories in the stable maps: keeps records, secrets, triggers and their order in step.

Each function costs a fixed number of look-ups. Nothing here checks who calls.
"""

from kybra import Principal

from canisters.webhook.store import (
    counters,
    repositories,
    repository_order,
    secrets,
    triggers,
)
from shared.types.pipeline import Trigger
from shared.types.repository import RepositoryInput

REPOSITORIES = "repositories"


def count(name: str) -> int:
    """The value of a counter, 0 when it was never raised."""
    return counters.get(name) or 0


def add_one(name: str) -> int:
    """Raise a counter; returns the new value, so the first is 1."""
    value = count(name) + 1
    counters.insert(name, value)
    return value


def deliveries_counter(repository: str) -> str:
    """The counter of a repository's recorded deliveries."""
    return f"deliveries/{repository}"


def rejected_counter(repository: str) -> str:
    """The counter of requests with a bad signature that cost an update."""
    return f"rejected/{repository}"


def triggers_of(repository: str) -> "list[Trigger]":
    """The triggers of the repository's pipeline, none without a pipeline."""
    stored = triggers.get(repository)
    return [] if stored is None else stored["triggers"]


def clone_url_of(repository: str) -> str:
    """Where executors clone from; "" for a repository that is not registered."""
    record = repositories.get(repository)
    return "" if record is None else record["clone_url"]


def set_triggers(repository: str, synced: "list[Trigger]") -> None:
    """Kept also for a repository that is registered here only later."""
    if synced:
        triggers.insert(repository, {"version": 1, "triggers": synced})
    else:
        triggers.remove(repository)


def add(value: RepositoryInput, caller: Principal, now_ns: int) -> None:
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


def remove(repository: str) -> bool:
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
