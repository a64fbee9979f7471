"""Taking reports in, and what a reporter tells of them. Callers have been authorised."""

from kybra import Principal

from canisters.webhook.records import ToldState
from canisters.webhook.reports import rules, tables
from canisters.webhook.store import report_lease, reports, told
from shared.rules.limits import MAX_POSTED_REPORTS, REPORT_LEASE_NS
from shared.rules.refused import too_large
from shared.types.report import PostedReport, ReportLease, RunReport
from shared.types.run import Source

LEASE = 0


def record(report: RunReport) -> None:
    """Write down what has changed of a run. A repeated or an overtaken message changes nothing."""
    known = told.get(report["run"])
    if known is not None and report["at_ns"] < known["at_ns"]:
        return
    before = [] if known is None else known["states"]
    _add(report, before, rules.changes(report, before))


def refuse(run: str, source: Source, reason: str, now_ns: int) -> None:
    """Write down that a run request was refused: nobody else tells of that run.

    Of one that names no commit there is nothing to report.
    """
    if not source["sha"]:
        return
    report: RunReport = {
        "run": run,
        "pipeline": "",
        "repository": source["repository"],
        "ref": source["ref"],
        "sha": source["sha"],
        "state": {"Queued": None},
        "stages": [],
        "targets": [],
        "at_ns": now_ns,
    }
    _add(report, [], [rules.Change({"Run": None}, rules.state_of({"Refused": reason}), None)])


def _add(report: RunReport, before: list[ToldState], changed: list[rules.Change]) -> None:
    if not changed:
        return
    for change in changed:
        tables.add(
            {
                "number": tables.total(),
                "at_ns": report["at_ns"],
                "repository": report["repository"],
                "ref": report["ref"],
                "sha": report["sha"],
                "run": report["run"],
                "pipeline": report["pipeline"],
                "subject": change.subject,
                "state": change.state,
                "record": change.record,
                "posting": rules.first_posting(),
            }
        )
    told.insert(
        report["run"],
        {
            "version": 1,
            "at_ns": report["at_ns"],
            "last": tables.total() - 1,
            "states": rules.told_after(before, changed),
        },
    )


def lease(reporter: str, caller: Principal, now_ns: int) -> ReportLease:
    """Give the right to post to one reporter, or let it keep it; Conflict for another one."""
    rules.check_reporter(reporter)
    rules.refuse_other(report_lease.get(LEASE), caller.to_str(), reporter, now_ns)
    until_ns = now_ns + REPORT_LEASE_NS
    report_lease.insert(
        LEASE, {"version": 1, "holder": caller, "reporter": reporter, "until_ns": until_ns}
    )
    return {
        "reporter": reporter,
        "holder": caller,
        "until_ns": until_ns,
        "done": tables.done(),
    }


def leave(reporter: str, caller: Principal) -> None:
    """Give the lease back, so that another reporter need not wait for its end."""
    held = report_lease.get(LEASE)
    if held is not None and rules.is_holder(held, caller.to_str(), reporter):
        report_lease.remove(LEASE)


def record_posts(
    reporter: str, posts: "list[PostedReport]", done: int, caller: Principal, now_ns: int
) -> None:
    """Take what became of reports. What is final stays so; numbers that are gone are passed over.

    `done`: all reports before it need nothing more.
    """
    if len(posts) > MAX_POSTED_REPORTS:
        raise too_large(
            f"{len(posts)} reports at once, over {MAX_POSTED_REPORTS} (MAX_POSTED_REPORTS)"
        )
    rules.require_holder(report_lease.get(LEASE), caller.to_str(), reporter, now_ns)
    for post in posts:
        stored = reports.get(post["number"])
        if stored is not None and not rules.is_final(stored["report"]["posting"]):
            stored["report"]["posting"] = rules.cut_posting(post["posting"])
            reports.insert(post["number"], stored)
    tables.set_done(done)
