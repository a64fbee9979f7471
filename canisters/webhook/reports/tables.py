"""Reports in the stable maps: appended at the end, dropped at the front; O(log n) each.

Nothing here checks who calls.
"""

from canisters.webhook.repositories.tables import count
from canisters.webhook.store import counters, reports, told
from shared.rules.limits import MAX_REPORTS
from shared.types.report import Report

TOTAL = "reports"
FIRST = "reports_first"
DONE = "reports_done"


def total() -> int:
    """The number of the next report."""
    return count(TOTAL)


def first() -> int:
    """The number of the oldest report that is kept."""
    return count(FIRST)


def done() -> int:
    """All reports before this number need nothing more."""
    return max(count(DONE), first())


def set_done(number: int) -> None:
    """Never goes back, and not beyond the last report."""
    counters.insert(DONE, max(done(), min(number, total())))


def add(report: Report) -> None:
    """Append a report, which has the number `total()`; the oldest goes when there are too many."""
    reports.insert(report["number"], {"version": 1, "report": report})
    counters.insert(TOTAL, report["number"] + 1)
    oldest = first()
    if report["number"] + 1 - oldest > MAX_REPORTS:
        dropped = reports.remove(oldest)
        counters.insert(FIRST, oldest + 1)
        if dropped is not None:
            run = dropped["report"]["run"]
            known = told.get(run)
            if known is not None and known["last"] == oldest:
                told.remove(run)
