"""The stable maps of `deployment`.

| memory | map | key |
|---|---|---|
| 0 | grants | principal text |
| 1 | wiring | 0 |
| 2 | totals | method |
| 3 | targets | target name |
| 4 | target_order: target name, empty when it was deleted | sequence number, from 0 |
| 5 | orders: what was approved, never changed | release number, from 0 |
| 6 | progress: how far each release is | release number |
| 7 | approval_index -> release number | `<approval>`, from the second attempt on `…#<attempt>` |
| 8 | target_releases -> release number | `<target>#<sequence number>` |
| 9 | open_releases (at most MAX_OPEN_RELEASES) -> target | release number |
| 10 | staging: module bytes of active releases | `<release number>/<chunk>` |
| 11 | outgoing: active releases | `release:<number>` |
| 12 | canister_targets -> target that had it last | canister principal text |
| 13 | details: what is bound by a digest, never changed | release number |
| 14 | settings | 0 |
| 15 | reports: what verification is still to be told | `report:<number>` |
| 16 | assets: the files that an open release is to put into its target | release number |
| 17 | asset_work: how far an open release is with its files | release number |
| 18 | asset_gone: files that an open release is to take out of its target | release number |
| 19 | asset_properties: how the files of an open release are served | release number |

Orders are kept apart from progress because they are large and a release writes its progress often.
"""

from kybra import StableBTreeMap, blob, nat8, nat64, text

from canisters.deployment.records import (
    ASSET_GONE,
    ASSET_PROPERTIES,
    ASSET_WORK,
    ASSETS,
    DETAIL,
    ORDER,
    PROGRESS,
    SETTINGS,
    TARGET,
    AssetGoneRecord,
    AssetPropertiesRecord,
    AssetsRecord,
    AssetWorkRecord,
    DetailRecord,
    OrderRecord,
    ProgressRecord,
    SettingsRecord,
    TargetRecord,
)
from shared.base.migration import Versioned
from shared.base.records import Outgoing, Wiring

grants = StableBTreeMap[text, text](memory_id=0, max_key_size=100, max_value_size=200)
wiring = StableBTreeMap[nat8, Wiring](memory_id=1, max_key_size=16, max_value_size=400)
totals = StableBTreeMap[text, nat64](memory_id=2, max_key_size=100, max_value_size=16)
target_map = StableBTreeMap[text, TargetRecord](memory_id=3, max_key_size=80, max_value_size=4_000)
target_order = StableBTreeMap[nat64, text](memory_id=4, max_key_size=16, max_value_size=80)
order_map = StableBTreeMap[nat64, OrderRecord](memory_id=5, max_key_size=16, max_value_size=64_000)
progress_map = StableBTreeMap[nat64, ProgressRecord](
    memory_id=6, max_key_size=16, max_value_size=10_000
)
approval_index = StableBTreeMap[text, nat64](memory_id=7, max_key_size=80, max_value_size=16)
target_releases = StableBTreeMap[text, nat64](memory_id=8, max_key_size=100, max_value_size=16)
open_releases = StableBTreeMap[nat64, text](memory_id=9, max_key_size=16, max_value_size=80)
staging = StableBTreeMap[text, blob](memory_id=10, max_key_size=50, max_value_size=1_000_100)
outgoing = StableBTreeMap[text, Outgoing](memory_id=11, max_key_size=50, max_value_size=1_200)
canister_targets = StableBTreeMap[text, text](memory_id=12, max_key_size=80, max_value_size=80)
detail_map = StableBTreeMap[nat64, DetailRecord](
    memory_id=13, max_key_size=16, max_value_size=100_000
)
settings_map = StableBTreeMap[nat8, SettingsRecord](
    memory_id=14, max_key_size=16, max_value_size=200
)
reports = StableBTreeMap[text, Outgoing](memory_id=15, max_key_size=50, max_value_size=1_200)
asset_map = StableBTreeMap[nat64, AssetsRecord](
    memory_id=16, max_key_size=16, max_value_size=200_000
)
asset_work_map = StableBTreeMap[nat64, AssetWorkRecord](
    memory_id=17, max_key_size=16, max_value_size=20_000
)
asset_gone_map = StableBTreeMap[nat64, AssetGoneRecord](
    memory_id=18, max_key_size=16, max_value_size=1_000_000
)
asset_properties_map = StableBTreeMap[nat64, AssetPropertiesRecord](
    memory_id=19, max_key_size=16, max_value_size=1_000_000
)

targets = Versioned(target_map, TARGET)
orders = Versioned(order_map, ORDER)
progress = Versioned(progress_map, PROGRESS)
details = Versioned(detail_map, DETAIL)
settings = Versioned(settings_map, SETTINGS)
assets = Versioned(asset_map, ASSETS)
asset_work = Versioned(asset_work_map, ASSET_WORK)
asset_gone = Versioned(asset_gone_map, ASSET_GONE)
asset_properties = Versioned(asset_properties_map, ASSET_PROPERTIES)
