"""The steps of a release, in one table. Pure rules; no call is made here.

A step is chosen from what is written down, performed, and its answer recorded:

    release:   fetch… verify [create] look [stop snapshot] clear upload… confirm install start
               [files: see `steps.assets`] check
    rollback:  look stop snapshot confirm load start check

A failure after the target was touched goes through `recover`, which starts the canister again; one
of its files goes through `undo …` first, which puts back what ran before. The answers of `create`,
`snapshot`, `install`, `load` and `commit` must not be guessed: that they are under way is written
down first, and when an answer is lost the step's `doubt` says what to do.
"""

from typing import TYPE_CHECKING

from canisters.deployment.steps import approach, assets, change, finish, machine, phases, undo
from canisters.deployment.steps.machine import enter, fail
from canisters.deployment.steps.step import MAX_START_ATTEMPTS, Step
from shared.rules.limits import SECOND_NS

if TYPE_CHECKING:
    from canisters.deployment.records import ProgressRecord
    from canisters.deployment.steps.answer import Answer
    from canisters.deployment.steps.machine import Goal


def _table(*steps: Step) -> "dict[str, Step]":
    return {step.phase.name: step for step in steps}


STEPS = _table(
    Step(phases.FETCH, "fetch", approach.fetched),
    Step(phases.VERIFY, "verify", approach.verified),
    Step(
        phases.CREATE,
        "create",
        approach.created,
        attempts=1,
        limit_ns=3_600 * SECOND_NS,
        blind=True,
        doubt_reason=approach.LOST_CREATE,
        needs_target=True,
    ),
    Step(phases.LOOK, "look", approach.looked),
    # A stop that was refused is not tried again: that takes minutes. One without an answer is: the
    # second request finds the canister stopped, or goes on waiting with the first.
    Step(
        phases.STOP,
        "stop",
        change.stopped,
        attempts=1,
        transient_attempts=1,
        overdue=change.overdue_stop,
        unknown_attempts=change.STOP_ATTEMPTS,
    ),
    Step(
        phases.SNAPSHOT,
        "snapshot",
        change.snapshotted,
        blind=True,
        doubt=phases.SNAPSHOT,
        needs_target=True,
    ),
    Step(phases.CLEAR, "clear", change.cleared, change.fail_empty),
    Step(phases.UPLOAD, "upload", change.uploaded, change.fail_empty),
    Step(phases.CONFIRM, "look", change.confirmed, change.fail_empty),
    Step(
        phases.INSTALL,
        "install",
        change.installed,
        change.fail_empty,
        attempts=1,
        limit_ns=600 * SECOND_NS,
        blind=True,
        doubt=phases.RECHECK,
    ),
    Step(phases.LOAD, "load", change.installed, blind=True, doubt=phases.RECHECK),
    Step(phases.RECHECK, "look", change.rechecked, change.refuse_recheck),
    Step(
        phases.START,
        "start",
        finish.started,
        finish.refuse_start,
        attempts=MAX_START_ATTEMPTS,
        transient_attempts=MAX_START_ATTEMPTS,
    ),
    Step(phases.SURVEY, "survey", assets.surveyed, assets.refused_survey),
    Step(phases.PERMIT, "permit", assets.permitted, assets.not_permitted),
    Step(phases.BATCH, "batch", assets.batched, assets.refused_batch),
    Step(phases.CHUNK, "chunk", assets.sent, assets.begin_again),
    Step(
        phases.COMMIT,
        "commit",
        assets.committed,
        assets.begin_again,
        attempts=1,
        limit_ns=600 * SECOND_NS,
        blind=True,
        doubt=phases.SURVEY,
    ),
    Step(phases.CHECK, "look", finish.checked, finish.refuse_look),
    Step(phases.UNDO_LOOK, "look", undo.looked_back, undo.refuse_undo),
    Step(
        phases.UNDO_STOP,
        "stop",
        undo.stopped_again,
        undo.refuse_undo,
        attempts=1,
        unknown_attempts=change.STOP_ATTEMPTS,
    ),
    # Loading a snapshot twice leaves what loading it once does: nobody else is let in between.
    Step(phases.UNDO_LOAD, "reload", undo.loaded_back, undo.refuse_undo),
    Step(phases.UNDO_EMPTY, "uninstall", undo.emptied, undo.refuse_undo),
    Step(
        phases.RECOVER,
        "start",
        finish.recovered,
        finish.refuse_start,
        attempts=MAX_START_ATTEMPTS,
        transient_attempts=MAX_START_ATTEMPTS,
    ),
    Step(phases.ASSESS, "look", finish.assessed, finish.refuse_look),
)


def begin(progress: "ProgressRecord") -> None:
    """Start a release, or a rollback, that waited."""
    enter(progress, phases.FETCH if progress["rollback_of"] is None else phases.LOOK)


def next_step(progress: "ProgressRecord") -> "Step | None":
    """Choose the step to perform now; None when the release has ended, perhaps just now."""
    if machine.is_done(progress):
        return None
    step = STEPS.get(progress["phase"])
    if step is None:
        # Version 0.1.0 rolled back within the release's own record.
        progress["unclear"] = True
        progress["failure"] = (
            "RollingBack: the rollback was under way when the deployment canister was upgraded "
            "from version 0.1.0. Roll back again if the target's module is not the wanted one."
        )
        enter(progress, phases.RECOVER)
        step = STEPS[phases.RECOVER.name]
    if step.blind and progress["sent_ns"] > 0:
        if step.doubt is None:
            fail(progress, step.doubt_reason)
            return None
        step = STEPS[step.doubt.name]
    return step


def overdue(progress: "ProgressRecord") -> None:
    """Record an answer that did not come in time. Most steps are simply performed again."""
    step = STEPS.get(progress["phase"])
    if step is not None and step.overdue is not None:
        step.overdue(progress, "")


def awaited(progress: "ProgressRecord", now_ns: int) -> "str | None":
    """Why a change whose answer an upgrade lost is not sent again yet; None when none is.

    It may still be under way: a canister can be upgraded without being stopped. Sent at once it
    could be done twice, and a reinstallation wipes what came between.
    """
    step = STEPS.get(progress["phase"])
    if step is None or step.doubt is not phases.RECHECK or progress["sent_ns"] == 0:
        return None
    if progress["failure"] is not None:
        return None
    if now_ns < progress["sent_ns"] + step.limit_ns:
        return f"{step.phase.name}: the answer was lost, and it may still be under way"
    progress["sent_ns"] = 0
    return None


def record_answer(
    progress: "ProgressRecord", step: Step, answer: "Answer", goal: "Goal"
) -> "str | None":
    """Write down what the answer to `step` means; why to wait before going on, or None.

    Canister ids, snapshots and modules are facts of the target too: the caller keeps them there.
    """
    error = answer.error
    if error is None:
        progress["attempts"] = 0
        step.done(progress, answer, goal)
        return None
    if answer.unknown and step.blind and step.doubt is not step.phase:
        progress["failure"] = error
        return None
    progress["attempts"] += 1
    allowed = step.transient_attempts if answer.transient else step.attempts
    if answer.unknown:
        allowed = step.unknown_attempts
    # A rejection says that nothing was done. A snapshot may still stem from the attempt before.
    if step.blind and step.phase is not phases.SNAPSHOT:
        progress["sent_ns"] = 0
    if not answer.final and progress["attempts"] < allowed:
        return f"{step.phase.name}: {error}"
    if answer.unknown and step.overdue is not None:
        step.overdue(progress, error)
    else:
        step.refused(progress, error)
    return None
