"""Targets: what may be registered, who holds the lock, which snapshots are kept. Pure rules."""

from typing import TYPE_CHECKING

from shared.rules.limits import (
    MAX_NAME_CHARS,
    MAX_SNAPSHOTS_PER_TARGET,
    MAX_TARGET_CONTROLLERS,
    MAX_TARGET_CYCLES,
)
from shared.types.errors import Error, conflict, denied, invalid, not_found

if TYPE_CHECKING:
    from kybra import Principal

    from canisters.deployment.store import ProgressRecord, SnapshotRecord, TargetRecord
    from shared.types.management import Snapshot
    from shared.types.release import Target, TargetInput

RECORD_VERSION = 1
NAME_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789-_."


def text_of(principal: "Principal | None") -> "str | None":
    """How principals are compared."""
    return None if principal is None else principal.to_str()


def check_input(given: "TargetInput", self_id: str) -> "Error | None":
    """Why such a target cannot be registered, or None. `self_id` is the deployment canister."""
    name = given["target"]
    if not 1 <= len(name) <= MAX_NAME_CHARS or any(char not in NAME_CHARS for char in name):
        return invalid(
            f"target is {name[:80]!r}: use 1 to {MAX_NAME_CHARS} of the characters a-z 0-9 - _ ."
        )
    for field, value in (("repository", given["repository"]), ("network", given["network"])):
        if not value or len(value.encode()) > MAX_NAME_CHARS:
            return invalid(f"{field} has {len(value.encode())} bytes: use 1 to {MAX_NAME_CHARS}")
    # A canister has at most ten controllers; deployment is one of them.
    controllers = {controller.to_str() for controller in given["controllers"]}
    if len(controllers - {self_id}) > MAX_TARGET_CONTROLLERS:
        return invalid(
            f"{len(controllers)} controllers: at most {MAX_TARGET_CONTROLLERS} besides deployment"
        )
    if given["cycles"] > MAX_TARGET_CYCLES:
        return invalid(f"cycles is {given['cycles']}: at most {MAX_TARGET_CYCLES}")
    canister = given["canister"]
    if canister is not None and canister.to_str() in (self_id, "aaaaa-aa", "2vxsx-fae"):
        return invalid(f"{canister.to_str()} cannot be a target")
    return None


def registered(given: "TargetInput", number: int) -> "TargetRecord":
    return {
        "version": RECORD_VERSION,
        "target": given["target"],
        "repository": given["repository"],
        "network": given["network"],
        "canister": given["canister"],
        "created": False,
        "controllers": given["controllers"],
        "cycles": given["cycles"],
        "module_hash": None,
        "last_release": None,
        "busy": None,
        "busy_until_ns": 0,
        "number": number,
        "releases": 0,
        "snapshots": [],
    }


def updated(record: "TargetRecord", given: "TargetInput") -> None:
    """Take new settings. Another canister has no past here: nothing to roll back to."""
    if text_of(record["canister"]) != text_of(given["canister"]):
        forget_canister(record)
        record["canister"] = given["canister"]
    record["repository"] = given["repository"]
    record["network"] = given["network"]
    record["controllers"] = given["controllers"]
    record["cycles"] = given["cycles"]


def forget_canister(record: "TargetRecord") -> None:
    record["canister"] = None
    record["created"] = False
    record["module_hash"] = None
    record["last_release"] = None
    record["snapshots"] = []


def holder(record: "TargetRecord", now_ns: int) -> "str | None":
    """Who holds the target's lock now: a release, or an administrator's call; None when free."""
    if record["busy"] is not None and 0 < record["busy_until_ns"] <= now_ns:
        return None
    return record["busy"]


def refuse_if_busy(record: "TargetRecord", now_ns: int) -> "Error | None":
    held_by = holder(record, now_ns)
    if held_by is None:
        return None
    return conflict(
        f"target {record['target']} is busy with {held_by}: try again when it has ended"
    )


def lock(record: "TargetRecord", held_by: str, until_ns: int) -> None:
    record["busy"] = held_by
    record["busy_until_ns"] = until_ns


def unlock(record: "TargetRecord") -> None:
    record["busy"] = None
    record["busy_until_ns"] = 0


def refuse_other_repository(
    record: "TargetRecord | None", target: str, repository: str
) -> "Error | None":
    """A target belongs to one repository: others can neither plan nor release to it."""
    if record is None:
        return not_found(f"there is no target {target}: an admin must register it first")
    if record["repository"] != repository:
        return denied(f"target {target} belongs to another repository than {repository}")
    return None


def refuse_rollback(
    record: "TargetRecord", progress: "ProgressRecord", release: str, now_ns: int
) -> "Error | None":
    """Why this release cannot be taken back, or None."""
    error = refuse_if_busy(record, now_ns)
    if error is not None:
        return error
    if "Succeeded" not in progress["state"] or record["last_release"] != release:
        last = record["last_release"] or "none"
        return conflict(
            f"only the last succeeded release of target {record['target']} can be rolled back: "
            f"that is {last}"
        )
    if progress["snapshot"] is None or progress["previous_hash"] is None:
        return conflict(f"{release} was a first install: there is nothing to return to")
    if record["canister"] is None or text_of(record["canister"]) != text_of(progress["canister"]):
        return conflict(f"target {record['target']} is another canister by now")
    return None


def plan_snapshot(
    ours: "list[SnapshotRecord]", listed: "list[Snapshot]", sent_ns: int
) -> "tuple[bytes | None, bytes | None]":
    """(snapshot to adopt, snapshot to replace); at most one of them is set.

    `listed` is what the canister has. With `sent_ns` set, an earlier request may have been
    performed and its answer lost: a snapshot that is not known and not older is its result.
    """
    known = {snapshot["id"] for snapshot in ours}
    if sent_ns > 0:
        strangers = [
            snapshot
            for snapshot in listed
            if snapshot["id"] not in known and snapshot["taken_at_timestamp"] >= sent_ns
        ]
        if strangers:
            newest = max(strangers, key=lambda one: (one["taken_at_timestamp"], one["id"]))
            return (newest["id"], None)
    there = {snapshot["id"] for snapshot in listed}
    kept = [snapshot for snapshot in ours if snapshot["id"] in there]
    if len(kept) >= MAX_SNAPSHOTS_PER_TARGET:
        return (None, kept[0]["id"])
    return (None, None)


def with_snapshot(
    ours: "list[SnapshotRecord]", listed: "list[Snapshot]", release: str, taken: bytes
) -> "tuple[list[SnapshotRecord], list[str]]":
    """(our snapshots with the one just taken, releases whose snapshot is gone).

    `listed` is what the canister had before, without the one that was replaced.
    """
    there = {snapshot["id"] for snapshot in listed}
    kept = [one for one in ours if one["id"] in there and one["id"] != taken]
    gone = [one["release"] for one in ours if one["id"] not in there]
    kept.append({"release": release, "id": taken})
    return (kept, gone)


def shown(record: "TargetRecord", now_ns: int) -> "Target":
    return {
        "target": record["target"],
        "repository": record["repository"],
        "network": record["network"],
        "canister": record["canister"],
        "controllers": record["controllers"],
        "cycles": record["cycles"],
        "module_hash": record["module_hash"],
        "last_release": record["last_release"],
        "busy": holder(record, now_ns),
    }
