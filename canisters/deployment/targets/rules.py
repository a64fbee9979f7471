"""Targets: what may be registered, who holds the lock, which snapshots are kept. Pure rules."""

from typing import TYPE_CHECKING

from shared.rules.limits import (
    MAX_NAME_CHARS,
    MAX_SNAPSHOTS_PER_TARGET,
    MAX_TARGET_CONTROLLERS,
    MAX_TARGET_CYCLES,
)
from shared.rules.refused import conflict, denied, invalid, not_found

if TYPE_CHECKING:
    from kybra import Principal

    from canisters.deployment.records import SnapshotRecord, TargetRecord
    from shared.types.management import Snapshot
    from shared.types.release import TargetInput

RECORD_VERSION = 2
NAME_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789-_."


def text_of(principal: "Principal | None") -> "str | None":
    """How principals are compared."""
    return None if principal is None else principal.to_str()


def refuse_network(given: "TargetInput", network: str) -> None:
    """Refuse a target on a network that this installation cannot reach."""
    if given["network"] == network:
        return
    raise invalid(
        f"target {given['target']} is on network {given['network']}, this installation is on "
        f"{network}: targets of another network are not supported until it has an outpost there"
    )


def refuse_open(target: str, releases: "list[str]") -> None:
    """Refuse to change a target that approved releases count on. `releases` are the open ones."""
    if not releases:
        return
    raise conflict(
        f"target {target} has releases that wait or run ({', '.join(releases[:5])}): wait until "
        "they have ended, or cancel them with cancel_release"
    )


def must_set_controllers(record: "TargetRecord", given: "TargetInput") -> bool:
    """Whether the canister's controllers must be set.

    Raises Conflict for a canister that deployment did not create: its controllers belong to whoever
    made it.
    """
    now = sorted(controller.to_str() for controller in record["controllers"])
    wanted = sorted(controller.to_str() for controller in given["controllers"])
    canister = record["canister"]
    if now == wanted or canister is None or text_of(canister) != text_of(given["canister"]):
        return False
    if not record["created"]:
        raise conflict(
            f"canister {canister.to_str()} was not created by a release: its controllers are "
            "changed by those who control it, not here. Send the registered ones"
        )
    return True


def check_input(given: "TargetInput", self_id: str) -> None:
    """Why such a target cannot be registered, or None. `self_id` is the deployment canister."""
    name = given["target"]
    if not 1 <= len(name) <= MAX_NAME_CHARS or any(char not in NAME_CHARS for char in name):
        raise invalid(
            f"target is {name[:80]!r}: use 1 to {MAX_NAME_CHARS} of the characters a-z 0-9 - _ ."
        )
    for field, value in (("repository", given["repository"]), ("network", given["network"])):
        if not value or len(value.encode()) > MAX_NAME_CHARS:
            raise invalid(f"{field} has {len(value.encode())} bytes: use 1 to {MAX_NAME_CHARS}")
    # A canister has at most ten controllers; deployment is one of them.
    controllers = {controller.to_str() for controller in given["controllers"]}
    if len(controllers - {self_id}) > MAX_TARGET_CONTROLLERS:
        raise invalid(
            f"{len(controllers)} controllers: at most {MAX_TARGET_CONTROLLERS} besides deployment"
        )
    if given["cycles"] > MAX_TARGET_CYCLES:
        raise invalid(f"cycles is {given['cycles']}: at most {MAX_TARGET_CYCLES}")
    canister = given["canister"]
    if canister is not None and canister.to_str() in (self_id, "aaaaa-aa", "2vxsx-fae"):
        raise invalid(f"{canister.to_str()} cannot be a target")
    return


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
        "last_change": None,
        "changes": None,
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
    record["last_change"] = None
    record["changes"] = None
    record["snapshots"] = []


def holder(record: "TargetRecord", now_ns: int) -> "str | None":
    """Who holds the target's lock now: a release, or an administrator's call; None when free."""
    if record["busy"] is not None and 0 < record["busy_until_ns"] <= now_ns:
        return None
    return record["busy"]


def refuse_if_busy(record: "TargetRecord", now_ns: int) -> None:
    held_by = holder(record, now_ns)
    if held_by is None:
        return
    raise conflict(f"target {record['target']} is busy with {held_by}: try again when it has ended")


def lock(record: "TargetRecord", held_by: str, until_ns: int) -> None:
    record["busy"] = held_by
    record["busy_until_ns"] = until_ns


def unlock(record: "TargetRecord") -> None:
    record["busy"] = None
    record["busy_until_ns"] = 0


def of_repository(record: "TargetRecord | None", target: str, repository: str) -> "TargetRecord":
    """The target, when it is the repository's: others can neither plan nor release to it."""
    if record is None:
        raise not_found(f"there is no target {target}: an admin must register it first")
    if record["repository"] != repository:
        raise denied(f"target {target} belongs to another repository than {repository}")
    return record


def plan_snapshot(
    ours: "list[SnapshotRecord]",
    listed: "list[Snapshot]",
    sent_ns: int,
    needed: "bytes | None" = None,
) -> "tuple[bytes | None, bytes | None]":
    """(snapshot to adopt, snapshot to replace); at most one of them is set.

    `needed` is the snapshot that a rollback is about to load: it is never replaced.

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
        replaceable = [snapshot["id"] for snapshot in kept if snapshot["id"] != needed]
        return (None, replaceable[0])
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
