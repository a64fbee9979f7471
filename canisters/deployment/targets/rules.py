"""Targets: what may be registered, who holds the lock, which snapshots are kept. Pure rules."""

from typing import TYPE_CHECKING

from shared.rules.creation import creation
from shared.rules.limits import (
    CREATE_CANISTER_CYCLES,
    MAX_NAME_CHARS,
    MAX_SNAPSHOTS_PER_TARGET,
    MAX_TARGET_CONTROLLERS,
    MAX_TARGET_CYCLES,
)
from shared.rules.refused import conflict, denied, invalid, not_found
from shared.rules.roles import ANONYMOUS

if TYPE_CHECKING:
    from kybra import Principal

    from canisters.deployment.records import SnapshotRecord, TargetRecord
    from shared.types.approval import Creation
    from shared.types.management import Snapshot
    from shared.types.target import TargetInput

RECORD_VERSION = 3
NAME_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789-_."


def text_of(principal: "Principal | None") -> "str | None":
    """How principals are compared."""
    return None if principal is None else principal.to_str()


def refuse_network(target: str, network: str, here: str) -> None:
    """Refuse a target of network `network` in an installation on network `here`."""
    if network == here:
        return
    raise conflict(
        f"target {target} is on network {network}, this installation on {here}: targets of another "
        f"network are not supported. Register it on {here}, or release to it from an installation "
        f"on {network}"
    )


def refuse_second_canister(record: "TargetRecord") -> None:
    """Refuse to make a canister for a target that has one."""
    if record["canister"] is None:
        return
    raise conflict(
        f"target {record['target']} has the canister {record['canister'].to_str()} already"
    )


def refuse_open(target: str, releases: "list[str]") -> None:
    """Refuse to change a target that approved releases count on. `releases` are the open ones."""
    if not releases:
        return
    raise conflict(
        f"target {target} has releases that wait or run ({', '.join(releases[:5])}): wait until "
        "they have ended, or cancel them with cancel_release"
    )


def keeps_canister(record: "TargetRecord", given: "TargetInput") -> bool:
    """Whether the target has a canister and shall keep it."""
    return record["canister"] is not None and text_of(record["canister"]) == text_of(
        given["canister"]
    )


def besides(self_id: str, controllers: "list[Principal]") -> "list[Principal]":
    """The controllers without deployment itself."""
    return [one for one in controllers if one.to_str() != self_id]


def creation_of(record: "TargetRecord", deployment: "Principal") -> "Creation":
    """What a release that creates the target's canister gives it by the settings of now."""
    return creation(
        [deployment, *record["controllers"]], record["cycles"] or CREATE_CANISTER_CYCLES
    )


def same_controllers(some: "list[Principal]", others: "list[Principal]") -> bool:
    """Whether both name the same controllers, in any order."""
    return {one.to_str() for one in some} == {one.to_str() for one in others}


def refuse_controllers(given: "TargetInput", known: "list[Principal]", self_id: str) -> None:
    """Refuse to name controllers of a canister that a release did not create.

    None, or the `known` ones, leave them as they are.
    """
    canister = given["canister"]
    wanted = besides(self_id, given["controllers"])
    if canister is None or not wanted or same_controllers(wanted, known):
        return
    raise invalid(
        f"canister {canister.to_str()} was not created by a release: its controllers are set by "
        "those who control it, not here. Send none"
    )


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
    if ANONYMOUS in controllers:
        raise invalid("the anonymous principal cannot be a controller: anybody is it")
    if given["cycles"] > MAX_TARGET_CYCLES:
        raise invalid(f"cycles is {given['cycles']:,}: at most {MAX_TARGET_CYCLES:,}")
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
        "left_hash": None,
        "topped_up": None,
        "serves": None,
    }


def updated(record: "TargetRecord", given: "TargetInput") -> None:
    """Take new settings. Another canister has no past here: nothing to roll back to.

    Controllers of a canister that stays are in the books as the canister has them.
    """
    if not keeps_canister(record, given):
        forget_canister(record)
        record["canister"] = given["canister"]
        record["controllers"] = given["controllers"]
    record["repository"] = given["repository"]
    record["network"] = given["network"]
    record["cycles"] = given["cycles"]


def forget_canister(record: "TargetRecord") -> None:
    record["canister"] = None
    record["created"] = False
    record["module_hash"] = None
    record["left_hash"] = None
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
        raise not_found(f"there is no target {target}: an admin adds it with register_target")
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
