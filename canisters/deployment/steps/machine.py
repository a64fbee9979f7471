"""How a release moves from step to step: entering, failing, ending. Pure rules."""

from typing import TYPE_CHECKING

from canisters.deployment.steps.phases import RECOVER
from shared.rules.asking import ask_again
from shared.rules.cutting import cut
from shared.rules.limits import MAX_CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from canisters.deployment.records import ProgressRecord
    from canisters.deployment.steps.phases import Phase
    from shared.types.approval import Order
    from shared.types.release import ReleaseOrder, ReleaseState, RollbackOrder

WAITING, DONE = "waiting", "done"

MAX_REASON_CHARS = 600

UNTOUCHED = "Nothing was touched."
KEPT = "The target keeps its module and state."
EMPTY = "The canister stays, without a module: the next release uses it."
CHANGED = "The canister has the new module."
LOADED = "The canister has the snapshot's module and state."


class Goal:
    """What a release is to reach, from its order, and what it must find before it changes anything.

    `module_hash` is what the canister shall run. With `binds`, it must run `replaces` before.
    `creates`: what a canister was to be created with, whichever release created it. `keeps`: the
    module keeps its heap over the upgrade. `assets`: the canister gets files, of `asset_bytes` in
    all. `leads_on` names what to do when something else is
    found.
    """

    __slots__ = (
        "asset_bytes",
        "assets",
        "binds",
        "creates",
        "keeps",
        "leads_on",
        "mode",
        "module_hash",
        "replaces",
        "rollback",
        "size",
        "target",
    )

    def __init__(
        self,
        order: "ReleaseOrder",
        approved: "Order | None",
        rollback: "RollbackOrder | None",
    ) -> None:
        self.rollback = rollback is not None
        self.size = order["size"]
        self.target = order["target"]
        self.mode = word_of(order["mode"])
        self.module_hash = bytes.fromhex(order["sha256"])
        self.keeps = "Keep" in order["memory"]
        self.binds = approved is not None
        self.creates = None if approved is None else approved["creates"]
        self.replaces = None if approved is None else approved["replaces"]
        files = None if approved is None or rollback is not None else approved["assets"]
        self.assets = files is not None
        self.asset_bytes = 0 if files is None else files["bytes"]
        self.leads_on = ask_again(order["run"])
        if rollback is not None:
            command = f"dcanary release rollback {rollback['undoes']}"
            self.leads_on = f"`{command}` shows what it would do now, and asks"
            self.module_hash = rollback["returns_to"]
            self.replaces = rollback["replaces"]
            self.binds = True


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


def hash_text(module_hash: "bytes | None") -> str:
    return "no module" if module_hash is None else f"module {module_hash.hex()}"


def waiting(now_ns: int) -> "ProgressRecord":
    """Make the progress of a release that waits for its turn."""
    return {
        "version": 2,
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
        "installed": False,
        "concurrent": False,
        "rollback_of": None,
        "rolled_back_by": None,
        "changes": None,
        "created": False,
        "before": None,
    }


def effect_of_change(progress: "ProgressRecord") -> str:
    """What the canister has after an install, or after a rollback's load."""
    return CHANGED if progress["rollback_of"] is None else LOADED


def was_installed(progress: "ProgressRecord") -> bool:
    """Whether the canister ran what the release made."""
    return bool(progress["installed"])


def enter(progress: "ProgressRecord", phase: "Phase") -> None:
    """Begin a phase: what counted for the one before is over."""
    progress["phase"] = phase.name
    if progress["rollback_of"] is not None:
        progress["state"] = {"RollingBack": None}
    else:
        progress["state"] = phase.state
    progress["attempts"] = 0
    progress["sent_ns"] = 0


def is_done(progress: "ProgressRecord") -> bool:
    return progress["phase"] in (DONE, WAITING)


def end(progress: "ProgressRecord", state: "ReleaseState") -> None:
    """End the release in `state`."""
    progress["phase"] = DONE
    progress["state"] = state
    progress["attempts"] = 0
    progress["sent_ns"] = 0
    progress["failure"] = None


def end_failed(progress: "ProgressRecord", sentence: str) -> None:
    if progress["concurrent"]:
        end(progress, {"ConcurrentChange": sentence})
    else:
        end(progress, {"Failed": sentence})


def fail(progress: "ProgressRecord", reason: str, effect: str = UNTOUCHED) -> None:
    """End with a failure, by way of `recover` when the target has been touched."""
    reason = cut(reason, MAX_REASON_CHARS).rstrip(". ")
    word = word_of(progress["state"])
    if progress["touched"]:
        progress["failure"] = f"{word}: {reason}."
        enter(progress, RECOVER)
        return
    end_failed(progress, f"{word}: {reason}. {effect}")


def fail_concurrent(progress: "ProgressRecord", reason: str, by_others: "str | None") -> None:
    """End because somebody else changed the canister."""
    progress["concurrent"] = True
    blame = "" if by_others is None else f" ({by_others})"
    fail(progress, f"{reason}{blame}")
