"""What follows the steps that change the target, from its stop to the new module. Rules."""

from typing import TYPE_CHECKING

from canisters.deployment.steps.answer import Answer, Look
from canisters.deployment.steps.machine import (
    EMPTY,
    Goal,
    chunk_count,
    enter,
    fail,
    fail_concurrent,
    hash_text,
)
from canisters.deployment.steps.phases import (
    CLEAR,
    CONFIRM,
    INSTALL,
    LOAD,
    SNAPSHOT,
    START,
    UPLOAD,
)
from shared.rules.limits import CALL_WAIT_SECONDS

if TYPE_CHECKING:
    from canisters.deployment.records import ProgressRecord

STOP_ATTEMPTS = 2


def stopped(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    enter(progress, SNAPSHOT)


def snapshotted(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    progress["snapshot"] = answer.value
    enter(progress, CONFIRM if goal.rollback else CLEAR)


def cleared(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    progress["uploaded"] = 0
    progress["chunk_hashes"] = b""
    enter(progress, UPLOAD)


def uploaded(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    progress["uploaded"] += 1
    progress["chunk_hashes"] += answer.value or b""
    if progress["uploaded"] >= chunk_count(goal.size):
        enter(progress, CONFIRM)


def confirmed(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    look = answer.look or Look(None)
    known = progress["changes"]
    if look.module_hash != progress["previous_hash"] or known not in (None, look.changes):
        _fail_changed(progress, look)
    elif progress["touched"] and look.running:
        # What it has stored since its snapshot would be lost by a rollback.
        fail_concurrent(
            progress, "the canister was started by somebody else during the release", None
        )
    else:
        enter(progress, LOAD if goal.rollback else INSTALL)


def _fail_changed(progress: "ProgressRecord", look: Look) -> None:
    fail_concurrent(
        progress,
        f"the canister was changed during the release and has {hash_text(look.module_hash)}",
        look.by_others,
    )


def installed(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    _changed(progress)


def _changed(progress: "ProgressRecord") -> None:
    progress["touched"] = True
    progress["installed"] = True
    progress["failure"] = None
    enter(progress, START)


def performed(progress: "ProgressRecord", look: Look, goal: Goal) -> "bool | None":
    """Whether the install or load was done; None when somebody else changed the canister."""
    known = progress["changes"]
    if known is None:
        return look.module_hash == goal.module_hash != progress["previous_hash"]
    if look.changes == known:
        return False
    return True if look.module_hash == goal.module_hash else None


def rechecked(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    look = answer.look or Look(None)
    done = performed(progress, look, goal)
    if done:
        _changed(progress)
    elif done is None:
        progress["touched"] = True
        _fail_changed(progress, look)
    elif progress["failure"] is not None:
        # It is not tried again: it had its time, and may even be under way still.
        refuse_recheck(progress, f"{progress['failure']}, and it had not been changed then")
    # Else it is sent again once it has had its time: see `table.awaited`.


def fail_empty(progress: "ProgressRecord", reason: str) -> None:
    fail(progress, reason, EMPTY)


def refuse_recheck(progress: "ProgressRecord", reason: str) -> None:
    # Whether it was done shows when the canister runs again.
    progress["unclear"] = True
    progress["touched"] = True
    fail(progress, f"it is not known whether the canister was changed: {reason}")


def overdue_stop(progress: "ProgressRecord", reason: str) -> None:
    seconds = STOP_ATTEMPTS * CALL_WAIT_SECONDS
    fail(progress, f"the canister did not stop within {seconds} s: it is waiting for answers")
