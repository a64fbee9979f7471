"""What follows the steps that leave the target untouched: bytes, canister, a first look. Rules."""

from typing import TYPE_CHECKING

from canisters.deployment.steps.affording import shortage
from canisters.deployment.steps.answer import Answer, Look
from canisters.deployment.steps.machine import (
    Goal,
    chunk_count,
    enter,
    fail,
    fail_concurrent,
    hash_text,
)
from canisters.deployment.steps.phases import CLEAR, CREATE, LOOK, STOP, VERIFY
from shared.rules.creation import controllers_differ
from shared.rules.cycles import advised

if TYPE_CHECKING:
    from canisters.deployment.records import ProgressRecord

LOST_CREATE = (
    "the answer to create_canister was lost, so a canister may have been created that is not "
    "recorded here. Look for a canister controlled by this deployment canister that was created "
    "at that time. Enter it with update_target or let it be; then `dcanary run retry` asks people "
    "again"
)


def fetched(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    progress["staged"] += 1
    if progress["staged"] >= chunk_count(goal.size):
        enter(progress, VERIFY)


def verified(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    if answer.value != goal.module_hash:
        found = (answer.value or b"").hex()
        approved = goal.module_hash.hex()
        fail(progress, f"the artifact's bytes have sha256 {found}, approved is {approved}")
    elif progress["canister"] is not None:
        enter(progress, LOOK)
    elif goal.mode == "Install":
        enter(progress, CREATE)
    else:
        fail(progress, f"approved is mode {goal.mode}, but the target has no canister yet")


def created(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    enter(progress, LOOK)


def looked(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    look = answer.look or Look(None)
    found = look.module_hash
    expected_changes = progress["changes"]
    progress["previous_hash"] = found
    progress["changes"] = look.changes
    other_controllers = None
    if goal.creates is not None and look.controllers is not None:
        other_controllers = controllers_differ(goal.creates, look.controllers)
    if goal.rollback and expected_changes not in (None, look.changes):
        fail_concurrent(progress, "the canister was changed since the plan", look.by_others)
    elif goal.binds and found != goal.replaces:
        # Whoever installed it, another release of this canister or somebody else: people approved
        # that something else is replaced.
        fail_concurrent(
            progress,
            f"the canister has {hash_text(found)}; it had {hash_text(goal.replaces)} when the "
            f"order was made: {goal.leads_on}",
            look.by_others,
        )
    elif other_controllers is not None:
        fail_concurrent(progress, f"{goal.leads_on}: {other_controllers}", look.by_others)
    elif found is None and goal.mode != "Install" and not goal.rollback:
        fail(progress, f"approved is mode {goal.mode}, but the target's canister has no module")
    elif found is not None and goal.mode == "Install" and not goal.rollback:
        fail(
            progress,
            f"approved is mode Install, but the target's canister has {hash_text(found)} "
            f"by now: {goal.leads_on}",
        )
    else:
        _afford(progress, look, goal)


def _afford(progress: "ProgressRecord", look: Look, goal: Goal) -> None:
    """Go on when the canister can pay for the release; nothing is stopped before."""
    size = 0 if goal.rollback else goal.size
    lacking = shortage(look, size, goal.asset_bytes, goal.keeps)
    if lacking is not None:
        sentence, missing = lacking
        fail(
            progress,
            f"{sentence} (`dcanary target top-up {goal.target} --cycles {advised(missing)}`), then "
            "retry",
        )
    elif look.module_hash is None and not goal.rollback:
        enter(progress, CLEAR)
    else:
        # Stopping is the first change to a target: whatever goes wrong from here is recovered.
        progress["touched"] = True
        enter(progress, STOP)
