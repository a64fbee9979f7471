"""The interface of asset canisters, as far as `deployment` calls it.

Source: the public `assetstorage.did` of the Internet Computer's SDK. Records name only the fields
that are sent or read; Candid subtyping lets a reply carry more.
"""

from kybra import (
    Opt,
    Principal,
    Record,
    Service,
    Tuple,
    Variant,
    Vec,
    blob,
    nat,
    nat64,
    null,
    service_query,
    service_update,
    text,
    void,
)


class ListArgs(Record):
    """Canisters of before 2026 know neither field and list all that they have."""

    start: Opt[nat]
    length: Opt[nat]


class ListedEncoding(Record):
    content_encoding: text
    sha256: Opt[blob]
    length: nat


class ListedAsset(Record):
    """Canisters of before 2026 tell no properties here."""

    key: text
    content_type: text
    encodings: Vec[ListedEncoding]
    max_age: Opt[nat64]
    headers: Opt[Vec[Tuple[text, text]]]
    allow_raw_access: Opt[bool]
    is_aliased: Opt[bool]


class ToldProperties(Record):
    """What a canister says of one file when it is asked."""

    max_age: Opt[nat64]
    headers: Opt[Vec[Tuple[text, text]]]
    allow_raw_access: Opt[bool]
    is_aliased: Opt[bool]


class AssetPermission(Variant, total=False):
    Commit: null


class GrantPermission(Record):
    to_principal: Principal
    permission: AssetPermission


class NoFields(Record):
    pass


class BatchId(Record):
    batch_id: nat


class ChunkInBatch(Record):
    batch_id: nat
    content: blob


class ChunkId(Record):
    chunk_id: nat


class CreateAsset(Record):
    key: text
    content_type: text
    max_age: Opt[nat64]
    headers: Opt[Vec[Tuple[text, text]]]
    enable_aliasing: Opt[bool]
    allow_raw_access: Opt[bool]


class SetAssetContent(Record):
    key: text
    content_encoding: text
    chunk_ids: Vec[nat]
    sha256: Opt[blob]


class SetAssetProperties(Record):
    """What is absent stays as it is. The canister takes each value as `opt opt`, in which an absent
    value of the inner one clears the property; Kybra cannot say that, and Candid takes one `opt`.
    """

    key: text
    max_age: Opt[nat64]
    headers: Opt[Vec[Tuple[text, text]]]
    allow_raw_access: Opt[bool]
    is_aliased: Opt[bool]


class DeleteAsset(Record):
    key: text


class BatchOperation(Variant, total=False):
    CreateAsset: CreateAsset
    SetAssetContent: SetAssetContent
    SetAssetProperties: SetAssetProperties
    DeleteAsset: DeleteAsset


class CommitBatch(Record):
    batch_id: nat
    operations: Vec[BatchOperation]


class AssetCanisterService(Service):
    """What `deployment` calls on a target that has files."""

    @service_query
    def list(self, args: ListArgs) -> Vec[ListedAsset]: ...

    @service_query
    def get_asset_properties(self, key: text) -> ToldProperties: ...

    @service_update
    def grant_permission(self, args: GrantPermission) -> void: ...

    @service_update
    def create_batch(self, args: NoFields) -> BatchId: ...

    @service_update
    def create_chunk(self, args: ChunkInBatch) -> ChunkId: ...

    @service_update
    def commit_batch(self, args: CommitBatch) -> void: ...
