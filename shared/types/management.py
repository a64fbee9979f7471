"""The management canister as `deployment` needs it: today's methods that Kybra's own bindings lack.

Source: the public `ic.did` of the interface specification. Records name only the fields that are
sent or read; Candid subtyping lets a reply carry more. Deployment sends no
`sender_canister_version`: the field is optional and serves only the target's history.
"""

from kybra import (
    Opt,
    Principal,
    Record,
    Service,
    Variant,
    Vec,
    blob,
    nat,
    nat64,
    null,
    service_update,
    void,
)

MANAGEMENT = "aaaaa-aa"


class CanisterIdRecord(Record):
    canister_id: Principal


class NewCanisterSettings(Record):
    controllers: Opt[Vec[Principal]]


class CreateCanisterArgs(Record):
    settings: Opt[NewCanisterSettings]


class CanisterStatusWord(Variant, total=False):
    running: null
    stopping: null
    stopped: null


class StatusSettings(Record):
    """`freezing_threshold` is in seconds, `memory_allocation` in bytes."""

    controllers: Vec[Principal]
    freezing_threshold: nat
    memory_allocation: nat


class CanisterStatusReply(Record):
    """`canister_status`: the part that deployment reads. `module_hash` is absent when empty."""

    status: CanisterStatusWord
    settings: StatusSettings
    module_hash: Opt[blob]
    memory_size: nat
    cycles: nat
    reserved_cycles: nat
    idle_cycles_burned_per_day: nat


class CanisterInfoArgs(Record):
    """`num_requested_changes`: so many of the newest changes, at most 20."""

    canister_id: Principal
    num_requested_changes: Opt[nat64]


class UserOrigin(Record):
    user_id: Principal


class CanisterOrigin(Record):
    canister_id: Principal


class ChangeOrigin(Variant, total=False):
    from_user: UserOrigin
    from_canister: CanisterOrigin


class CanisterChange(Record):
    timestamp_nanos: nat64
    origin: ChangeOrigin


class CanisterInfoReply(Record):
    """`total_num_changes` counts creation, installs, uninstalls, loads and new controllers."""

    total_num_changes: nat64
    recent_changes: Vec[CanisterChange]
    module_hash: Opt[blob]


class UpdateSettingsArgs(Record):
    canister_id: Principal
    settings: NewCanisterSettings


class UploadChunkArgs(Record):
    """`chunk` has at most 1 MiB."""

    canister_id: Principal
    chunk: blob


class ChunkHash(Record):
    hash: blob


class PersistenceWord(Variant, total=False):
    keep: null
    replace: null


class UpgradeOptions(Record):
    skip_pre_upgrade: Opt[bool]
    wasm_memory_persistence: Opt[PersistenceWord]


class InstallMode(Variant, total=False):
    install: null
    reinstall: null
    upgrade: Opt[UpgradeOptions]


class InstallChunkedCodeArgs(Record):
    mode: InstallMode
    target_canister: Principal
    store_canister: Opt[Principal]
    chunk_hashes_list: Vec[ChunkHash]
    wasm_module_hash: blob
    arg: blob


class TakeSnapshotArgs(Record):
    canister_id: Principal
    replace_snapshot: Opt[blob]


class Snapshot(Record):
    id: blob
    taken_at_timestamp: nat64
    total_size: nat64


class SnapshotArgs(Record):
    canister_id: Principal
    snapshot_id: blob


class ManagementService(Service):
    """`ManagementService(Principal.from_str(MANAGEMENT))`: callable by canisters only."""

    @service_update
    def create_canister(self, args: CreateCanisterArgs) -> CanisterIdRecord: ...

    @service_update
    def deposit_cycles(self, args: CanisterIdRecord) -> void: ...

    @service_update
    def canister_status(self, args: CanisterIdRecord) -> CanisterStatusReply: ...

    @service_update
    def canister_info(self, args: CanisterInfoArgs) -> CanisterInfoReply: ...

    @service_update
    def update_settings(self, args: UpdateSettingsArgs) -> void: ...

    @service_update
    def start_canister(self, args: CanisterIdRecord) -> void: ...

    @service_update
    def stop_canister(self, args: CanisterIdRecord) -> void: ...

    @service_update
    def uninstall_code(self, args: CanisterIdRecord) -> void: ...

    @service_update
    def delete_canister(self, args: CanisterIdRecord) -> void: ...

    @service_update
    def clear_chunk_store(self, args: CanisterIdRecord) -> void: ...

    @service_update
    def upload_chunk(self, args: UploadChunkArgs) -> ChunkHash: ...

    @service_update
    def install_chunked_code(self, args: InstallChunkedCodeArgs) -> void: ...

    @service_update
    def take_canister_snapshot(self, args: TakeSnapshotArgs) -> Snapshot: ...

    @service_update
    def load_canister_snapshot(self, args: SnapshotArgs) -> void: ...

    @service_update
    def list_canister_snapshots(self, args: CanisterIdRecord) -> Vec[Snapshot]: ...

    @service_update
    def delete_canister_snapshot(self, args: SnapshotArgs) -> void: ...
