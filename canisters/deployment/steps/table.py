"""The steps of a release, each with what follows it. Pure rules; no call is made here.

A step is chosen from what is written down, performed, and its answer settled:

    release:   fetch… verify [create] look [stop snapshot] clear upload… confirm install start check
    rollback:  look stop snapshot confirm load start check

A failure after the target was touched goes through `recover`, which starts the canister again. The
answers of `create`, `snapshot`, `install` and `load` must not be guessed: that they are under way
is written down first, and when an answer is lost the step's `doubt` says what to do.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from canisters.deployment.steps import machine
from canisters.deployment.steps.answer import Answer, Look
from canisters.deployment.steps.machine import (
    ASSESS,
    CHANGED,
    EMPTY,
    KEPT,
    RECOVER,
    Goal,
    chunk_count,
    end,
    end_failed,
    fail,
    fail_concurrent,
    hash_text,
)
from shared.rules.cycles import cycles_to_release
from shared.rules.limits import SECOND_NS, STEP_LIMIT_NS

if TYPE_CHECKING:
    from canisters.deployment.records import ProgressRecord

MAX_ATTEMPTS = 4
MAX_TRANSIENT_ATTEMPTS = 8
MAX_START_ATTEMPTS = 20

FETCH, VERIFY, CREATE, LOOK = "fetch", "verify", "create", "look"
STOP, SNAPSHOT, CLEAR, UPLOAD = "stop", "snapshot", "clear", "upload"
CONFIRM, INSTALL, LOAD, RECHECK = "confirm", "install", "load", "recheck"
START, CHECK = "start", "check"

Settle = Callable[["ProgressRecord", Answer, Goal], None]
Refuse = Callable[["ProgressRecord", str], None]


class Step:
    """One step: what it does, how often it may be tried, and what follows.

    `call` names what is performed (`steps.performing.CALLS`). `done` settles a success, `refused`
    an error that trying again does not help, `doubt` names the step to perform in place of one
    whose answer was lost (None: fail, with `doubt_reason`); steps that may simply be performed
    again have `blind` False. `overdue` settles an answer that does not come within `limit_ns`;
    None performs the step again.
    """

    __slots__ = (
        "attempts",
        "blind",
        "call",
        "done",
        "doubt",
        "doubt_reason",
        "limit_ns",
        "name",
        "needs_target",
        "overdue",
        "refused",
        "state",
        "transient_attempts",
    )

    def __init__(
        self,
        name: str,
        call: str,
        state: str,
        done: Settle,
        refused: Refuse = fail,
        attempts: int = MAX_ATTEMPTS,
        transient_attempts: int = MAX_TRANSIENT_ATTEMPTS,
        limit_ns: int = STEP_LIMIT_NS,
        blind: bool = False,
        doubt: "str | None" = None,
        doubt_reason: str = "",
        overdue: "Refuse | None" = None,
        needs_target: bool = False,
    ) -> None:
        self.name = name
        self.call = call
        self.state = state
        self.done = done
        self.refused = refused
        self.attempts = attempts
        self.transient_attempts = transient_attempts
        self.limit_ns = limit_ns
        self.blind = blind
        self.doubt = doubt
        self.doubt_reason = doubt_reason
        self.overdue = overdue
        self.needs_target = needs_target


def enter(progress: "ProgressRecord", phase: str) -> None:
    machine.enter(progress, phase, STEPS[phase].state)


def begin(progress: "ProgressRecord") -> None:
    """Start a release, or a rollback, that waited."""
    enter(progress, FETCH if progress["rollback_of"] is None else LOOK)


# What follows a success


def _fetched(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    progress["staged"] += 1
    if progress["staged"] >= chunk_count(goal.size):
        enter(progress, VERIFY)


def _verified(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
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


def _created(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    enter(progress, LOOK)


def _look_of(answer: Answer) -> Look:
    return answer.look or Look(None)


def _looked(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    look = _look_of(answer)
    found = look.module_hash
    expected_changes = progress["changes"]
    progress["previous_hash"] = found
    progress["changes"] = look.changes
    if goal.rollback and expected_changes not in (None, look.changes):
        fail_concurrent(progress, "the canister was changed since the plan", look.by_others)
    elif goal.binds and found not in (goal.replaces, goal.known):
        fail_concurrent(
            progress,
            f"the canister has {hash_text(found)}; it had {hash_text(goal.replaces)} when the "
            "order was made, and this deployment canister installed no other since",
            look.by_others,
        )
    elif found is None and goal.mode != "Install" and not goal.rollback:
        fail(progress, f"approved is mode {goal.mode}, but the target's canister has no module")
    elif found is not None and goal.mode == "Install" and not goal.rollback:
        fail(
            progress,
            f"approved is mode Install, but the target's canister has {hash_text(found)} "
            "by now: start the run again to ask for an upgrade",
        )
    else:
        _afford(progress, look, goal)


def _afford(progress: "ProgressRecord", look: Look, goal: Goal) -> None:
    """Go on when the canister can pay for the release; nothing is stopped before."""
    chunks = 0 if goal.rollback else chunk_count(goal.size)
    snapshot = look.module_hash is not None
    needed = cycles_to_release(chunks, snapshot, look.memory_bytes)
    missing = needed + look.frozen_below - look.balance
    if look.frozen_below > 0 and missing > 0:
        fail(
            progress,
            f"the canister has {look.balance} cycles; this release needs about {needed} above the "
            f"freezing threshold of {look.frozen_below}: send it {missing} more, then retry",
        )
    elif look.module_hash is None and not goal.rollback:
        enter(progress, CLEAR)
    else:
        # Stopping is the first change to a target: whatever goes wrong from here is recovered.
        progress["touched"] = True
        enter(progress, STOP)


def _stopped(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    enter(progress, SNAPSHOT)


def _snapshotted(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    progress["snapshot"] = answer.value
    enter(progress, CONFIRM if goal.rollback else CLEAR)


def _cleared(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    progress["uploaded"] = 0
    progress["chunk_hashes"] = b""
    enter(progress, UPLOAD)


def _uploaded(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    progress["uploaded"] += 1
    progress["chunk_hashes"] += answer.value or b""
    if progress["uploaded"] >= chunk_count(goal.size):
        enter(progress, CONFIRM)


def _confirmed(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    look = _look_of(answer)
    known = progress["changes"]
    if look.module_hash != progress["previous_hash"] or known not in (None, look.changes):
        fail_concurrent(
            progress,
            f"the canister was changed during the release and has {hash_text(look.module_hash)}",
            look.by_others,
        )
        return
    enter(progress, LOAD if goal.rollback else INSTALL)


def _changed(progress: "ProgressRecord") -> None:
    progress["touched"] = True
    progress["installed"] = True
    enter(progress, START)


def _installed(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    _changed(progress)


def _performed(progress: "ProgressRecord", look: Look, goal: Goal) -> "bool | None":
    """Whether the install or load was done; None when somebody else changed the canister."""
    known = progress["changes"]
    if known is None:
        return look.module_hash == goal.module_hash != progress["previous_hash"]
    if look.changes == known:
        return False
    return True if look.module_hash == goal.module_hash else None


def _rechecked(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    look = _look_of(answer)
    performed = _performed(progress, look, goal)
    if performed:
        _changed(progress)
    elif performed is None:
        progress["touched"] = True
        fail_concurrent(
            progress,
            f"the canister was changed during the release and has {hash_text(look.module_hash)}",
            look.by_others,
        )
    else:
        progress["sent_ns"] = 0


def _started(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    enter(progress, CHECK)


def _succeed(progress: "ProgressRecord") -> None:
    progress["installed"] = True
    end(progress, {"Succeeded": None})


def _checked(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    look = _look_of(answer)
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


def _recovered(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    if progress["unclear"]:
        enter(progress, ASSESS)
    else:
        effect = CHANGED if progress["installed"] else KEPT
        if progress["concurrent"]:
            effect = "The canister runs as it was found."
        end_failed(progress, f"{progress['failure'] or ''} {effect}")


def _assessed(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    look = _look_of(answer)
    progress["module_hash"] = look.module_hash
    if _performed(progress, look, goal):
        _succeed(progress)
    else:
        end_failed(
            progress,
            f"{progress['failure'] or ''} The canister runs with {hash_text(look.module_hash)}.",
        )


# What follows an error that stays


def _fail_empty(progress: "ProgressRecord", reason: str) -> None:
    fail(progress, reason, EMPTY)


def _refuse_recheck(progress: "ProgressRecord", reason: str) -> None:
    # Whether it was done shows when the canister runs again.
    progress["unclear"] = True
    progress["touched"] = True
    fail(progress, f"it is not known whether the canister was changed: {reason}")


def _refuse_start(progress: "ProgressRecord", reason: str) -> None:
    advice = f"the canister could not be started: {reason[:200]}. Start it with start_target."
    if progress["phase"] == RECOVER:
        end_failed(progress, f"{progress['failure'] or ''} And {advice}")
    else:
        end_failed(progress, f"Starting: {advice} {CHANGED}")


def _refuse_look(progress: "ProgressRecord", reason: str) -> None:
    end_failed(
        progress,
        f"{progress['failure'] or 'Checking:'} The module could not be read: {reason}",
    )


def _overdue_stop(progress: "ProgressRecord", reason: str) -> None:
    seconds = STEP_LIMIT_NS // SECOND_NS
    fail(progress, f"the canister did not stop within {seconds} s: it is waiting for answers")


LOST_CREATE = (
    "the answer to create_canister was lost, so a canister may have been created that is not "
    "recorded here. Look for a canister controlled by this deployment canister that was created "
    "at that time; enter it with update_target or let it be, then start the run again"
)


def _table(*steps: Step) -> "dict[str, Step]":
    return {step.name: step for step in steps}


STEPS = _table(
    Step(FETCH, "fetch", "Fetching", _fetched),
    Step(VERIFY, "verify", "Fetching", _verified),
    Step(
        CREATE,
        "create",
        "Creating",
        _created,
        attempts=1,
        limit_ns=3_600 * SECOND_NS,
        blind=True,
        doubt_reason=LOST_CREATE,
        needs_target=True,
    ),
    Step(LOOK, "look", "Fetching", _looked),
    # A stop is not tried again: it takes minutes.
    Step(
        STOP,
        "stop",
        "Stopping",
        _stopped,
        attempts=1,
        transient_attempts=1,
        overdue=_overdue_stop,
    ),
    Step(
        SNAPSHOT,
        "snapshot",
        "Snapshotting",
        _snapshotted,
        blind=True,
        doubt=SNAPSHOT,
        needs_target=True,
    ),
    Step(CLEAR, "clear", "Uploading", _cleared, _fail_empty),
    Step(UPLOAD, "upload", "Uploading", _uploaded, _fail_empty),
    Step(CONFIRM, "look", "Installing", _confirmed, _fail_empty),
    Step(
        INSTALL,
        "install",
        "Installing",
        _installed,
        _fail_empty,
        attempts=1,
        limit_ns=600 * SECOND_NS,
        blind=True,
        doubt=RECHECK,
    ),
    Step(LOAD, "load", "Installing", _installed, blind=True, doubt=RECHECK),
    Step(RECHECK, "look", "Installing", _rechecked, _refuse_recheck),
    Step(
        START,
        "start",
        "Starting",
        _started,
        _refuse_start,
        attempts=MAX_START_ATTEMPTS,
        transient_attempts=MAX_START_ATTEMPTS,
    ),
    Step(CHECK, "look", "Checking", _checked, _refuse_look),
    Step(
        RECOVER,
        "start",
        "Starting",
        _recovered,
        _refuse_start,
        attempts=MAX_START_ATTEMPTS,
        transient_attempts=MAX_START_ATTEMPTS,
    ),
    Step(ASSESS, "look", "Checking", _assessed, _refuse_look),
)


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
        machine.enter(progress, RECOVER, "Starting")
        step = STEPS[RECOVER]
    if step.blind and progress["sent_ns"] > 0:
        if step.doubt is None:
            fail(progress, step.doubt_reason)
            return None
        step = STEPS[step.doubt]
    return step


def overdue(progress: "ProgressRecord") -> None:
    """Settle an answer that did not come in time. Most steps are simply performed again."""
    step = STEPS.get(progress["phase"])
    if step is not None and step.overdue is not None:
        step.overdue(progress, "")


def settle(progress: "ProgressRecord", step: Step, answer: Answer, goal: Goal) -> "str | None":
    """Write down what the answer to `step` means; why to wait before going on, or None.

    Canister ids, snapshots and modules are facts of the target too: the caller keeps them there.
    """
    error = answer.error
    if error is None:
        progress["attempts"] = 0
        step.done(progress, answer, goal)
        return None
    progress["attempts"] += 1
    allowed = step.transient_attempts if answer.transient else step.attempts
    # A rejection says that nothing was done. A snapshot may still stem from the attempt before.
    if step.blind and step.name != SNAPSHOT:
        progress["sent_ns"] = 0
    if not answer.final and progress["attempts"] < allowed:
        return f"{step.name}: {error}"
    step.refused(progress, error)
    return None
