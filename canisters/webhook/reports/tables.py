"""Reports in the stable maps: appended at the end, dropped at the front; O(log n) each.

Nothing here checks who calls.
"""

from canisters.webhook.repositories.tables import count
from canisters.webhook.store import counters, reports, told, told_commits
from shared.rules.limits import MAX_REPORTS
from shared.rules.names import is_commit_id
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
                for commit in known["commits"] or []:
                    leave(dropped["report"]["repository"], commit["sha"], run)


def shown_by(repository: str, sha: str) -> "str | None":
    """The run whose reports a commit shows."""
    return told_commits.get(f"{repository}/{sha}") if is_commit_id(sha) else None


def shows(repository: str, sha: str, run: str) -> bool:
    """Whether the commit shows the reports of this run, and not those of a later one."""
    return shown_by(repository, sha) == run


def show(repository: str, sha: str, run: str) -> None:
    """The commit shows the reports of this run from now on."""
    told_commits.insert(f"{repository}/{sha}", run)


def leave(repository: str, sha: str, run: str) -> None:
    """The commit does not show the reports of this run any more."""
    if shows(repository, sha, run):
        told_commits.remove(f"{repository}/{sha}")
