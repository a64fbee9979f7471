"""Performs the steps of a release: the only place that calls the management canister for them.

Each function makes the step's calls and returns an `Answer`; nothing is decided here. Calls about a
target wait for a bounded time, so that no target can keep this canister from being stopped and
upgraded. `create_canister` alone does not: it is about no target yet, and a bounded-wait call may
lose the cycles that it carries.
"""

import hashlib

from kybra import Async, CallResult, Principal, ic, void

from canisters.deployment.records import TargetRecord
from canisters.deployment.spending import why_too_much
from canisters.deployment.steps.answer import Answer, rejected
from canisters.deployment.steps.filling import FILLING
from canisters.deployment.steps.looking import look_at
from canisters.deployment.steps.machine import chunk_count
from canisters.deployment.steps.reading import read_artifact
from canisters.deployment.steps.step import Step
from canisters.deployment.steps.task import Task
from canisters.deployment.store import staging
from canisters.deployment.targets.rules import plan_snapshot
from shared.base.calls import bounded
from shared.rules.creation import unbound_of
from shared.rules.limits import (
    CALL_WAIT_SECONDS,
    INSTALL_WAIT_SECONDS,
)
from shared.types.approval import Order
from shared.types.management import (
    MANAGEMENT,
    CanisterIdRecord,
    ChunkHash,
    InstallMode,
    ManagementService,
    PersistenceWord,
    Snapshot,
)
from shared.types.release import ReleaseOrder

NO_ARGUMENTS = b"DIDL\x00\x00"


def management() -> ManagementService:
    return ManagementService(Principal.from_str(MANAGEMENT))


def staging_key(number: int, index: int) -> str:
    return f"{number}/{index}"


def drop_staged(number: int, size: int) -> None:
    """Forget the staged bytes of a release that needs them no more."""
    for index in range(chunk_count(size)):
        staging.remove(staging_key(number, index))


def perform(step: Step, task: Task) -> "Async[Answer]":
    """Make the calls of `step`."""
    if step.call == "fetch":
        return _fetch(task)
    if step.call == "verify":
        return _verify(task)
    if step.call == "create" and task.target is not None:
        return _create(task.approved, task.order["run"])
    canister = task.progress["canister"]
    if canister is None:
        return _no_canister()
    if step.call == "look":
        return _look(canister)
    if step.call == "stop":
        return _stop(canister)
    if step.call == "start":
        return _start(canister)
    if step.call == "snapshot" and task.target is not None:
        return _snapshot(canister, task.target, task)
    if step.call == "clear":
        return _clear(canister)
    if step.call == "upload":
        return _upload(canister, staging_key(task.number, task.progress["uploaded"]))
    if step.call == "install":
        return _install(canister, task.progress["chunk_hashes"], task.order)
    if step.call == "load":
        return _load(canister, None if task.rollback is None else task.rollback["snapshot"])
    if step.call == "reload":
        return _load(canister, task.progress["snapshot"])
    if step.call == "uninstall":
        return _uninstall(canister)
    if step.call in FILLING:
        return FILLING[step.call](canister, task)
    return _no_canister()


def _no_canister() -> "Async[Answer]":
    # A generator like the others, that yields nothing.
    yield from ()
    return Answer(error="the target is not there any more", final=True)


def _fetch(task: Task) -> "Async[Answer]":
    order = task.order
    index = task.progress["staged"]
    content = yield from read_artifact(
        order["run"], order["stage"], order["artifact"], order["size"], index
    )
    if content.error is None:
        staging.insert(staging_key(task.number, index), content.value or b"")
    return content


def _verify(task: Task) -> "Async[Answer]":
    yield from ()
    digest = hashlib.sha256()
    for index in range(chunk_count(task.order["size"])):
        digest.update(staging.get(staging_key(task.number, index)) or b"")
    return Answer(digest.digest())


def _create(approved: "Order | None", run: str) -> "Async[Answer]":
    """Create the canister with what people decided on, whatever the target's settings say now."""
    creates = None if approved is None else approved["creates"]
    if creates is None:
        return Answer(error=unbound_of(run), final=True)
    answer = yield from create_canister(creates["controllers"], creates["cycles"])
    return answer


def create_canister(controllers: "list[Principal]", cycles: int) -> "Async[Answer]":
    """Create an empty canister that deployment controls too. The answer's value is its id."""
    why = why_too_much("creating a canister", cycles)
    if why is not None:
        return Answer(error=why, final=True)
    reply: CallResult[CanisterIdRecord] = yield (
        management()
        .create_canister({"settings": {"controllers": with_deployment(controllers)}})
        .with_cycles128(cycles)
    )
    if reply.Err is not None:
        return rejected(reply.Err)
    return Answer(reply.Ok["canister_id"].bytes)


def with_deployment(controllers: "list[Principal]") -> "list[Principal]":
    """Controllers of a canister that deployment creates: itself and these, each once."""
    named = {ic.id().to_str(): ic.id()}
    for controller in controllers:
        named[controller.to_str()] = controller
    return list(named.values())


def _look(canister: Principal) -> "Async[Answer]":
    answer = yield from look_at(canister)
    return answer


def _stop(canister: Principal) -> "Async[Answer]":
    reply: CallResult[void] = yield bounded(
        management().stop_canister({"canister_id": canister}), CALL_WAIT_SECONDS
    )
    return Answer() if reply.Err is None else rejected(reply.Err)


def _start(canister: Principal) -> "Async[Answer]":
    reply: CallResult[void] = yield bounded(
        management().start_canister({"canister_id": canister}), CALL_WAIT_SECONDS
    )
    return Answer() if reply.Err is None else rejected(reply.Err)


def _snapshot(canister: Principal, target: TargetRecord, task: Task) -> "Async[Answer]":
    listing: CallResult[list[Snapshot]] = yield bounded(
        management().list_canister_snapshots({"canister_id": canister}), CALL_WAIT_SECONDS
    )
    if listing.Err is not None:
        return rejected(listing.Err)
    listed = listing.Ok
    needed = None if task.rollback is None else task.rollback["snapshot"]
    adopted, replaced = plan_snapshot(target["snapshots"], listed, task.sent_ns, needed)
    if adopted is not None:
        return Answer(adopted, listed=listed)
    reply: CallResult[Snapshot] = yield bounded(
        management().take_canister_snapshot(
            {"canister_id": canister, "replace_snapshot": replaced}
        ),
        CALL_WAIT_SECONDS,
    )
    if reply.Err is not None:
        return rejected(reply.Err)
    kept = [snapshot for snapshot in listed if snapshot["id"] != replaced]
    return Answer(reply.Ok["id"], listed=kept)


def _clear(canister: Principal) -> "Async[Answer]":
    reply: CallResult[void] = yield bounded(
        management().clear_chunk_store({"canister_id": canister}), CALL_WAIT_SECONDS
    )
    return Answer() if reply.Err is None else rejected(reply.Err)


def _upload(canister: Principal, key: str) -> "Async[Answer]":
    chunk = staging.get(key) or b""
    reply: CallResult[ChunkHash] = yield bounded(
        management().upload_chunk({"canister_id": canister, "chunk": chunk}), CALL_WAIT_SECONDS
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
    call = management().install_chunked_code(
        {
            "mode": _mode(order),
            "target_canister": canister,
            "store_canister": None,
            "chunk_hashes_list": hashes,
            "wasm_module_hash": bytes.fromhex(order["sha256"]),
            "arg": given or NO_ARGUMENTS,
        }
    )
    reply: CallResult[void] = yield bounded(call, INSTALL_WAIT_SECONDS)
    return Answer() if reply.Err is None else rejected(reply.Err)


def _load(canister: Principal, snapshot: "bytes | None") -> "Async[Answer]":
    if snapshot is None:
        return Answer(error="the snapshot is gone", final=True)
    reply: CallResult[void] = yield bounded(
        management().load_canister_snapshot({"canister_id": canister, "snapshot_id": snapshot}),
        CALL_WAIT_SECONDS,
    )
    return Answer() if reply.Err is None else rejected(reply.Err)


def _uninstall(canister: Principal) -> "Async[Answer]":
    reply: CallResult[void] = yield bounded(
        management().uninstall_code({"canister_id": canister}), CALL_WAIT_SECONDS
    )
    return Answer() if reply.Err is None else rejected(reply.Err)
