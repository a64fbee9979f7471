"""The steps of a release and what each outcome leads to. Pure rules; no call is made here.

A step is chosen from what is written down, performed, and its answer settled:

    fetch… verify look [create] [stop snapshot] clear upload… install start check

A failure after the target was touched goes through `recover`, which starts the canister again.
A rollback is `rollback-stop`, `-load`, `-start`, `-check`. Every step may be performed again after
a lost answer; the two that must not be repeated blindly (`create`, `install`) are marked by
`sent_ns` before they are performed.
"""

from typing import TYPE_CHECKING

from shared.rules.limits import MAX_CHUNK_BYTES, SECOND_NS, STEP_LIMIT_NS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from canisters.deployment.store import ProgressRecord
    from shared.types.management import Snapshot
    from shared.types.release import ReleaseOrder, ReleaseState

FETCH, VERIFY, LOOK, CREATE = "fetch", "verify", "look", "create"
STOP, SNAPSHOT, CLEAR, UPLOAD = "stop", "snapshot", "clear", "upload"
INSTALL, RECHECK, START, CHECK = "install", "recheck", "start", "check"
RECOVER, ASSESS = "recover", "assess"
ROLLBACK_STOP, ROLLBACK_LOAD = "rollback-stop", "rollback-load"
ROLLBACK_START, ROLLBACK_CHECK = "rollback-start", "rollback-check"
ROLLBACK_RECOVER = "rollback-recover"
WAITING, DONE = "waiting", "done"

# Answers to these must not be guessed: that they are under way is written down first.
JOURNALED = (CREATE, SNAPSHOT, INSTALL)
# These are performed with the target's settings, and change what is known of it.
NEED_TARGET = (CREATE, SNAPSHOT)

MAX_ATTEMPTS = 4
MAX_TRANSIENT_ATTEMPTS = 8
MAX_START_ATTEMPTS = 20
MAX_REASON_CHARS = 600

LIMITS_NS = {CREATE: 3_600 * SECOND_NS, INSTALL: 600 * SECOND_NS}

UNTOUCHED = "Nothing was touched."
KEPT = "The target keeps its module and state."
EMPTY = "The canister stays, without a module: the next release uses it."


class Answer:
    """What performing a step gave. `error` is None on success.

    `final`: trying again cannot help. `transient`: the call was not performed at all. `listed`:
    the target's snapshots before this one was taken.
    """

    __slots__ = ("error", "final", "listed", "transient", "value")

    def __init__(
        self,
        value: "bytes | None" = None,
        error: "str | None" = None,
        final: bool = False,
        transient: bool = False,
        listed: "list[Snapshot] | None" = None,
    ) -> None:
        self.listed = listed
        self.value = value
        self.error = error
        self.final = final
        self.transient = transient


def rejected(error: str) -> Answer:
    """An Answer for a rejected call, from the text that the canister runtime gives it."""
    head, _, message = error.partition(", ")
    if not head.startswith("Rejection code "):
        return Answer(error=error)
    return Answer(error=message or error, transient=head == "Rejection code 2")


def state_of(phase: str) -> "ReleaseState":
    """The public state of a phase that is neither waiting nor done."""
    if phase in (FETCH, VERIFY, LOOK):
        return {"Fetching": None}
    if phase == CREATE:
        return {"Creating": None}
    if phase == STOP:
        return {"Stopping": None}
    if phase == SNAPSHOT:
        return {"Snapshotting": None}
    if phase in (CLEAR, UPLOAD):
        return {"Uploading": None}
    if phase == INSTALL:
        return {"Installing": None}
    if phase in (START, RECOVER):
        return {"Starting": None}
    if phase in (CHECK, ASSESS):
        return {"Checking": None}
    return {"RollingBack": None}


def word_of(variant: "Mapping[str, object]") -> str:
    """The name of a variant's case."""
    for word in variant:
        return word
    return "unknown"


def chunk_count(size: int) -> int:
    return (size + MAX_CHUNK_BYTES - 1) // MAX_CHUNK_BYTES


def chunk_size(size: int, index: int) -> int:
    """Bytes of chunk `index` of an artifact of `size` bytes."""
    return min(MAX_CHUNK_BYTES, size - index * MAX_CHUNK_BYTES)


def waiting(now_ns: int) -> "ProgressRecord":
    """Progress of a release that waits for its turn."""
    return {
        "version": 1,
        "state": {"Queued": None},
        "phase": WAITING,
        "canister": None,
        "module_hash": None,
        "previous_hash": None,
        "previous_release": None,
        "snapshot": None,
        "staged": 0,
        "uploaded": 0,
        "chunk_hashes": b"",
        "attempts": 0,
        "sent_ns": 0,
        "touched": False,
        "unclear": False,
        "failure": None,
        "note": None,
        "created_ns": now_ns,
        "updated_ns": now_ns,
    }


def enter(progress: "ProgressRecord", phase: str) -> None:
    """Begin a phase: attempts and marks of the one before are over."""
    progress["phase"] = phase
    progress["state"] = state_of(phase)
    progress["attempts"] = 0
    progress["sent_ns"] = 0


def is_done(progress: "ProgressRecord") -> bool:
    return progress["phase"] in (DONE, WAITING)


def next_step(progress: "ProgressRecord") -> "str | None":
    """The step to perform now; None when the release has ended, perhaps just now."""
    phase = progress["phase"]
    if phase in (DONE, WAITING):
        return None
    if phase == CREATE and progress["sent_ns"] > 0:
        fail(
            progress,
            "the answer to create_canister was lost, so a canister may have been created that is "
            "not recorded here. Look for a canister controlled by this deployment canister that "
            "was created at that time; enter it with update_target or let it be, then start the "
            "run again",
        )
        return None
    if phase == INSTALL and progress["sent_ns"] > 0:
        return RECHECK
    return phase


def overdue(progress: "ProgressRecord") -> None:
    """A step's answer did not come in time. Most are simply performed again."""
    if progress["phase"] in (STOP, ROLLBACK_STOP):
        seconds = STEP_LIMIT_NS // SECOND_NS
        fail(progress, f"the canister did not stop within {seconds} s: it is waiting for answers")


def fail(progress: "ProgressRecord", reason: str) -> None:
    """End with a failure, by way of `recover` when the target has been touched."""
    phase = progress["phase"]
    reason = reason[:MAX_REASON_CHARS].rstrip(". ")
    if phase.startswith("rollback"):
        progress["failure"] = f"rollback failed: {reason}."
        if phase in (ROLLBACK_STOP, ROLLBACK_LOAD):
            enter(progress, ROLLBACK_RECOVER)
        else:
            _end_rollback_badly(progress)
        return
    word = word_of(progress["state"])
    if progress["touched"]:
        progress["failure"] = f"{word}: {reason}."
        enter(progress, RECOVER)
        return
    effect = UNTOUCHED if phase in (FETCH, VERIFY, LOOK, CREATE) else EMPTY
    _end_failed(progress, f"{word}: {reason}. {effect}")


def _end_failed(progress: "ProgressRecord", sentence: str) -> None:
    enter(progress, CHECK)
    progress["phase"] = DONE
    progress["state"] = {"Failed": sentence}
    progress["failure"] = None


def _end_rollback_badly(progress: "ProgressRecord") -> None:
    enter(progress, CHECK)
    progress["phase"] = DONE
    progress["state"] = {"Succeeded": None}
    progress["note"] = progress["failure"]
    progress["failure"] = None


def settle(
    progress: "ProgressRecord", step: str, answer: Answer, order: "ReleaseOrder"
) -> "str | None":
    """Write down what the answer to `step` means; why to wait before going on, or None.

    Canister ids and snapshots are facts of the target too: the caller keeps them there.
    """
    if answer.error is not None:
        return _settle_error(progress, step, answer, answer.error)
    progress["attempts"] = 0
    value = answer.value
    approved = bytes.fromhex(order["sha256"])
    if step == FETCH:
        progress["staged"] += 1
        if progress["staged"] >= chunk_count(order["size"]):
            enter(progress, VERIFY)
    elif step == VERIFY:
        if value != approved:
            found = (value or b"").hex()
            fail(
                progress,
                f"the artifact's bytes have sha256 {found}, approved is {order['sha256']}",
            )
        elif progress["canister"] is None:
            _plan_new(progress, order)
        else:
            enter(progress, LOOK)
    elif step == LOOK:
        _plan_existing(progress, value, order)
    elif step == CREATE:
        enter(progress, CLEAR)
    elif step == STOP:
        enter(progress, SNAPSHOT)
    elif step == SNAPSHOT:
        progress["snapshot"] = value
        enter(progress, CLEAR)
    elif step == CLEAR:
        progress["uploaded"] = 0
        progress["chunk_hashes"] = b""
        enter(progress, UPLOAD)
    elif step == UPLOAD:
        progress["uploaded"] += 1
        progress["chunk_hashes"] += value or b""
        if progress["uploaded"] >= chunk_count(order["size"]):
            enter(progress, INSTALL)
    elif step == INSTALL:
        progress["touched"] = True
        enter(progress, START)
    elif step == RECHECK:
        if value == approved and progress["previous_hash"] != approved:
            progress["touched"] = True
            enter(progress, START)
        else:
            progress["sent_ns"] = 0
    elif step == START:
        enter(progress, CHECK)
    elif step in (CHECK, ASSESS):
        _conclude(progress, value, approved)
    elif step == RECOVER:
        if progress["unclear"]:
            enter(progress, ASSESS)
        else:
            _end_failed(progress, f"{progress['failure'] or ''} {KEPT}")
    else:
        _settle_rollback(progress, step, value)
    return None


def _plan_new(progress: "ProgressRecord", order: "ReleaseOrder") -> None:
    if "Install" in order["mode"]:
        enter(progress, CREATE)
    else:
        word = word_of(order["mode"])
        fail(progress, f"approved is mode {word}, but the target has no canister yet")


def _plan_existing(
    progress: "ProgressRecord", module_hash: "bytes | None", order: "ReleaseOrder"
) -> None:
    progress["previous_hash"] = module_hash
    installs = "Install" in order["mode"]
    if module_hash is None and not installs:
        word = word_of(order["mode"])
        fail(progress, f"approved is mode {word}, but the target's canister has no module")
    elif module_hash is not None and installs:
        fail(
            progress,
            f"approved is mode Install, but the target's canister has module {module_hash.hex()} "
            "by now: start the run again to ask for an upgrade",
        )
    elif module_hash is None:
        enter(progress, CLEAR)
    else:
        # Stopping is the first change to a target: whatever goes wrong from here is recovered.
        progress["touched"] = True
        enter(progress, STOP)


def _conclude(progress: "ProgressRecord", value: "bytes | None", approved: bytes) -> None:
    progress["module_hash"] = value
    found = "no module" if value is None else f"module {value.hex()}"
    if value == approved and not (progress["unclear"] and progress["previous_hash"] == approved):
        enter(progress, CHECK)
        progress["phase"] = DONE
        progress["state"] = {"Succeeded": None}
        progress["failure"] = None
        return
    if progress["phase"] == ASSESS:
        _end_failed(progress, f"{progress['failure'] or ''} The canister runs with {found}.")
        return
    _end_failed(progress, f"Checking: the canister has {found}, approved is {approved.hex()}.")


def _settle_rollback(progress: "ProgressRecord", step: str, value: "bytes | None") -> None:
    if step == ROLLBACK_STOP:
        enter(progress, ROLLBACK_LOAD)
    elif step == ROLLBACK_LOAD:
        enter(progress, ROLLBACK_START)
    elif step == ROLLBACK_START:
        enter(progress, ROLLBACK_CHECK)
    elif step == ROLLBACK_RECOVER:
        _end_rollback_badly(progress)
    elif step == ROLLBACK_CHECK:
        if value != progress["previous_hash"]:
            found = "no module" if value is None else value.hex()
            fail(progress, f"the canister has {found}, not the module of before")
            return
        enter(progress, ROLLBACK_CHECK)
        progress["phase"] = DONE
        progress["state"] = {"RolledBack": None}
        progress["note"] = None


def _settle_error(
    progress: "ProgressRecord", step: str, answer: Answer, error: str
) -> "str | None":
    """Try again while that can help, then fail. A stop is not tried again: it takes minutes."""
    starting = step in (START, RECOVER, ROLLBACK_START, ROLLBACK_RECOVER)
    if starting:
        allowed = MAX_START_ATTEMPTS
    elif answer.transient:
        allowed = MAX_TRANSIENT_ATTEMPTS
    elif step in (CREATE, INSTALL):
        allowed = 1
    else:
        allowed = MAX_ATTEMPTS
    progress["attempts"] += 1
    # A rejection of create_canister or install_chunked_code says that nothing was done.
    if step in (CREATE, INSTALL):
        progress["sent_ns"] = 0
    stopping = step in (STOP, ROLLBACK_STOP)
    if not answer.final and not stopping and progress["attempts"] < allowed:
        return f"{step}: {error}"
    if step == RECHECK:
        # Whether it was shows when the canister runs again.
        progress["unclear"] = True
        progress["touched"] = True
        fail(progress, f"it is not known whether the module was installed: {error}")
    elif starting:
        _give_up_starting(progress, step, error)
    elif step == ASSESS:
        _end_failed(progress, f"{progress['failure'] or ''} The module could not be read: {error}")
    elif step == CHECK:
        _end_failed(progress, f"Checking: the canister's module could not be read: {error}")
    else:
        fail(progress, error)
    return None


def _give_up_starting(progress: "ProgressRecord", step: str, error: str) -> None:
    advice = f"the canister could not be started: {error[:200]}. Start it with start_target."
    if step in (ROLLBACK_START, ROLLBACK_RECOVER):
        progress["failure"] = f"{progress['failure'] or 'rollback failed:'} And {advice}"
        _end_rollback_badly(progress)
    elif step == RECOVER:
        _end_failed(progress, f"{progress['failure'] or ''} And {advice}")
    else:
        _end_failed(progress, f"Starting: {advice}")


def begin_rollback(progress: "ProgressRecord") -> None:
    enter(progress, ROLLBACK_STOP)
    progress["failure"] = None
    progress["note"] = None
