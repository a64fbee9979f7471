"""The stored types of `deployment`. A field that version 0.1.0 did not store is `Opt`."""

from kybra import Opt, Principal, Record, Vec, blob, nat, nat8, nat16, nat32, nat64, text

from shared.base.migration import Versions
from shared.types.approval import Asset, AssetProperties, Order
from shared.types.release import ReleaseOrder, ReleaseState, RollbackOrder
from shared.types.target import TopUp


class SnapshotRecord(Record):
    """A snapshot of a target's canister that deployment took, oldest first in its list."""

    release: text
    id: blob


class TargetRecord(Record):
    """What is known of a target.

    `created`: deployment made the canister. `busy_until_ns` is 0 for a lock held by a release,
    which is given back when that ends; a lock of an administrator's call passes by itself.
    `last_release` made what the canister runs now, `last_change` was the last to change it (they
    differ after a rollback). `module_hash` and `controllers` (besides deployment) are what the
    canister had when deployment last looked; `left_hash` and `changes` (its `total_num_changes`)
    are as deployment left them: what differs is of others. `serves`: a release has said how files
    are served, so that files may have properties that an order without any must take away.
    """

    version: nat16
    target: text
    repository: text
    network: text
    canister: Opt[Principal]
    created: bool
    controllers: Vec[Principal]
    cycles: nat
    module_hash: Opt[blob]
    last_release: Opt[text]
    busy: Opt[text]
    busy_until_ns: nat64
    number: nat64
    releases: nat64
    snapshots: Vec[SnapshotRecord]
    last_change: Opt[text]
    changes: Opt[nat64]
    left_hash: Opt[blob]
    topped_up: Opt[TopUp]
    serves: Opt[bool]


class OrderRecord(Record):
    """`order` without the whole order that was approved, which is kept as a `DetailRecord`."""

    version: nat16
    order: ReleaseOrder


class DetailRecord(Record):
    """What is bound: the approved order of a release, or the order of a rollback."""

    version: nat16
    order: Opt[Order]
    rollback: Opt[RollbackOrder]
    digest: text


class ProgressRecord(Record):
    """How far a release is. `phase` is a name in `deployment.steps.table`.

    `chunk_hashes`: 32 bytes for each uploaded chunk, as the management canister named it.
    `sent_ns`: since when a call that must not be repeated blindly is under way; 0 when none is.
    `touched`: the target's canister has been stopped or changed. `failure` is kept while the
    canister is being started again; `concurrent` says that it is a `ConcurrentChange`.
    `previous_release` is the target's last one before this. `installed`: the canister ran what
    this release made. `rollback_of` names the release that this one takes back. `changes` is the
    canister's `total_num_changes` as read before it was touched. `created`: this release made the
    canister; absent in what versions before 0.2 stored. `before`: how a release had ended that was
    taken back since.
    """

    version: nat16
    state: ReleaseState
    phase: text
    canister: Opt[Principal]
    module_hash: Opt[blob]
    previous_hash: Opt[blob]
    previous_release: Opt[text]
    snapshot: Opt[blob]
    staged: nat32
    uploaded: nat32
    chunk_hashes: blob
    attempts: nat16
    sent_ns: nat64
    touched: bool
    unclear: bool
    failure: Opt[text]
    note: Opt[text]
    created_ns: nat64
    updated_ns: nat64
    installed: Opt[bool]
    concurrent: Opt[bool]
    rollback_of: Opt[text]
    rolled_back_by: Opt[text]
    changes: Opt[nat64]
    created: Opt[bool]
    before: Opt[ReleaseState]


class AssetsRecord(Record):
    """The files that a release is to put into its target, as approved: sorted by key."""

    version: nat16
    assets: Vec[Asset]


class AssetPropertiesRecord(Record):
    """How the files of a release are served: file `n` of its list has `properties[of[n]]`.

    Kept apart, for most files of a list have the same, and most steps do not need them.
    """

    version: nat16
    properties: Vec[AssetProperties]
    of: Vec[nat16]


class AssetWorkRecord(Record):
    """How far a release is with the files of its target. Numbers are positions in its list.

    `listed` counts the files that the target has told so far; `same` are there as approved, `other`
    with another content, `restyled` with other properties alone. Those `untold` have the approved
    content, and the target is to be asked for their properties, which it does not list; `asking`:
    the list is at its end, and it is asked for them. Of the open `batch`, file `at` is sent, and of
    that chunk `chunk`; `chunk_ids` are those of the files before and of this one, in order. `begun`
    counts batches; `committed`: the last one was.
    """

    version: nat16
    listed: nat32
    same: Vec[nat32]
    other: Vec[nat32]
    begun: nat16
    committed: bool
    batch: nat
    at: nat32
    chunk: nat32
    chunk_ids: Vec[nat]
    restyled: Opt[Vec[nat32]]
    untold: Opt[Vec[nat32]]
    asking: Opt[bool]


class AssetGoneRecord(Record):
    """The keys that a target has and its release has not."""

    version: nat16
    keys: Vec[text]


class SettingsRecord(Record):
    """Settings of this installation, under key 0."""

    version: nat16
    network: text


SETTINGS_KEY: nat8 = 0

TARGET: "Versions[TargetRecord]" = Versions("TargetRecord", current=3)
ORDER: "Versions[OrderRecord]" = Versions("OrderRecord", current=1)
DETAIL: "Versions[DetailRecord]" = Versions("DetailRecord", current=1)
PROGRESS: "Versions[ProgressRecord]" = Versions("ProgressRecord", current=2)
SETTINGS: "Versions[SettingsRecord]" = Versions("SettingsRecord", current=1)
ASSETS: "Versions[AssetsRecord]" = Versions("AssetsRecord", current=1)
ASSET_PROPERTIES: "Versions[AssetPropertiesRecord]" = Versions("AssetPropertiesRecord", current=1)
ASSET_WORK: "Versions[AssetWorkRecord]" = Versions("AssetWorkRecord", current=1)
ASSET_GONE: "Versions[AssetGoneRecord]" = Versions("AssetGoneRecord", current=1)


@TARGET.since(1)
def add_last_change(target: TargetRecord) -> TargetRecord:
    """Until now only releases changed a target; a rollback left none behind."""
    target["last_change"] = target["last_release"]
    return target


@TARGET.since(2)
def add_left_hash(target: TargetRecord) -> TargetRecord:
    """Until now what was seen passed for what was left."""
    target["left_hash"] = target["module_hash"]
    return target


@PROGRESS.since(1)
def add_installed(progress: ProgressRecord) -> ProgressRecord:
    """Until now a release counted as installed when it had succeeded."""
    progress["installed"] = "Succeeded" in progress["state"]
    progress["concurrent"] = False
    return progress
