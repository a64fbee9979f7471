"""Candid types of the management canister (interface of specification 0.66).

Each constant encodes and decodes one value; principals are bytes.
"""

from __future__ import annotations

from dcanary.candid import Codec, parse_types

SETTINGS_TEXT = """
type visibility = variant { controllers; public; allowed_viewers : vec principal };
type environment_variable = record { name : text; value : text };
type settings = record {
  controllers : opt vec principal;
  compute_allocation : opt nat;
  memory_allocation : opt nat;
  freezing_threshold : opt nat;
  reserved_cycles_limit : opt nat;
  minimum_incoming_canister_call_cycles : opt nat;
  log_visibility : opt visibility;
  log_memory_limit : opt nat;
  snapshot_visibility : opt visibility;
  status_visibility : opt visibility;
  wasm_memory_limit : opt nat;
  wasm_memory_threshold : opt nat;
  environment_variables : opt vec environment_variable;
};
"""
"""The settings record of a caller and what it is made of."""

INTERFACE_TEXT = (
    SETTINGS_TEXT
    + """
type canister = record { canister_id : principal };
type definite_settings = record {
  controllers : vec principal;
  compute_allocation : nat;
  memory_allocation : nat;
  freezing_threshold : nat;
  reserved_cycles_limit : nat;
  minimum_incoming_canister_call_cycles : nat;
  log_visibility : visibility;
  log_memory_limit : nat;
  snapshot_visibility : visibility;
  status_visibility : visibility;
  wasm_memory_limit : nat;
  wasm_memory_threshold : nat;
  environment_variables : vec environment_variable;
};
type create_canister = record { settings : opt settings; sender_canister_version : opt nat64 };
type provisional_create = record {
  amount : opt nat;
  settings : opt settings;
  specified_id : opt principal;
  sender_canister_version : opt nat64;
};
type provisional_top_up = record { canister_id : principal; amount : nat };
type update_settings = record {
  canister_id : principal;
  settings : settings;
  sender_canister_version : opt nat64;
};
type canister_and_version = record {
  canister_id : principal;
  sender_canister_version : opt nat64;
};

type install_mode = variant {
  install;
  reinstall;
  upgrade : opt record {
    skip_pre_upgrade : opt bool;
    wasm_memory_persistence : opt variant { keep; replace };
  };
};
type install_code = record {
  mode : install_mode;
  canister_id : principal;
  wasm_module : blob;
  arg : blob;
  sender_canister_version : opt nat64;
};
type chunk_hash = record { hash : blob };
type chunk_hashes = vec chunk_hash;
type install_chunked = record {
  mode : install_mode;
  target_canister : principal;
  store_canister : opt principal;
  chunk_hashes_list : vec chunk_hash;
  wasm_module_hash : blob;
  arg : blob;
  sender_canister_version : opt nat64;
};
type upload_chunk = record { canister_id : principal; chunk : blob };

type canister_status = record {
  status : variant { running; stopping; stopped };
  ready_for_migration : bool;
  version : nat64;
  settings : definite_settings;
  module_hash : opt blob;
  memory_size : nat;
  memory_metrics : record {
    wasm_memory_size : nat;
    stable_memory_size : nat;
    global_memory_size : nat;
    wasm_binary_size : nat;
    custom_sections_size : nat;
    canister_history_size : nat;
    wasm_chunk_store_size : nat;
    snapshots_size : nat;
    log_memory_store_size : nat;
  };
  cycles : nat;
  reserved_cycles : nat;
  idle_cycles_burned_per_day : nat;
  query_stats : record {
    num_calls_total : nat;
    num_instructions_total : nat;
    request_payload_bytes_total : nat;
    response_payload_bytes_total : nat;
  };
};

type canister_info = record { canister_id : principal; num_requested_changes : opt nat64 };
type change_origin = variant {
  from_user : record { user_id : principal };
  from_canister : record { canister_id : principal; canister_version : opt nat64 };
};
type change_details = variant {
  creation : record { controllers : vec principal; environment_variables_hash : opt blob };
  code_uninstall;
  code_deployment : record {
    mode : variant { install; reinstall; upgrade };
    module_hash : blob;
  };
  load_snapshot : record {
    canister_version : nat64;
    snapshot_id : blob;
    taken_at_timestamp : nat64;
    source : variant { taken_from_canister; metadata_upload };
    from_canister_id : opt principal;
  };
  controllers_change : record { controllers : vec principal };
};
type canister_info_reply = record {
  total_num_changes : nat64;
  recent_changes : vec record {
    timestamp_nanos : nat64;
    canister_version : nat64;
    origin : change_origin;
    details : opt change_details;
  };
  module_hash : opt blob;
  controllers : vec principal;
};

type metadata = record { canister_id : principal; name : text };
type metadata_reply = record { value : blob };

type take_snapshot = record {
  canister_id : principal;
  replace_snapshot : opt blob;
  uninstall_code : opt bool;
  sender_canister_version : opt nat64;
};
type load_snapshot = record {
  canister_id : principal;
  snapshot_id : blob;
  sender_canister_version : opt nat64;
};
type delete_snapshot = record { canister_id : principal; snapshot_id : blob };
type snapshot = record { id : blob; taken_at_timestamp : nat64; total_size : nat64 };
type snapshots = vec snapshot;

type snapshot_source = variant { taken_from_canister; metadata_upload };
type global = variant { i32 : int32; i64 : int64; f32 : float32; f64 : float64; v128 : nat };
type global_timer = variant { inactive; active : nat64 };
type low_memory_hook = variant { condition_not_satisfied; ready; executed };
type read_snapshot_metadata = record { canister_id : principal; snapshot_id : blob };
type snapshot_metadata = record {
  source : snapshot_source;
  taken_at_timestamp : nat64;
  wasm_module_size : nat64;
  globals : vec global;
  wasm_memory_size : nat64;
  stable_memory_size : nat64;
  wasm_chunk_store : vec chunk_hash;
  canister_version : nat64;
  certified_data : blob;
  global_timer : opt global_timer;
  on_low_wasm_memory_hook_status : opt low_memory_hook;
};
type slice = record { offset : nat64; size : nat64 };
type read_snapshot_data = record {
  canister_id : principal;
  snapshot_id : blob;
  kind : variant {
    wasm_module : slice;
    wasm_memory : slice;
    stable_memory : slice;
    wasm_chunk : chunk_hash;
  };
};
type read_snapshot_data_reply = record { chunk : blob };
type upload_snapshot_metadata = record {
  canister_id : principal;
  replace_snapshot : opt blob;
  wasm_module_size : nat64;
  globals : vec global;
  wasm_memory_size : nat64;
  stable_memory_size : nat64;
  certified_data : blob;
  global_timer : opt global_timer;
  on_low_wasm_memory_hook_status : opt low_memory_hook;
};
type upload_snapshot_metadata_reply = record { snapshot_id : blob };
type upload_snapshot_data = record {
  canister_id : principal;
  snapshot_id : blob;
  kind : variant {
    wasm_module : record { offset : nat64 };
    wasm_memory : record { offset : nat64 };
    stable_memory : record { offset : nat64 };
    wasm_chunk;
  };
  chunk : blob;
};

type logs_reply = record {
  canister_log_records : vec record { idx : nat64; timestamp_nanos : nat64; content : blob };
};

type http_header = record { name : text; value : text };
type http_result = record { status : nat; headers : vec http_header; body : blob };
type transform_args = record { response : http_result; context : blob };
type http_request = record {
  url : text;
  max_response_bytes : opt nat64;
  method : variant { get; head; post; put; delete; patch };
  headers : vec http_header;
  body : opt blob;
  transform : opt record {
    function : func (transform_args) -> (http_result) query;
    context : blob;
  };
  is_replicated : opt bool;
};

type subnet_info = record { subnet_id : principal };
type subnet_info_reply = record { replica_version : text; registry_version : nat64 };

type random_bytes = blob;
"""
)

_TYPES = parse_types(INTERFACE_TEXT)


def _codec(name: str) -> Codec:
    return Codec([_TYPES[name]], principals_as_bytes=True)


CANISTER_ID = _codec("canister")
CREATE_CANISTER = _codec("create_canister")
PROVISIONAL_CREATE = _codec("provisional_create")
PROVISIONAL_TOP_UP = _codec("provisional_top_up")
UPDATE_SETTINGS = _codec("update_settings")
CANISTER_AND_VERSION = _codec("canister_and_version")
INSTALL_CODE = _codec("install_code")
INSTALL_CHUNKED = _codec("install_chunked")
UPLOAD_CHUNK = _codec("upload_chunk")
CHUNK_HASH = _codec("chunk_hash")
CHUNK_HASHES = _codec("chunk_hashes")
CANISTER_STATUS = _codec("canister_status")
CANISTER_INFO = _codec("canister_info")
CANISTER_INFO_REPLY = _codec("canister_info_reply")
METADATA = _codec("metadata")
METADATA_REPLY = _codec("metadata_reply")
TAKE_SNAPSHOT = _codec("take_snapshot")
LOAD_SNAPSHOT = _codec("load_snapshot")
DELETE_SNAPSHOT = _codec("delete_snapshot")
SNAPSHOT = _codec("snapshot")
SNAPSHOTS = _codec("snapshots")
READ_SNAPSHOT_METADATA = _codec("read_snapshot_metadata")
SNAPSHOT_METADATA = _codec("snapshot_metadata")
READ_SNAPSHOT_DATA = _codec("read_snapshot_data")
READ_SNAPSHOT_DATA_REPLY = _codec("read_snapshot_data_reply")
UPLOAD_SNAPSHOT_METADATA = _codec("upload_snapshot_metadata")
UPLOAD_SNAPSHOT_METADATA_REPLY = _codec("upload_snapshot_metadata_reply")
UPLOAD_SNAPSHOT_DATA = _codec("upload_snapshot_data")
LOGS_REPLY = _codec("logs_reply")
HTTP_REQUEST = _codec("http_request")
HTTP_RESULT = _codec("http_result")
TRANSFORM_ARGS = _codec("transform_args")
SUBNET_INFO = _codec("subnet_info")
SUBNET_INFO_REPLY = _codec("subnet_info_reply")
RANDOM_BYTES = _codec("random_bytes")
