"""What follows the last steps: started, checked, or recovered after a failure. Rules."""

from typing import TYPE_CHECKING

from canisters.deployment.steps.answer import Answer, Look
from canisters.deployment.steps.change import performed
from canisters.deployment.steps.machine import (
    KEPT,
    Goal,
    effect_of_change,
    end,
    end_failed,
    enter,
    hash_text,
)
from canisters.deployment.steps.phases import ASSESS, CHECK, RECOVER, SURVEY
from shared.rules.cutting import cut

if TYPE_CHECKING:
    from canisters.deployment.records import ProgressRecord


def started(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    enter(progress, SURVEY if goal.assets else CHECK)


def _succeed(progress: "ProgressRecord") -> None:
    progress["installed"] = True
    end(progress, {"Succeeded": None})


def checked(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    look = answer.look or Look(None)
    progress["module_hash"] = look.module_hash
    if look.module_hash == goal.module_hash:
        _succeed(progress)
        return
    progress["concurrent"] = True
    blame = "" if look.by_others is None else f" ({look.by_others})"
    end_failed(
        progress,
        f"Checking: the canister has {hash_text(look.module_hash)} by now, this release put "
        f"{goal.module_hash.hex()} there{blame}.",
    )


def recovered(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    if progress["unclear"]:
        enter(progress, ASSESS)
        return
    effect = effect_of_change(progress) if progress["installed"] else KEPT
    if progress["concurrent"]:
        effect = "The canister runs as it was found."
    end_failed(progress, f"{progress['failure'] or ''} {effect}")


def assessed(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    look = answer.look or Look(None)
    progress["module_hash"] = look.module_hash
    if performed(progress, look, goal):
        # It was done after all, and the canister runs: what would follow its start follows.
        progress["unclear"] = False
        if goal.assets:
            progress["installed"] = True
            progress["failure"] = None
            enter(progress, SURVEY)
        else:
            _succeed(progress)
        return
    end_failed(
        progress,
        f"{progress['failure'] or ''} The canister runs with {hash_text(look.module_hash)}.",
    )


def refuse_start(progress: "ProgressRecord", reason: str) -> None:
    advice = f"the canister could not be started: {cut(reason, 200)}. Start it with start_target."
    if progress["phase"] == RECOVER.name:
        end_failed(progress, f"{progress['failure'] or ''} And {advice}")
    else:
        end_failed(progress, f"Starting: {advice} {effect_of_change(progress)}")


def refuse_look(progress: "ProgressRecord", reason: str) -> None:
    end_failed(
        progress,
        f"{progress['failure'] or 'Checking:'} The module could not be read: {reason}",
    )
