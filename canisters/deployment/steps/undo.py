"""What follows when the target got its module, and not its files: the way back. Rules.

The snapshot of before the release is loaded; a canister that had no module has none again.
"""

from typing import TYPE_CHECKING

from canisters.deployment.steps.answer import Answer, Look
from canisters.deployment.steps.machine import (
    EMPTY,
    MAX_REASON_CHARS,
    Goal,
    end_failed,
    enter,
    hash_text,
    word_of,
)
from canisters.deployment.steps.phases import RECOVER, UNDO_EMPTY, UNDO_LOAD, UNDO_LOOK, UNDO_STOP
from shared.rules.cutting import cut

if TYPE_CHECKING:
    from canisters.deployment.records import ProgressRecord

MAX_WHY_CHARS = 200


def take_back(progress: "ProgressRecord", reason: str) -> None:
    """Begin to undo the install, for this reason."""
    reason = cut(reason, MAX_REASON_CHARS).rstrip(". ")
    progress["failure"] = f"{word_of(progress['state'])}: {reason}."
    enter(progress, UNDO_LOOK)


def looked_back(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    look = answer.look or Look(None)
    known = progress["changes"]
    if look.module_hash != goal.module_hash or known not in (None, look.changes - 1):
        # What somebody else did since the install is not undone with it.
        progress["concurrent"] = True
        blame = "" if look.by_others is None else f" ({look.by_others})"
        progress["failure"] = (
            f"{progress['failure'] or ''} The canister has {hash_text(look.module_hash)} by now, "
            f"and was changed by somebody else{blame}: nothing is undone."
        )
        enter(progress, RECOVER)
    else:
        enter(progress, UNDO_EMPTY if progress["previous_hash"] is None else UNDO_STOP)


def stopped_again(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    enter(progress, UNDO_LOAD)


def loaded_back(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    progress["installed"] = False
    enter(progress, RECOVER)


def emptied(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    progress["installed"] = False
    end_failed(progress, f"{progress['failure'] or ''} {EMPTY}")


def refuse_undo(progress: "ProgressRecord", reason: str) -> None:
    """Leave the new module there, and say so: `recover` starts the canister again."""
    why = cut(reason, MAX_WHY_CHARS)
    progress["failure"] = (
        f"{progress['failure'] or ''} And what ran before could not be put back: {why}."
    )
    enter(progress, RECOVER)
