"""Taking reports in, and what a reporter tells of them. Callers have been authorised."""

from kybra import Principal

from canisters.webhook.records import ToldCommit, ToldRecord
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
    _add(report, known, rules.changes(report, before))


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
    _add(
        report,
        None,
        [rules.SubjectChange({"Run": None}, rules.state_of({"Refused": reason}), None)],
    )


def _add(report: RunReport, known: "ToldRecord | None", changed: list[rules.SubjectChange]) -> None:
    """Write the changes down for the run's commit, and for those that follow it."""
    if not changed:
        return
    run, repository = report["run"], report["repository"]
    own: ToldCommit = {"sha": report["sha"], "ref": report["ref"]}
    commits = [own]
    if known is not None:
        commits += (known["commits"] or [])[1:]
    if known is None or tables.shown_by(repository, report["sha"]) is None:
        tables.show(repository, report["sha"], run)
    for commit in commits:
        if commit is own or tables.shows(repository, commit["sha"], run):
            for change in changed:
                _append(report, commit, change)
    told.insert(
        run,
        {
            "version": 1,
            "at_ns": report["at_ns"],
            "last": tables.total() - 1,
            "states": rules.told_after([] if known is None else known["states"], changed),
            "commits": commits,
        },
    )


def _append(report: RunReport, commit: ToldCommit, change: rules.SubjectChange) -> None:
    tables.add(
        {
            "number": tables.total(),
            "at_ns": report["at_ns"],
            "repository": report["repository"],
            "ref": commit["ref"],
            "sha": commit["sha"],
            "run": report["run"],
            "pipeline": report["pipeline"],
            "subject": change.subject,
            "state": change.state,
            "record": change.record,
            "posting": rules.first_posting(),
        }
    )


def follow(repository: str, ref: str, before: str, sha: str, now_ns: int) -> None:
    """A commit without a run of its own shows what its predecessor does, now and later.

    Nothing that the pipeline wants to see has changed between the two: there is nothing to do, and
    the result is the same. A success of its own would let a commit on top of a failed one pass.
    Of a predecessor that nothing is known of, nothing is shown.
    """
    run = tables.shown_by(repository, before)
    known = None if run is None else told.get(run)
    last = None if known is None else reports.get(known["last"])
    if run is None or known is None or last is None or tables.shown_by(repository, sha) is not None:
        return
    report: RunReport = {
        "run": run,
        "pipeline": last["report"]["pipeline"],
        "repository": repository,
        "ref": ref,
        "sha": sha,
        "state": {"Queued": None},
        "stages": [],
        "targets": [],
        "at_ns": now_ns,
    }
    commit: ToldCommit = {"sha": sha, "ref": ref}
    for each in known["states"]:
        state = rules.state_of_mark(each["mark"], f"see {before[:12]}, nothing to do here")
        _append(report, commit, rules.SubjectChange(rules.subject_of(each["subject"]), state, None))
    commits = rules.with_follower(known["commits"] or [], sha, ref)
    kept = [each["sha"] for each in commits]
    for left in known["commits"] or []:
        if left["sha"] not in kept:
            tables.leave(repository, left["sha"], run)
    tables.show(repository, sha, run)
    known["commits"] = commits
    known["last"] = tables.total() - 1
    told.insert(run, known)


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
