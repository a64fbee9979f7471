"""Executors as callers see them."""

from kybra import Principal

from canisters.build_executor.book import Book
from canisters.build_executor.records import ExecutorRecord
from shared.base.pages import collect
from shared.rules.limits import LEASE_NS
from shared.rules.refused import not_found
from shared.types.paging import PageRequest
from shared.types.run import Executor, ExecutorOffer, ExecutorPage


def last_seen_ns(book: Book, executor: str, record: ExecutorRecord) -> int:
    """Heartbeats are not written to the executor's record: they show in its leases."""
    return max(record["last_seen_ns"], book.last_beat_ns(executor) - LEASE_NS)


def shown(
    book: Book, principal: str, record: ExecutorRecord, offer: "ExecutorOffer | None"
) -> Executor:
    return {
        "executor": Principal.from_str(principal),
        "operator": record["operator"],
        "runtimes": record["runtimes"],
        "offer": offer,
        "enabled": record["enabled"],
        "registered_ns": record["registered_ns"],
        "last_seen_ns": last_seen_ns(book, principal, record),
        "jobs_leased": record["jobs_leased"],
        "jobs_committed": record["jobs_committed"],
        "leases_lost": record["leases_lost"],
    }


def get(book: Book, principal: str) -> Executor:
    known = book.executor(principal)
    if known is None:
        raise not_found(f"{principal} is not registered: see list_executors")
    return shown(book, principal, known[0], known[1])


def page(book: Book, request: PageRequest) -> ExecutorPage:
    """Registered last, first."""

    def item(number: int) -> "Executor | None":
        principal = book.executor_index.get(number) or ""
        known = book.executor(principal)
        return None if known is None else shown(book, principal, known[0], known[1])

    items, cursor = collect(book.executor_index.len(), request, item)
    return {"items": items, "next": cursor}
