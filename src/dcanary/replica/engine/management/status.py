"""Looking at canisters: status, history, metadata and logs."""

from __future__ import annotations

from typing import Any

from dcanary.candid.principal import to_text
from dcanary.replica.api import Reply
from dcanary.replica.engine.core import Core
from dcanary.replica.engine.management.context import (
    Call,
    Operation,
    check_controller,
    refused,
    reply,
)
from dcanary.replica.engine.management.settings import definite_settings, may_view
from dcanary.replica.engine.management.types import (
    CANISTER_ID,
    CANISTER_INFO,
    CANISTER_INFO_REPLY,
    CANISTER_STATUS,
    LOGS_REPLY,
    METADATA,
    METADATA_REPLY,
)
from dcanary.replica.state.records import Canister, Change


def _metrics(core: Core, canister: Canister) -> dict[str, int]:
    body = core.bodies.get(canister.id)
    module = body.module if body else None
    return {
        "wasm_memory_size": body.memory.committed_size if body else 0,
        "stable_memory_size": body.stable.size if body else 0,
        "global_memory_size": 8 * len(module.parsed.globals) if module else 0,
        "wasm_binary_size": len(module.parsed.wasm) if module else 0,
        "custom_sections_size": sum(len(c) for _, c in module.parsed.custom) if module else 0,
        "canister_history_size": 64 * len(canister.history),
        "wasm_chunk_store_size": sum(canister.chunks.values()),
        "snapshots_size": sum(item.size for item in canister.snapshots.values()),
        "log_memory_store_size": sum(len(item.content) + 16 for item in canister.logs),
    }


def status_record(core: Core, canister: Canister) -> dict[str, Any]:
    """Value of the Candid type `canister_status_result`."""
    return {
        "status": {canister.status.value: None},
        "ready_for_migration": False,
        "version": canister.version,
        "settings": definite_settings(canister.settings),
        "module_hash": canister.module or None,
        "memory_size": core.memory_usage(canister),
        "memory_metrics": _metrics(core, canister),
        "cycles": canister.balance,
        "reserved_cycles": canister.reserved,
        "idle_cycles_burned_per_day": core.idle_per_day(canister),
        "query_stats": {
            "num_calls_total": 0,
            "num_instructions_total": 0,
            "request_payload_bytes_total": 0,
            "response_payload_bytes_total": 0,
        },
    }


def canister_status(call: Call, arg: dict[str, Any]) -> Reply:
    canister = call.core.canister(arg["canister_id"])
    settings = canister.settings
    viewer = call.sender
    if viewer != canister.id and not may_view(
        canister, viewer, settings.status_public, settings.status_visibility
    ):
        check_controller(canister, viewer)
    return reply(CANISTER_STATUS, status_record(call.core, canister))


def _change(change: Change) -> dict[str, Any]:
    if change.by_canister:
        origin: dict[str, Any] = {
            "from_canister": {"canister_id": change.by, "canister_version": change.by_version}
        }
    else:
        origin = {"from_user": {"user_id": change.by}}
    content: Any = None
    if change.kind == "creation":
        content = {"controllers": change.controllers, "environment_variables_hash": None}
    elif change.kind == "controllers_change":
        content = {"controllers": change.controllers}
    elif change.kind == "code_deployment":
        content = {"mode": {change.mode: None}, "module_hash": change.module_hash}
    elif change.kind == "load_snapshot":
        content = {
            "canister_version": change.snapshot_version,
            "snapshot_id": change.snapshot,
            "taken_at_timestamp": change.snapshot_time,
            "source": {"taken_from_canister": None},
            "from_canister_id": None,
        }
    return {
        "timestamp_nanos": change.time,
        "canister_version": change.version,
        "origin": origin,
        "details": {change.kind: content},
    }


def canister_info(call: Call, arg: dict[str, Any]) -> Reply:
    canister = call.core.canister(arg["canister_id"])
    wanted = arg["num_requested_changes"] or 0
    recent = canister.history[-wanted:] if wanted else []
    return reply(
        CANISTER_INFO_REPLY,
        {
            "total_num_changes": canister.history_total,
            "recent_changes": [_change(change) for change in recent],
            "module_hash": canister.module or None,
            "controllers": canister.settings.controllers,
        },
    )


def canister_metadata(call: Call, arg: dict[str, Any]) -> Reply:
    canister = call.core.canister(arg["canister_id"])
    body = call.core.bodies.get(canister.id)
    module = body.module if body else None
    name = arg["name"]
    if module is None:
        raise refused(f"canister {to_text(canister.id)} has no module")
    if name in module.public_metadata:
        return reply(METADATA_REPLY, {"value": module.public_metadata[name]})
    if name in module.private_metadata and call.sender in canister.settings.controllers:
        return reply(METADATA_REPLY, {"value": module.private_metadata[name]})
    raise refused(f"canister {to_text(canister.id)} has no metadata section {name}")


def fetch_canister_logs(call: Call, arg: dict[str, Any]) -> Reply:
    canister = call.core.canister(arg["canister_id"])
    settings = canister.settings
    if not may_view(canister, call.sender, settings.log_public, settings.log_visibility):
        raise refused(
            f"Caller {to_text(call.sender)} is not allowed to access canister logs of "
            f"{to_text(canister.id)}"
        )
    records = [
        {"idx": item.index, "timestamp_nanos": item.time, "content": item.content}
        for item in canister.logs
    ]
    return reply(LOGS_REPLY, {"canister_log_records": records})


OPERATIONS = {
    "canister_status": Operation(CANISTER_ID, canister_status, query=True, open=True),
    "canister_info": Operation(CANISTER_INFO, canister_info, ingress=False),
    "canister_metadata": Operation(METADATA, canister_metadata, ingress=False),
    "fetch_canister_logs": Operation(CANISTER_ID, fetch_canister_logs, query=True, open=True),
}
