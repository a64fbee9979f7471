"""The stable maps of `deployment` and the versioned records in them.

| memory | map | key |
|---|---|---|
| 0 | grants | principal text |
| 1 | wiring | 0 |
| 2 | totals | method |
| 3 | targets | target name |
| 4 | target_order: target name, empty when it was deleted | sequence number, from 0 |
| 5 | orders: what was approved, never changed | release number, from 0 |
| 6 | progress: how far each release is | release number |
| 7 | approval_index -> release number | approval name |
| 8 | target_releases -> release number | `<target>#<sequence number>` |
| 9 | open_releases (at most MAX_OPEN_RELEASES) -> target | release number |
| 10 | staging: module bytes of active releases | `<release number>/<chunk>` |
| 11 | outgoing: active releases | `release:<number>` |
| 12 | canister_targets -> target that had it last | canister principal text |

Orders are kept apart from progress because they are large and a release writes its progress often.
"""

from kybra import (
    Opt,
    Principal,
    Record,
    StableBTreeMap,
    Vec,
    blob,
    nat,
    nat8,
    nat16,
    nat32,
    nat64,
    text,
)

from shared.base.records import Outgoing, Wiring
from shared.types.release import ReleaseOrder, ReleaseState


class SnapshotRecord(Record):
    """A snapshot of a target's canister that deployment took, oldest first in its list."""

    release: text
    id: blob


class TargetRecord(Record):
    """`created`: deployment made the canister. `busy_until_ns` is 0 for a lock held by a release,
    which is given back when that ends; a lock of an administrator's call passes by itself."""

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


class OrderRecord(Record):
    version: nat16
    order: ReleaseOrder


class ProgressRecord(Record):
    """How far a release is. `phase` is a name of `deployment.steps`.

    `chunk_hashes`: 32 bytes for each uploaded chunk, as the management canister named it.
    `sent_ns`: since when a call that must not be repeated blindly is under way; 0 when none is.
    `touched`: the target's canister has been stopped or changed. `failure` is kept while the
    canister is being started again. `previous_release` is the target's last one before this.
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


grants = StableBTreeMap[text, text](memory_id=0, max_key_size=100, max_value_size=200)
wiring = StableBTreeMap[nat8, Wiring](memory_id=1, max_key_size=16, max_value_size=400)
totals = StableBTreeMap[text, nat64](memory_id=2, max_key_size=100, max_value_size=16)
targets = StableBTreeMap[text, TargetRecord](memory_id=3, max_key_size=80, max_value_size=4_000)
target_order = StableBTreeMap[nat64, text](memory_id=4, max_key_size=16, max_value_size=80)
orders = StableBTreeMap[nat64, OrderRecord](memory_id=5, max_key_size=16, max_value_size=64_000)
progress = StableBTreeMap[nat64, ProgressRecord](
    memory_id=6, max_key_size=16, max_value_size=10_000
)
approval_index = StableBTreeMap[text, nat64](memory_id=7, max_key_size=80, max_value_size=16)
target_releases = StableBTreeMap[text, nat64](memory_id=8, max_key_size=100, max_value_size=16)
open_releases = StableBTreeMap[nat64, text](memory_id=9, max_key_size=16, max_value_size=80)
staging = StableBTreeMap[text, blob](memory_id=10, max_key_size=50, max_value_size=1_000_100)
outgoing = StableBTreeMap[text, Outgoing](memory_id=11, max_key_size=50, max_value_size=1_200)
canister_targets = StableBTreeMap[text, text](memory_id=12, max_key_size=80, max_value_size=80)
