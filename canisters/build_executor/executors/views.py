"""Executors as callers see them."""

from kybra import Principal

from canisters.build_executor.book import Book
from canisters.build_executor.executors import rules, service
from canisters.build_executor.records import ExecutorRecord
from canisters.build_executor.usage import views as usage
from shared.base.pages import collect
from shared.rules.refused import not_found
from shared.types.executor import Executor, ExecutorOffer, ExecutorPage
from shared.types.paging import PageRequest
from shared.types.queue import ExecutorHealth, ExecutorPerformance


def shown(
    book: Book, principal: str, record: ExecutorRecord, offer: "ExecutorOffer | None", now: int
) -> Executor:
    return {
        "executor": Principal.from_str(principal),
        "operator": record["operator"],
        "runtimes": record["runtimes"],
        "offer": offer,
        "enabled": record["enabled"],
        "registered_ns": record["registered_ns"],
        "last_seen_ns": service.last_contact_ns(book, principal, record),
        "online": service.is_present(book, principal, record, offer, now),
        "jobs_leased": record["jobs_leased"],
        "jobs_committed": record["jobs_committed"],
        "leases_lost": record["leases_lost"],
    }


def get(book: Book, principal: str, now: int) -> Executor:
    known = book.executor(principal)
    if known is None:
        raise not_found(f"{principal} is not registered: see list_executors")
    return shown(book, principal, known[0], known[1], now)


def health(book: Book, principal: str, now: int) -> ExecutorHealth:
    """An executor and how busy it is."""
    found = get(book, principal, now)
    return {
        "executor": found,
        "slots": rules.slots_of(found["offer"]),
        "at_work": book.slots_taken(principal, now),
    }


def performance(book: Book, principal: str, request: PageRequest, now: int) -> ExecutorPerformance:
    """An executor's jobs, and a page of the days of its operator."""
    found = get(book, principal, now)
    days = usage.page(book, {"Operator": found["operator"]}, request)
    return {"executor": found, "days": days["items"], "next": days["next"]}


def page(book: Book, request: PageRequest, now: int) -> ExecutorPage:
    """Registered last, first."""

    def item(number: int) -> "Executor | None":
        principal = book.executor_index.get(number) or ""
        known = book.executor(principal)
        if known is None:
            return None
        return shown(book, principal, known[0], known[1], now)

    items, cursor = collect(book.executor_index.len(), request, item)
    return {"items": items, "next": cursor}
