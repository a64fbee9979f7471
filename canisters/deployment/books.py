"""Keeps the books of targets: what their canisters run, who put it there, what ran before.

They follow what is installed, not how the release ends: a canister that has the new module but
could not be started is in the books with the new module.
"""

from kybra import ic

from canisters.deployment import store
from canisters.deployment.records import ProgressRecord, TargetRecord
from canisters.deployment.releases.rules import name_of, number_of
from canisters.deployment.steps.answer import Look
from canisters.deployment.steps.machine import hash_text
from canisters.deployment.targets.rules import besides, unlock


def look_taken(target: TargetRecord, look: Look) -> None:
    """Enter what a look at the canister found. What deployment left there is another entry."""
    target["module_hash"] = look.module_hash
    if look.controllers is not None:
        target["controllers"] = besides(ic.id().to_str(), look.controllers)


def books_after(number: int, record: ProgressRecord, target: TargetRecord) -> None:
    """Enter that a release was installed, or that a snapshot was loaded, a moment ago."""
    name = name_of(number)
    undone = record["rollback_of"]
    detail = store.details.get(number)
    record["previous_release"] = target["last_release"]
    target["last_change"] = name
    if record["changes"] is not None:
        target["changes"] = record["changes"] + 1
    if undone is None:
        stored = store.orders.get(number)
        target["last_release"] = name
        if stored is not None:
            _left(target, bytes.fromhex(stored["order"]["sha256"]))
        return
    if detail is not None and detail["rollback"] is not None:
        _left(target, detail["rollback"]["returns_to"])
    undone_number = number_of(undone)
    taken_back = None if undone_number is None else store.progress.get(undone_number)
    if undone_number is None or taken_back is None:
        return
    target["last_release"] = taken_back["previous_release"]
    store.progress.insert(undone_number, _taken_back(taken_back, name))
    _redone(taken_back["rollback_of"])


def books_undone(record: ProgressRecord, target: TargetRecord) -> None:
    """Enter that a release whose files could not be put there was undone, a moment ago."""
    target["last_release"] = record["previous_release"]
    # The undoing is a change of ours too; how many, is not known when an answer was lost.
    target["changes"] = None
    target["module_hash"] = record["previous_hash"]
    target["left_hash"] = record["previous_hash"]


def _left(target: TargetRecord, module_hash: bytes) -> None:
    target["module_hash"] = module_hash
    target["left_hash"] = module_hash


def _taken_back(record: ProgressRecord, by: str) -> ProgressRecord:
    record["rolled_back_by"] = by
    record["before"] = record["state"]
    record["state"] = {"RolledBack": None}
    return record


def _redone(release: "str | None") -> None:
    """A rollback was itself rolled back: what it had taken back is as it had ended."""
    number = None if release is None else number_of(release)
    record = None if number is None else store.progress.get(number)
    if release is None or number is None or record is None:
        return
    record["rolled_back_by"] = None
    # Versions before 0.2 did not note how a release had ended that was taken back.
    before = record["before"]
    record["state"] = {"Succeeded": None} if before is None else before
    record["before"] = None
    store.progress.insert(number, record)
    # A rollback that counts again takes back its release again.
    undone = record["rollback_of"]
    undone_number = None if undone is None else number_of(undone)
    other = None if undone_number is None else store.progress.get(undone_number)
    if undone_number is not None and other is not None:
        store.progress.insert(undone_number, _taken_back(other, release))


def conclude(number: int, record: ProgressRecord, target: TargetRecord) -> None:
    """Free the target; say at the release that was to be taken back why it was not."""
    unlock(target)
    undone = record["rollback_of"]
    undone_number = None if undone is None else number_of(undone)
    other = None if undone_number is None else store.progress.get(undone_number)
    if undone_number is None or other is None:
        return
    state = record["state"]
    reason = state.get("Failed") or state.get("ConcurrentChange")
    if reason is None:
        other["note"] = None
    elif record["installed"]:
        other["note"] = f"{name_of(number)} put {hash_text(target['module_hash'])} back: {reason}"
    else:
        other["note"] = f"rollback failed ({name_of(number)}): {reason}"
    store.progress.insert(undone_number, other)
