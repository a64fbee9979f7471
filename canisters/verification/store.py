"""The stable maps of `verification`.

| memory | map | key |
|---|---|---|
| 0 | grants | principal text |
| 1 | wiring | 0 |
| 2 | totals | method |
| 3 | rounds | `<run>/<stage>` |
| 4 | open_rounds (at most MAX_OPEN_ROUNDS): deadline in ns | `<run>/<stage>` |
| 5 | manifests: the files behind a manifest digest | digest |
| 6 | outgoing (open messages) | `verdict:<run>/<stage>`, else `<kind>:<n>` |
| 7 | approvals | sequence number, from 0 |
| 8 | approval_index | `<run>|<target>` -> sequence number of the newest |
| 9 | approval_orders: what an approval request is about | sequence number |
| 10 | policies: in force now | repository |
| 11 | latest: the newest run that was approved | target |
| 12 | open_approvals (at most MAX_OPEN_APPROVALS): undecided ones | sequence number |
| 13 | descriptions: of commits, as attested | digest |
| 14 | test_reports: what tests said, as attested | digest |
| 15 | last_approved: number of the request that was approved last, however it ended | target |
| 16 | asset_lists: the files of orders whose folder has settings | digest |

Sizes are those of Candid bytes. Keys are bounded by MAX_NAME_CHARS per name, votes by MAX_REPLICAS,
files by MAX_MANIFEST_FILES and MAX_PATH_CHARS, arguments by MAX_PIPELINE_BYTES.
"""

from kybra import StableBTreeMap, nat8, nat64, text

from canisters.verification.records import (
    APPROVAL,
    APPROVAL_ORDER,
    ASSET_LIST,
    DESCRIPTION,
    LATEST,
    MANIFEST,
    OPEN_APPROVAL,
    POLICY,
    ROUND,
    TEST_REPORT,
    ApprovalOrderRecord,
    ApprovalRecord,
    AssetListRecord,
    DescriptionRecord,
    LatestRecord,
    ManifestRecord,
    OpenApprovalRecord,
    PolicyRecord,
    RoundRecord,
    TestReportRecord,
)
from shared.base.migration import Versioned
from shared.base.records import Outgoing, Wiring

grants = StableBTreeMap[text, text](memory_id=0, max_key_size=100, max_value_size=200)
wiring = StableBTreeMap[nat8, Wiring](memory_id=1, max_key_size=16, max_value_size=400)
totals = StableBTreeMap[text, nat64](memory_id=2, max_key_size=100, max_value_size=16)
round_map = StableBTreeMap[text, RoundRecord](memory_id=3, max_key_size=160, max_value_size=32_000)
open_rounds = StableBTreeMap[text, nat64](memory_id=4, max_key_size=160, max_value_size=16)
manifest_map = StableBTreeMap[text, ManifestRecord](
    memory_id=5, max_key_size=80, max_value_size=100_000
)
outgoing = StableBTreeMap[text, Outgoing](memory_id=6, max_key_size=160, max_value_size=1_200)
approval_map = StableBTreeMap[nat64, ApprovalRecord](
    memory_id=7, max_key_size=16, max_value_size=130_000
)
approval_index = StableBTreeMap[text, nat64](memory_id=8, max_key_size=160, max_value_size=16)
approval_order_map = StableBTreeMap[nat64, ApprovalOrderRecord](
    memory_id=9, max_key_size=16, max_value_size=100_000
)
policy_map = StableBTreeMap[text, PolicyRecord](memory_id=10, max_key_size=80, max_value_size=4_000)
latest_map = StableBTreeMap[text, LatestRecord](memory_id=11, max_key_size=80, max_value_size=1_000)
open_approval_map = StableBTreeMap[nat64, OpenApprovalRecord](
    memory_id=12, max_key_size=16, max_value_size=500
)
description_map = StableBTreeMap[text, DescriptionRecord](
    memory_id=13, max_key_size=80, max_value_size=9_000
)
test_report_map = StableBTreeMap[text, TestReportRecord](
    memory_id=14, max_key_size=80, max_value_size=30_000
)
last_approved = StableBTreeMap[text, nat64](memory_id=15, max_key_size=80, max_value_size=16)
asset_list_map = StableBTreeMap[text, AssetListRecord](
    memory_id=16, max_key_size=80, max_value_size=1_200_000
)

rounds = Versioned(round_map, ROUND)
manifests = Versioned(manifest_map, MANIFEST)
descriptions = Versioned(description_map, DESCRIPTION)
test_reports = Versioned(test_report_map, TEST_REPORT)
asset_lists = Versioned(asset_list_map, ASSET_LIST)
approvals = Versioned(approval_map, APPROVAL)
approval_orders = Versioned(approval_order_map, APPROVAL_ORDER)
policies = Versioned(policy_map, POLICY)
latest = Versioned(latest_map, LATEST)
open_approvals = Versioned(open_approval_map, OPEN_APPROVAL)
