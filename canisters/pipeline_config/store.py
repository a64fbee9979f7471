"""Stable maps and their records. Sizes are bytes of Candid; see `shared.rules.limits`.

`pipeline_order` is dense: 0, 1, 2 … per pipeline that exists. Versions are kept under
`<repository>/<version>` and never change; they outlive their pipeline, whose runs refer to them.
"""

from kybra import Record, StableBTreeMap, nat8, nat16, nat32, nat64, text

from shared.base.records import Outgoing, Wiring
from shared.types.pipeline import Pipeline


class HeadRecord(Record):
    """Where a repository's pipeline stands. `number` is its place in `pipeline_order`."""

    version: nat16
    number: nat64
    current: nat32
    deleted: bool


class PipelineRecord(Record):
    version: nat16
    pipeline: Pipeline


class StartRecord(Record):
    """The pipeline version that a run executes, fixed when it is first asked for."""

    version: nat16
    repository: text
    pipeline_version: nat32
    acknowledged: bool


grants = StableBTreeMap[text, text](memory_id=0, max_key_size=80, max_value_size=200)
wiring = StableBTreeMap[nat8, Wiring](memory_id=1, max_key_size=20, max_value_size=400)
instruction_totals = StableBTreeMap[text, nat64](memory_id=2, max_key_size=100, max_value_size=20)
outgoing = StableBTreeMap[text, Outgoing](memory_id=3, max_key_size=120, max_value_size=1_200)
heads = StableBTreeMap[text, HeadRecord](memory_id=4, max_key_size=100, max_value_size=150)
pipeline_order = StableBTreeMap[nat64, text](memory_id=5, max_key_size=20, max_value_size=100)
versions = StableBTreeMap[text, PipelineRecord](
    memory_id=6, max_key_size=120, max_value_size=70_000
)
starts = StableBTreeMap[text, StartRecord](memory_id=7, max_key_size=50, max_value_size=250)
counters = StableBTreeMap[text, nat64](memory_id=8, max_key_size=120, max_value_size=20)
