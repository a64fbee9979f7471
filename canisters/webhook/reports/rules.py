"""What has changed of a run since it was reported last, and who may post reports. Plain Python."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, cast

from shared.rules.cutting import cut
from shared.rules.limits import MAX_COMMITS_PER_REPORT, MAX_NAME_CHARS, MAX_REPORT_TEXT_CHARS
from shared.rules.refused import conflict, invalid

if TYPE_CHECKING:
    from canisters.webhook.records import ReportLeaseRecord, ToldCommit, ToldState
    from shared.types.report import (
        Posting,
        ReportState,
        ReportSubject,
        RunReport,
    )

WITH_TEXT = ("Failed", "Disagreed", "Inconclusive", "Rejected", "Cancelled", "Refused")
"""States of a report that say why."""
FINAL = ("Posted", "Superseded", "Refused")
"""States of a posting that nothing follows."""


class SubjectChange(NamedTuple):
    """A subject of a run that came into another state; `record` is what a target's is of."""

    subject: "ReportSubject"
    state: "ReportState"
    record: "str | None"


def first_posting() -> "Posting":
    return {"state": {"Waiting": None}, "attempts": 0, "last_error": "", "next_try_ns": None}


def case_of(variant: "Mapping[str, object]") -> "tuple[str, object]":
    """The name of a variant's case, and what is in it."""
    ((word, value),) = variant.items()
    return word, value


def state_of(state: "Mapping[str, object]") -> "ReportState":
    """A state of a run, a stage or a target, its text cut to what is kept."""
    word, why = case_of(state)
    kept = None if why is None else cut(str(why), MAX_REPORT_TEXT_CHARS)
    # `ReportState` has all cases of the three; that a word is one of them mypy cannot see.
    made: ReportState = cast("ReportState", {word: kept})
    return made


def mark_of(state: "ReportState", record: "str | None") -> str:
    """What tells a state of a subject from its next one."""
    word, why = case_of(state)
    about = "\n".join(text for text in (str(why or ""), record or "") if text)
    return word if not about else f"{word}:{hashlib.sha256(about.encode()).hexdigest()[:16]}"


def subject_key(subject: "ReportSubject") -> str:
    kind, name = case_of(subject)
    return f"{kind}:{name or ''}"


def subjects_of(report: "RunReport") -> "list[SubjectChange]":
    """All that a report tells: the stages, the targets that were asked about, then the run."""
    found = [
        SubjectChange({"Stage": stage["name"]}, state_of(stage["state"]), None)
        for stage in report["stages"]
        if "Waiting" not in stage["state"]
    ]
    found += [
        SubjectChange(
            {"Target": target["target"]},
            state_of(target["state"]),
            target["release"] or target["approval"],
        )
        for target in report["targets"]
        if "Waiting" not in target["state"]
    ]
    return [*found, SubjectChange({"Run": None}, state_of(report["state"]), None)]


def changes(report: "RunReport", told: "list[ToldState]") -> "list[SubjectChange]":
    """What of the report was not told yet."""
    known = {each["subject"]: each["mark"] for each in told}
    return [
        change
        for change in subjects_of(report)
        if known.get(subject_key(change.subject)) != mark_of(change.state, change.record)
    ]


def told_after(told: "list[ToldState]", changed: "list[SubjectChange]") -> "list[ToldState]":
    """What was told once the changes are."""
    marks = {each["subject"]: each["mark"] for each in told}
    for change in changed:
        marks[subject_key(change.subject)] = mark_of(change.state, change.record)
    after: list[ToldState] = [{"subject": key, "mark": mark} for key, mark in marks.items()]
    return after


def state_of_mark(mark: str, text: str) -> "ReportState":
    """The state that was told last, by its word; `text` in place of its own."""
    word = mark.partition(":")[0]
    return state_of({word: text if word in WITH_TEXT else None})


def subject_of(key: str) -> "ReportSubject":
    """The subject of a `subject_key`."""
    kind, _, name = key.partition(":")
    if kind == "Stage":
        return {"Stage": name}
    return {"Target": name} if kind == "Target" else {"Run": None}


def with_follower(commits: "list[ToldCommit]", sha: str, ref: str) -> "list[ToldCommit]":
    """The run's own commit, then the last that follow it, with this one."""
    own, rest = commits[:1], [each for each in commits[1:] if each["sha"] != sha]
    return [*own, *rest[2 - MAX_COMMITS_PER_REPORT :], {"sha": sha, "ref": ref}]


# The lease


def check_reporter(reporter: str) -> None:
    """Raise Invalid for a name that no reporter has."""
    fits = 1 <= len(reporter) <= MAX_NAME_CHARS and reporter.isascii() and reporter.isprintable()
    if not fits:
        raise invalid(f"reporter: use 1 to {MAX_NAME_CHARS} printable ASCII characters")


def is_holder(lease: "ReportLeaseRecord", holder: str, reporter: str) -> bool:
    return lease["holder"].to_str() == holder and lease["reporter"] == reporter


def refuse_other(
    lease: "ReportLeaseRecord | None", holder: str, reporter: str, now_ns: int
) -> None:
    """Raise Conflict while somebody else holds the lease."""
    if lease is None or lease["until_ns"] <= now_ns or is_holder(lease, holder, reporter):
        return
    seconds = -((now_ns - lease["until_ns"]) // 1_000_000_000)
    raise conflict(
        f"reporter {lease['reporter']} of {lease['holder'].to_str()} posts the reports: its lease "
        f"runs out in {seconds} s unless it goes on"
    )


def require_holder(
    lease: "ReportLeaseRecord | None", holder: str, reporter: str, now_ns: int
) -> None:
    """Raise Conflict unless this reporter holds the lease now."""
    refuse_other(lease, holder, reporter, now_ns)
    if lease is None or lease["until_ns"] <= now_ns:
        raise conflict(
            f"the lease of reporter {reporter[:MAX_NAME_CHARS]} has run out: lease again"
        )


def cut_posting(posting: "Posting") -> "Posting":
    """What a reporter tells, its texts cut to what is kept."""
    state = posting["state"]
    refused = state.get("Refused")
    if refused is not None:
        state = {"Refused": cut(refused, MAX_REPORT_TEXT_CHARS)}
    made: Posting = {
        "state": state,
        "attempts": posting["attempts"],
        "last_error": cut(posting["last_error"], MAX_REPORT_TEXT_CHARS),
        "next_try_ns": posting["next_try_ns"],
    }
    return made


def is_final(posting: "Posting") -> bool:
    """Whether nothing more happens to the report."""
    return any(word in posting["state"] for word in FINAL)
