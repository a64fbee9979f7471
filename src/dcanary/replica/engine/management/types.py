"""Candid types of the management canister (interface of specification 0.66)."""

from __future__ import annotations

from dcanary.replica.candid import (
    BLOB,
    BOOL,
    NAT,
    NAT64,
    NULL,
    PRINCIPAL,
    TEXT,
    Func,
    Opt,
    Record,
    Variant,
    Vec,
)

CANISTER_ID = Record({"canister_id": PRINCIPAL})

VISIBILITY = Variant({"controllers": NULL, "public": NULL, "allowed_viewers": Vec(PRINCIPAL)})
ENVIRONMENT_VARIABLE = Record({"name": TEXT, "value": TEXT})

SETTINGS = Record(
    {
        "controllers": Opt(Vec(PRINCIPAL)),
        "compute_allocation": Opt(NAT),
        "memory_allocation": Opt(NAT),
        "freezing_threshold": Opt(NAT),
        "reserved_cycles_limit": Opt(NAT),
        "minimum_incoming_canister_call_cycles": Opt(NAT),
        "log_visibility": Opt(VISIBILITY),
        "log_memory_limit": Opt(NAT),
        "snapshot_visibility": Opt(VISIBILITY),
        "status_visibility": Opt(VISIBILITY),
        "wasm_memory_limit": Opt(NAT),
        "wasm_memory_threshold": Opt(NAT),
        "environment_variables": Opt(Vec(ENVIRONMENT_VARIABLE)),
    }
)

DEFINITE_SETTINGS = Record(
    {
        "controllers": Vec(PRINCIPAL),
        "compute_allocation": NAT,
        "memory_allocation": NAT,
        "freezing_threshold": NAT,
        "reserved_cycles_limit": NAT,
        "minimum_incoming_canister_call_cycles": NAT,
        "log_visibility": VISIBILITY,
        "log_memory_limit": NAT,
        "snapshot_visibility": VISIBILITY,
        "status_visibility": VISIBILITY,
        "wasm_memory_limit": NAT,
        "wasm_memory_threshold": NAT,
        "environment_variables": Vec(ENVIRONMENT_VARIABLE),
    }
)

CREATE_CANISTER = Record({"settings": Opt(SETTINGS), "sender_canister_version": Opt(NAT64)})
PROVISIONAL_CREATE = Record(
    {
        "amount": Opt(NAT),
        "settings": Opt(SETTINGS),
        "specified_id": Opt(PRINCIPAL),
        "sender_canister_version": Opt(NAT64),
    }
)
PROVISIONAL_TOP_UP = Record({"canister_id": PRINCIPAL, "amount": NAT})
UPDATE_SETTINGS = Record(
    {
        "canister_id": PRINCIPAL,
        "settings": SETTINGS,
        "sender_canister_version": Opt(NAT64),
    }
)
CANISTER_AND_VERSION = Record({"canister_id": PRINCIPAL, "sender_canister_version": Opt(NAT64)})

INSTALL_MODE = Variant(
    {
        "install": NULL,
        "reinstall": NULL,
        "upgrade": Opt(
            Record(
                {
                    "skip_pre_upgrade": Opt(BOOL),
                    "wasm_memory_persistence": Opt(Variant({"keep": NULL, "replace": NULL})),
                }
            )
        ),
    }
)
INSTALL_CODE = Record(
    {
        "mode": INSTALL_MODE,
        "canister_id": PRINCIPAL,
        "wasm_module": BLOB,
        "arg": BLOB,
        "sender_canister_version": Opt(NAT64),
    }
)
CHUNK_HASH = Record({"hash": BLOB})
INSTALL_CHUNKED = Record(
    {
        "mode": INSTALL_MODE,
        "target_canister": PRINCIPAL,
        "store_canister": Opt(PRINCIPAL),
        "chunk_hashes_list": Vec(CHUNK_HASH),
        "wasm_module_hash": BLOB,
        "arg": BLOB,
        "sender_canister_version": Opt(NAT64),
    }
)
UPLOAD_CHUNK = Record({"canister_id": PRINCIPAL, "chunk": BLOB})

CANISTER_STATUS = Record(
    {
        "status": Variant({"running": NULL, "stopping": NULL, "stopped": NULL}),
        "ready_for_migration": BOOL,
        "version": NAT64,
        "settings": DEFINITE_SETTINGS,
        "module_hash": Opt(BLOB),
        "memory_size": NAT,
        "memory_metrics": Record(
            {
                "wasm_memory_size": NAT,
                "stable_memory_size": NAT,
                "global_memory_size": NAT,
                "wasm_binary_size": NAT,
                "custom_sections_size": NAT,
                "canister_history_size": NAT,
                "wasm_chunk_store_size": NAT,
                "snapshots_size": NAT,
                "log_memory_store_size": NAT,
            }
        ),
        "cycles": NAT,
        "reserved_cycles": NAT,
        "idle_cycles_burned_per_day": NAT,
        "query_stats": Record(
            {
                "num_calls_total": NAT,
                "num_instructions_total": NAT,
                "request_payload_bytes_total": NAT,
                "response_payload_bytes_total": NAT,
            }
        ),
    }
)

CANISTER_INFO = Record({"canister_id": PRINCIPAL, "num_requested_changes": Opt(NAT64)})
_CHANGE_ORIGIN = Variant(
    {
        "from_user": Record({"user_id": PRINCIPAL}),
        "from_canister": Record({"canister_id": PRINCIPAL, "canister_version": Opt(NAT64)}),
    }
)
_CHANGE_DETAILS = Variant(
    {
        "creation": Record(
            {"controllers": Vec(PRINCIPAL), "environment_variables_hash": Opt(BLOB)}
        ),
        "code_uninstall": NULL,
        "code_deployment": Record(
            {
                "mode": Variant({"install": NULL, "reinstall": NULL, "upgrade": NULL}),
                "module_hash": BLOB,
            }
        ),
        "load_snapshot": Record(
            {
                "canister_version": NAT64,
                "snapshot_id": BLOB,
                "taken_at_timestamp": NAT64,
                "source": Variant({"taken_from_canister": NULL, "metadata_upload": NULL}),
                "from_canister_id": Opt(PRINCIPAL),
            }
        ),
        "controllers_change": Record({"controllers": Vec(PRINCIPAL)}),
    }
)
CANISTER_INFO_REPLY = Record(
    {
        "total_num_changes": NAT64,
        "recent_changes": Vec(
            Record(
                {
                    "timestamp_nanos": NAT64,
                    "canister_version": NAT64,
                    "origin": _CHANGE_ORIGIN,
                    "details": Opt(_CHANGE_DETAILS),
                }
            )
        ),
        "module_hash": Opt(BLOB),
        "controllers": Vec(PRINCIPAL),
    }
)

METADATA = Record({"canister_id": PRINCIPAL, "name": TEXT})
METADATA_REPLY = Record({"value": BLOB})

TAKE_SNAPSHOT = Record(
    {
        "canister_id": PRINCIPAL,
        "replace_snapshot": Opt(BLOB),
        "uninstall_code": Opt(BOOL),
        "sender_canister_version": Opt(NAT64),
    }
)
LOAD_SNAPSHOT = Record(
    {
        "canister_id": PRINCIPAL,
        "snapshot_id": BLOB,
        "sender_canister_version": Opt(NAT64),
    }
)
DELETE_SNAPSHOT = Record({"canister_id": PRINCIPAL, "snapshot_id": BLOB})
SNAPSHOT = Record({"id": BLOB, "taken_at_timestamp": NAT64, "total_size": NAT64})

LOG_RECORD = Record({"idx": NAT64, "timestamp_nanos": NAT64, "content": BLOB})
LOGS_REPLY = Record({"canister_log_records": Vec(LOG_RECORD)})

HTTP_HEADER = Record({"name": TEXT, "value": TEXT})
HTTP_RESULT = Record({"status": NAT, "headers": Vec(HTTP_HEADER), "body": BLOB})
TRANSFORM_ARGS = Record({"response": HTTP_RESULT, "context": BLOB})
HTTP_REQUEST = Record(
    {
        "url": TEXT,
        "max_response_bytes": Opt(NAT64),
        "method": Variant(
            {"get": NULL, "head": NULL, "post": NULL, "put": NULL, "delete": NULL, "patch": NULL}
        ),
        "headers": Vec(HTTP_HEADER),
        "body": Opt(BLOB),
        "transform": Opt(Record({"function": Func(query=True), "context": BLOB})),
        "is_replicated": Opt(BOOL),
    }
)

SUBNET_INFO = Record({"subnet_id": PRINCIPAL})
SUBNET_INFO_REPLY = Record({"replica_version": TEXT, "registry_version": NAT64})
