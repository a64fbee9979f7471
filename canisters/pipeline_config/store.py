"""The stable maps of `pipeline_config`. Sizes are bytes of Candid; see `shared.rules.limits`.

| map | key |
|---|---|
| grants | principal text |
| wiring | 0 |
| instruction_totals | method |
| outgoing: open messages | `<kind>:<repository>` |
| heads | repository |
| pipeline_order: repositories that have a pipeline, dense | 0, 1, 2 … |
| versions: outlive their pipeline, whose runs refer to them | `<repository>/<version>` |
| starts | run |
| counters: length of `pipeline_order`, number of versions | name of the list |
"""

from kybra import StableBTreeMap, nat8, nat64, text

from canisters.pipeline_config.records import (
    HEAD,
    PIPELINE,
    START,
    HeadRecord,
    PipelineRecord,
    StartRecord,
)
from shared.base.migration import Versioned
from shared.base.records import Outgoing, Wiring

grants = StableBTreeMap[text, text](memory_id=0, max_key_size=80, max_value_size=200)
wiring = StableBTreeMap[nat8, Wiring](memory_id=1, max_key_size=20, max_value_size=400)
instruction_totals = StableBTreeMap[text, nat64](memory_id=2, max_key_size=100, max_value_size=20)
outgoing = StableBTreeMap[text, Outgoing](memory_id=3, max_key_size=120, max_value_size=1_200)
head_map = StableBTreeMap[text, HeadRecord](memory_id=4, max_key_size=100, max_value_size=150)
pipeline_order = StableBTreeMap[nat64, text](memory_id=5, max_key_size=20, max_value_size=100)
version_map = StableBTreeMap[text, PipelineRecord](
    memory_id=6, max_key_size=120, max_value_size=70_000
)
start_map = StableBTreeMap[text, StartRecord](memory_id=7, max_key_size=50, max_value_size=250)
counters = StableBTreeMap[text, nat64](memory_id=8, max_key_size=120, max_value_size=20)

heads = Versioned(head_map, HEAD)
versions = Versioned(version_map, PIPELINE)
starts = Versioned(start_map, START)
