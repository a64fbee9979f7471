"""The targets of a run: which is asked about next, and what they make of the run. Pure rules.

A target is asked about when those that it needs were released; one that is rejected or fails ends
the run. Times are nanoseconds since 1970.
"""

from typing import TYPE_CHECKING

from shared.rules.cutting import cut
from shared.rules.deploys import needed_by
from shared.rules.limits import MAX_TARGET_REASON_CHARS, MAX_TEXT_CHARS

if TYPE_CHECKING:
    from canisters.build_executor.records import RunRecord, TargetRow
    from shared.types.pipeline import Deploy
    from shared.types.run import RunState, TargetState, TargetStatus


def new_row(target: str) -> "TargetRow":
    return {
        "target": target,
        "state": {"Waiting": None},
        "approval": None,
        "attempt": 1,
        "release": None,
        "ask_by_ns": 0,
    }


def statuses(rows: "list[TargetRow]") -> "list[TargetStatus]":
    """Targets as callers and reports see them."""
    return [
        {
            "target": row["target"],
            "state": row["state"],
            "approval": row["approval"],
            "release": row["release"],
        }
        for row in rows
    ]


def rows_of(record: "RunRecord", deploys: "list[Deploy]") -> "list[TargetRow]":
    """The targets of a run, in the order of its pipeline.

    Runs of before 0.2 had one at most, and kept in the run's own fields how far it was.
    """
    found = record["targets"]
    if found is not None:
        return found
    rows = [new_row(one["target"]) for one in deploys]
    for row in rows[:1]:
        row["approval"] = record["approval"]
        row["attempt"] = record["approval_attempt"] or 1
        row["release"] = record["release"]
        row["state"] = _earlier_state(record)
        if _is_building(record):
            row["ask_by_ns"] = record["approval_by_ns"]
    return rows


def is_untold(record: "RunRecord") -> bool:
    """Whether 0.1.0 ended the run: it had succeeded when people were asked, and heard no more."""
    is_earlier = record["targets"] is None and record["release"] is None
    return is_earlier and "Succeeded" in record["state"]


def _earlier_state(record: "RunRecord") -> "TargetState":
    state = record["state"]
    if "Approving" in state or is_untold(record):
        return {"Approving": None}
    if "Succeeded" in state:
        return {"Released": None}
    if "Releasing" in state:
        return {"Releasing": None}
    rejected = state.get("Rejected")
    if rejected is not None:
        return {"Rejected": cut(rejected, MAX_TARGET_REASON_CHARS)}
    if "Failed" in state and record["release_error"] is not None:
        return {"Failed": cut(record["release_error"], MAX_TARGET_REASON_CHARS)}
    if "Cancelled" in state and record["approval"] is not None:
        return {"Withdrawn": None}
    return {"Waiting": None}


def _is_building(record: "RunRecord") -> bool:
    return "Queued" in record["state"] or "Running" in record["state"]


def find(rows: "list[TargetRow]", target: str) -> "TargetRow | None":
    for row in rows:
        if row["target"] == target:
            return row
    return None


def of_notice(rows: "list[TargetRow]", target: "str | None", approval: str) -> "TargetRow | None":
    """The target that news of a request are about. Before 0.2 they named none: there was one."""
    for row in rows:
        if row["target"] == target or (target is None and row["approval"] in (None, approval)):
            return row
    return None


# Asking


def is_asking(row: "TargetRow") -> bool:
    """Whether the target's approval request is about to be made."""
    return row["ask_by_ns"] > 0


def is_undecided(row: "TargetRow") -> bool:
    """Whether a request stands that may still be decided, or is about to be made."""
    return is_asking(row) or "Approving" in row["state"]


def ready(rows: "list[TargetRow]", deploys: "list[Deploy]") -> "list[TargetRow]":
    """Targets to ask about now: all that they need was released."""
    released = {row["target"] for row in rows if "Released" in row["state"]}
    needs = {one["target"]: needed_by(one, deploys) for one in deploys}
    return [
        row
        for row in rows
        if "Waiting" in row["state"]
        and not is_asking(row)
        and all(name in released for name in needs.get(row["target"], []))
    ]


def ask(row: "TargetRow", by_ns: int) -> None:
    """The request for the target is to be made until then."""
    row["ask_by_ns"] = by_ns


def asked(row: "TargetRow", approval: str) -> None:
    """The request is there."""
    row["approval"] = approval
    row["state"] = {"Approving": None}
    row["ask_by_ns"] = 0


def failed(row: "TargetRow", reason: str) -> None:
    row["state"] = {"Failed": cut(reason, MAX_TARGET_REASON_CHARS)}
    row["ask_by_ns"] = 0


def withdrawn(row: "TargetRow") -> None:
    """No request of the target stands, and none will be made."""
    row["state"] = {"Withdrawn": None}
    row["ask_by_ns"] = 0


def undone(rows: "list[TargetRow]") -> "list[TargetRow]":
    """Those whose request ended without a release, or is not decided yet."""
    words = ("Rejected", "Failed", "Withdrawn", "Approving")
    return [row for row in rows if any(word in row["state"] for word in words)]


def ask_anew(rows: "list[TargetRow]") -> None:
    """Make the targets whose request is not carried out such that can be asked about again.

    `verification` withdraws a request that is not decided yet when the next one is made.
    """
    for row in undone(rows):
        if row["approval"] is not None:
            row["attempt"] += 1
        row["approval"] = None
        row["state"] = {"Waiting": None}


def ask_withdrawn_anew(rows: "list[TargetRow]") -> None:
    """The same for those whose request was withdrawn because of another target."""
    ask_anew([row for row in rows if "Withdrawn" in row["state"]])


def after_notice(row: "TargetRow", word: str, why: str) -> "TargetState | None":
    """The state that a notice of `verification` leads to; None when it changes nothing.

    Targets that were rejected or released stay what they are. A failed release may be tried again.
    """
    state = row["state"]
    is_failed = "Failed" in state and row["approval"] is not None
    # The request may have ended with a failed release before it could be withdrawn: that too may be
    # tried again.
    is_retried = "Withdrawn" in state and word in ("Releasing", "Released")
    if not ("Approving" in state or "Releasing" in state or is_failed or is_retried):
        return None
    if word == "Releasing":
        return {"Releasing": None}
    if word == "Released":
        return {"Released": None}
    if word == "Rejected":
        return {"Rejected": cut(why, MAX_TARGET_REASON_CHARS)}
    if word == "Failed":
        return {"Failed": cut(why, MAX_TARGET_REASON_CHARS)}
    return None


# What the targets make of the run


def is_ending(record: "RunRecord", rows: "list[TargetRow]") -> bool:
    """Whether no further target is asked about: one ended without release, or all is cancelled."""
    return record["cancelled_by"] is not None or culprit(rows) is not None


def culprit(rows: "list[TargetRow]") -> "TargetRow | None":
    """The first target that failed, else the first that was rejected."""
    for word in ("Failed", "Rejected"):
        for row in rows:
            if word in row["state"]:
                return row
    return None


def why_withdrawn(run: str, record: "RunRecord", rows: "list[TargetRow]") -> str:
    if record["cancelled_by"] is not None:
        return f"{run} was cancelled by {record['cancelled_by']}"
    row = culprit(rows)
    if row is None:
        return f"{run} has ended"
    word = "failed" if "Failed" in row["state"] else "was rejected"
    return f"target {row['target']} of {run} {word}"


def state_of(record: "RunRecord", rows: "list[TargetRow]") -> "RunState":
    """The state of a run that is built, from those of its targets.

    It ends when nothing of it is under way any more.
    """
    if any(is_undecided(row) for row in rows):
        if _is_building(record) and not any("Approving" in row["state"] for row in rows):
            return record["state"]
        if not (is_ending(record, rows) and _is_releasing(rows)):
            return {"Approving": None}
    if _is_releasing(rows):
        return {"Releasing": None}
    if all("Released" in row["state"] for row in rows):
        return {"Succeeded": None}
    row = culprit(rows)
    if record["cancelled_by"] is not None:
        by = record["cancelled_by"]
        return {"Cancelled": cut(f"cancelled by {by}{_rest(rows, None)}", MAX_TEXT_CHARS)}
    if row is None:
        return {"Rejected": f"nothing is left to be asked about{_rest(rows, None)}"}
    why = row["state"].get("Failed") or row["state"].get("Rejected") or ""
    if len(rows) > 1:
        why = f"target {row['target']}: {why}{_rest(rows, row)}"
    if "Failed" in row["state"]:
        return {"Failed": cut(why, MAX_TEXT_CHARS)}
    return {"Rejected": cut(why, MAX_TEXT_CHARS)}


def _is_releasing(rows: "list[TargetRow]") -> bool:
    return any("Releasing" in row["state"] for row in rows)


def _rest(rows: "list[TargetRow]", besides: "TargetRow | None") -> str:
    """What became of the other targets of several, for the end of a sentence."""
    if len(rows) == 1:
        return ""
    released = [row["target"] for row in rows if "Released" in row["state"]]
    left = [row["target"] for row in rows if row is not besides and row["target"] not in released]
    told = f"; released before, and left so: {', '.join(released)}" if released else ""
    return told + (f"; not released: {', '.join(left)}" if left else "")


def current(rows: "list[TargetRow]") -> "TargetRow | None":
    """The target that stands for the run where only one can be named."""
    for word in ("Approving", "Releasing", "Failed", "Rejected"):
        for row in rows:
            if word in row["state"]:
                return row
    named = [row for row in rows if row["approval"] is not None]
    return named[-1] if named else None
