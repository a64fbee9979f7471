"""Performs the steps of a release: the only place that calls the management canister for them.

Each function makes the step's calls and returns an `Answer`; nothing is decided here.
"""

import hashlib

from kybra import Async, CallResult, Principal, ic, void

from canisters.deployment import steps
from canisters.deployment.steps import Answer, rejected
from canisters.deployment.store import ProgressRecord, TargetRecord, staging, wiring
from canisters.deployment.targets import plan_snapshot
from shared.base.access import siblings_of
from shared.base.outbox import error_sentence, is_passing
from shared.rules.limits import CREATE_CANISTER_CYCLES, RESERVE_CYCLES
from shared.siblings import BuildExecutorService
from shared.types.management import (
    MANAGEMENT,
    CanisterIdRecord,
    CanisterStatusReply,
    ChunkHash,
    InstallMode,
    ManagementService,
    PersistenceWord,
    Snapshot,
)
from shared.types.release import ReleaseOrder
from shared.types.run import ChunkResult

NO_ARGUMENTS = b"DIDL\x00\x00"


def management() -> ManagementService:
    return ManagementService(Principal.from_str(MANAGEMENT))


def staging_key(number: int, index: int) -> str:
    return f"{number}/{index}"


def drop_staged(number: int, size: int) -> None:
    """Forget the staged bytes of a release that needs them no more."""
    for index in range(steps.chunk_count(size)):
        staging.remove(staging_key(number, index))


def perform(
    step: str,
    number: int,
    progress: ProgressRecord,
    order: ReleaseOrder,
    target: "TargetRecord | None",
    sent_ns: int,
) -> "Async[Answer]":
    """Make the calls of `step` for the release.

    `target` is given for the steps of `steps.NEED_TARGET`; `sent_ns` is since when an earlier
    attempt may have been performed without its answer arriving, 0 when there was none.
    """
    if step == steps.FETCH:
        return _fetch(number, progress["staged"], order)
    if step == steps.CREATE and target is not None:
        return _create(target)
    canister = progress["canister"]
    if step == steps.VERIFY:
        return _verify(number, order)
    if canister is None:
        return _no_canister()
    if step in (steps.LOOK, steps.RECHECK, steps.CHECK, steps.ASSESS, steps.ROLLBACK_CHECK):
        return _module_hash(canister)
    if step in (steps.STOP, steps.ROLLBACK_STOP):
        return _stop(canister)
    if step in (steps.START, steps.RECOVER, steps.ROLLBACK_START, steps.ROLLBACK_RECOVER):
        return _start(canister)
    if step == steps.SNAPSHOT and target is not None:
        return _snapshot(canister, target, sent_ns)
    if step == steps.CLEAR:
        return _clear(canister)
    if step == steps.UPLOAD:
        return _upload(canister, staging_key(number, progress["uploaded"]))
    if step == steps.INSTALL:
        return _install(canister, progress["chunk_hashes"], order)
    if step == steps.ROLLBACK_LOAD:
        return _load(canister, progress)
    return _no_canister()


def _no_canister() -> "Async[Answer]":
    # A generator like the others, that yields nothing.
    yield from ()
    return Answer(error="the target is not there any more", final=True)


def _fetch(number: int, index: int, order: ReleaseOrder) -> "Async[Answer]":
    siblings = siblings_of(wiring)
    if siblings is None:
        return Answer(error="this canister is not wired yet: an owner must call wire")
    reply: CallResult[ChunkResult] = yield BuildExecutorService(
        siblings["build_executor"]
    ).read_chunk(
        {
            "run": order["run"],
            "stage": order["stage"],
            "path": order["artifact"],
            "index": index,
        }
    )
    if reply.Err is not None:
        return rejected(reply.Err)
    if "Err" in reply.Ok:
        error = reply.Ok["Err"]
        return Answer(error=error_sentence(error), final=not is_passing(error))
    content = reply.Ok["Ok"]
    expected = steps.chunk_size(order["size"], index)
    if len(content) != expected:
        return Answer(
            error=f"chunk {index} has {len(content)} bytes instead of {expected}", final=True
        )
    staging.insert(staging_key(number, index), content)
    return Answer()


def _verify(number: int, order: ReleaseOrder) -> "Async[Answer]":
    yield from ()
    digest = hashlib.sha256()
    for index in range(steps.chunk_count(order["size"])):
        digest.update(staging.get(staging_key(number, index)) or b"")
    return Answer(digest.digest())


def _create(target: TargetRecord) -> "Async[Answer]":
    cycles = target["cycles"] or CREATE_CANISTER_CYCLES
    # RESERVE_CYCLES must remain, so that this canister can go on working.
    missing = cycles + RESERVE_CYCLES - ic.canister_balance128()
    if missing > 0:
        return Answer(
            error=f"creating a canister with {cycles} cycles needs {missing} cycles more than "
            f"this deployment canister can spend (it keeps {RESERVE_CYCLES}): send it some",
            final=True,
        )
    named = {ic.id().to_str(): ic.id()}
    for controller in target["controllers"]:
        named[controller.to_str()] = controller
    reply: CallResult[CanisterIdRecord] = yield (
        management()
        .create_canister({"settings": {"controllers": list(named.values())}})
        .with_cycles128(cycles)
    )
    if reply.Err is not None:
        return rejected(reply.Err)
    return Answer(reply.Ok["canister_id"].bytes)


def _module_hash(canister: Principal) -> "Async[Answer]":
    reply: CallResult[CanisterStatusReply] = yield management().canister_status(
        {"canister_id": canister}
    )
    if reply.Err is not None:
        return rejected(reply.Err)
    return Answer(reply.Ok["module_hash"])


def _stop(canister: Principal) -> "Async[Answer]":
    reply: CallResult[void] = yield management().stop_canister({"canister_id": canister})
    return Answer() if reply.Err is None else rejected(reply.Err)


def _start(canister: Principal) -> "Async[Answer]":
    reply: CallResult[void] = yield management().start_canister({"canister_id": canister})
    return Answer() if reply.Err is None else rejected(reply.Err)


def _snapshot(canister: Principal, target: TargetRecord, sent_ns: int) -> "Async[Answer]":
    listing: CallResult[list[Snapshot]] = yield management().list_canister_snapshots(
        {"canister_id": canister}
    )
    if listing.Err is not None:
        return rejected(listing.Err)
    listed = listing.Ok
    adopted, replaced = plan_snapshot(target["snapshots"], listed, sent_ns)
    if adopted is not None:
        return Answer(adopted, listed=listed)
    reply: CallResult[Snapshot] = yield management().take_canister_snapshot(
        {"canister_id": canister, "replace_snapshot": replaced}
    )
    if reply.Err is not None:
        return rejected(reply.Err)
    kept = [snapshot for snapshot in listed if snapshot["id"] != replaced]
    return Answer(reply.Ok["id"], listed=kept)


def _clear(canister: Principal) -> "Async[Answer]":
    reply: CallResult[void] = yield management().clear_chunk_store({"canister_id": canister})
    return Answer() if reply.Err is None else rejected(reply.Err)


def _upload(canister: Principal, key: str) -> "Async[Answer]":
    chunk = staging.get(key) or b""
    reply: CallResult[ChunkHash] = yield management().upload_chunk(
        {"canister_id": canister, "chunk": chunk}
    )
    if reply.Err is not None:
        return rejected(reply.Err)
    # Not hashed again here: the whole module must have the approved hash to be installed.
    return Answer(reply.Ok["hash"])


def _mode(order: ReleaseOrder) -> InstallMode:
    if "Install" in order["mode"]:
        return {"install": None}
    if "Reinstall" in order["mode"]:
        return {"reinstall": None}
    memory: PersistenceWord | None = None
    if "Keep" in order["memory"]:
        memory = {"keep": None}
    elif "Replace" in order["memory"]:
        memory = {"replace": None}
    if memory is None:
        return {"upgrade": None}
    return {"upgrade": {"skip_pre_upgrade": None, "wasm_memory_persistence": memory}}


def _install(canister: Principal, chunk_hashes: bytes, order: ReleaseOrder) -> "Async[Answer]":
    hashes: list[ChunkHash] = []
    for start in range(0, len(chunk_hashes), 32):
        hashes.append({"hash": chunk_hashes[start : start + 32]})
    given = order["upgrade_arg"] if "Upgrade" in order["mode"] else order["install_arg"]
    reply: CallResult[void] = yield management().install_chunked_code(
        {
            "mode": _mode(order),
            "target_canister": canister,
            "store_canister": None,
            "chunk_hashes_list": hashes,
            "wasm_module_hash": bytes.fromhex(order["sha256"]),
            "arg": given or NO_ARGUMENTS,
        }
    )
    return Answer() if reply.Err is None else rejected(reply.Err)


def _load(canister: Principal, progress: ProgressRecord) -> "Async[Answer]":
    snapshot = progress["snapshot"]
    if snapshot is None:
        return Answer(error="the snapshot is gone", final=True)
    reply: CallResult[void] = yield management().load_canister_snapshot(
        {"canister_id": canister, "snapshot_id": snapshot}
    )
    return Answer() if reply.Err is None else rejected(reply.Err)
