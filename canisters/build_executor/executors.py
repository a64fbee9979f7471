"""Who may build: executors, each a key, and the operators who answer for them."""

from canisters.build_executor import dag, jobs, uploads
from canisters.build_executor.book import Book
from canisters.build_executor.records import ExecutorRecord, StageRecord
from shared.rules.limits import (
    LEASE_NS,
    MAX_LEASES_PER_EXECUTOR,
    MAX_OFFER_CHARS,
    MAX_OFFER_TEXTS,
)
from shared.rules.roles import ANONYMOUS
from shared.types.errors import Done, Error, conflict, denied, invalid, not_found, too_large
from shared.types.pipeline import Runtime
from shared.types.run import ExecutorOffer

RUNTIMES = ("Shell", "Python", "Motoko", "Node", "Azle", "Rust")


def names(runtimes: "list[Runtime]") -> "set[str]":
    """The variants' names."""
    return {name for runtime in runtimes for name in runtime}


def register(
    book: Book, executor: str, operator: str, runtimes: "list[Runtime]", now: int
) -> "Error | None":
    """Add an executor, or change the runtimes of one; its operator never changes."""
    if executor == ANONYMOUS:
        return invalid("the anonymous principal cannot be an executor: make a key for it")
    if not dag.is_name(operator):
        return invalid("operator is not a name of 1 to 64 of a-z A-Z 0-9 . _ -")
    if not 1 <= len(runtimes) <= len(RUNTIMES):
        return invalid(f"runtimes: name 1 to {len(RUNTIMES)}, each once")
    record = book.executors.get(executor)
    if record is not None:
        if record["operator"] != operator:
            return conflict(
                f"{executor} is registered for operator {record['operator']}: "
                f"make another key for {operator}"
            )
        record["runtimes"] = runtimes
        book.executors.insert(executor, record)
        return None
    book.executors.insert(
        executor,
        {
            "version": 1,
            "operator": operator,
            "runtimes": runtimes,
            "enabled": True,
            "registered_ns": now,
            "last_seen_ns": 0,
            "jobs_leased": 0,
            "jobs_committed": 0,
            "leases_lost": 0,
        },
    )
    book.executor_index.insert(book.executor_index.len(), executor)
    return None


def offer_fault(offer: ExecutorOffer) -> "Error | None":
    """Why this cannot be an offer, or None."""
    if not 1 <= len(offer["runtimes"]) <= len(RUNTIMES):
        return invalid(f"runtimes: offer 1 to {len(RUNTIMES)}, each once")
    if not 1 <= offer["slots"] <= MAX_LEASES_PER_EXECUTOR:
        limit = f"{MAX_LEASES_PER_EXECUTOR} (MAX_LEASES_PER_EXECUTOR)"
        return invalid(f"slots is {offer['slots']}: offer 1 to {limit}")
    if len(offer["images"]) > MAX_OFFER_TEXTS or len(offer["labels"]) > MAX_OFFER_TEXTS:
        return too_large(f"offer at most {MAX_OFFER_TEXTS} images and labels (MAX_OFFER_TEXTS)")
    for word in [offer["region"], *offer["images"], *offer["labels"]]:
        if len(word) > MAX_OFFER_CHARS:
            return too_large(
                f"region, images and labels have at most {MAX_OFFER_CHARS} characters each "
                "(MAX_OFFER_CHARS)"
            )
    return None


def announce(book: Book, caller: str, offer: ExecutorOffer, now: int) -> Done:
    """Keep what an executor says it can do; the latest word counts."""
    record, error = active(book, caller)
    if record is None:
        return {"Err": error or denied(f"{caller} may not work here")}
    error = offer_fault(offer)
    if error is not None:
        return {"Err": error}
    record["last_seen_ns"] = now
    book.offers.insert(caller, {"version": 1, "offer": offer})
    book.executors.insert(caller, record)
    return {"Ok": None}


def offer_of(book: Book, executor: str) -> "ExecutorOffer | None":
    stored = book.offers.get(executor)
    return None if stored is None else stored["offer"]


def runtimes_of(book: Book, executor: str, record: ExecutorRecord) -> "set[str]":
    """What an executor may be asked for: what it offers, as far as it is registered for it.

    One that has announced no offer counts as offering all that it is registered for.
    """
    offer = offer_of(book, executor)
    registered = names(record["runtimes"])
    return registered if offer is None else registered & names(offer["runtimes"])


def set_enabled(book: Book, executor: str, enabled: bool, now: int) -> Done:
    """A disabled executor loses its leases at once; its commitments stand."""
    record = book.executors.get(executor)
    if record is None:
        return {"Err": not_found(f"{executor} is not registered: see list_executors")}
    if record["enabled"] != enabled:
        record["enabled"] = enabled
        book.executors.insert(executor, record)
    if not enabled:
        _take_back(book, executor, now)
    return {"Ok": None}


def uploader_of(stage: StageRecord) -> "str | None":
    """Who holds, or held last, the upload lease of a stage."""
    replica = stage["uploader"]
    return None if replica is None else stage["jobs"][replica]["executor"]


def _take_back(book: Book, executor: str, now: int) -> None:
    for stage in book.open_stages():
        changed = uploads.settle(book, stage, now)
        for job in stage["jobs"]:
            if "Leased" in job["state"] and job["executor"] == executor:
                jobs.give_back(job, "its executor was disabled")
                changed = True
        if stage["upload_until_ns"] > 0 and uploader_of(stage) == executor:
            stage["upload_until_ns"] = 0
            changed = True
        if changed:
            jobs.close_if_complete(book, stage)
            book.save(stage)


def active(book: Book, caller: str) -> "tuple[ExecutorRecord | None, Error | None]":
    """The caller's record when it may work now, else why not."""
    record = book.executors.get(caller)
    if record is None:
        return None, denied(f"{caller} is not a registered executor: ask an admin to register it")
    if not record["enabled"]:
        return None, denied(f"executor {caller} is disabled: ask an admin to enable it")
    return record, None


def last_seen_ns(book: Book, executor: str, record: ExecutorRecord) -> int:
    """Heartbeats are not written to the executor's record: they show in its leases."""
    seen = record["last_seen_ns"]
    for stage in book.open_stages():
        for job in stage["jobs"]:
            if "Leased" in job["state"] and job["executor"] == executor:
                seen = max(seen, job["lease_until_ns"] - LEASE_NS)
    return seen
