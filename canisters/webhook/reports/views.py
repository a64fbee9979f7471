"""Reading reports: the newest first for people, from a number on for reporters."""

from canisters.webhook.reports import tables
from canisters.webhook.store import reports
from shared.base.pages import collect
from shared.rules.limits import MAX_PAGE_BYTES, MAX_PAGE_ITEMS
from shared.rules.refused import invalid
from shared.rules.sizes import candid_bound
from shared.types.paging import PageRequest
from shared.types.report import Report, ReportBatch, ReportPage, ReportQuery


def _at(number: int) -> "Report | None":
    stored = reports.get(number)
    return None if stored is None else stored["report"]


def listed(page: PageRequest) -> ReportPage:
    """Newest first. The list ends where older reports are not kept any more."""
    items, after = collect(tables.total(), page, _at)
    if after is not None and int(after) < tables.first():
        after = None
    return {"items": items, "next": after}


def since(query: ReportQuery) -> ReportBatch:
    """Oldest first, from a number on; what is not kept any more is passed over."""
    if query["limit"] > MAX_PAGE_ITEMS:
        raise invalid(f"limit is {query['limit']}: use 1 to {MAX_PAGE_ITEMS}, or 0")
    total = tables.total()
    number = max(query["since"], tables.first())
    end = min(total, number + (query["limit"] or MAX_PAGE_ITEMS))
    items: list[Report] = []
    used = 0
    while number < end:
        item = _at(number)
        if item is not None:
            used += candid_bound(item)
            if items and used > MAX_PAGE_BYTES:
                break
            items.append(item)
        number += 1
    return {"items": items, "first": tables.first(), "next": min(number, total), "total": total}
