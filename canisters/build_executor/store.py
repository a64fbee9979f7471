"""The canister's stable maps. Sizes are bytes of Candid; the bounds are in `shared.rules.limits`.

Keys: runs by id, stages `<run>/<stage>`, jobs `<run>/<stage>/<replica>`; log blocks
`<job>#<number>`, chunks `<place>#<index>`, a repository's runs `<repository>#<number>`; nodes of
certified files are numbered, 0 points to the root; days of usage are numbered in the lists
`repository/<name>` and `operator/<name>`, each under `<list>/<number>`.
"""

from kybra import StableBTreeMap, blob, ic, nat8, nat64, text

from canisters.build_executor.book import Book
from canisters.build_executor.records import (
    CERTIFIED,
    CONTENT,
    EXECUTOR,
    OFFER,
    RESOLUTION,
    RUN,
    SHARE,
    SPEC,
    STAGE,
    USAGE,
    CertifiedRecord,
    ContentRecord,
    ExecutorRecord,
    OfferRecord,
    ResolutionRecord,
    RunRecord,
    ShareRecord,
    SpecRecord,
    StageRecord,
    UsageRecord,
)
from shared.base.migration import Versioned
from shared.base.records import Outgoing, Wiring

grants = StableBTreeMap[text, text](memory_id=0, max_key_size=80, max_value_size=200)
wiring = StableBTreeMap[nat8, Wiring](memory_id=1, max_key_size=20, max_value_size=400)
instruction_totals = StableBTreeMap[text, nat64](memory_id=2, max_key_size=100, max_value_size=20)
outgoing = StableBTreeMap[text, Outgoing](memory_id=3, max_key_size=200, max_value_size=1_200)
run_map = StableBTreeMap[text, RunRecord](memory_id=4, max_key_size=100, max_value_size=60_000)
spec_map = StableBTreeMap[text, SpecRecord](memory_id=5, max_key_size=100, max_value_size=2_100_000)
stage_map = StableBTreeMap[text, StageRecord](memory_id=6, max_key_size=160, max_value_size=400_000)
open_runs = StableBTreeMap[text, nat64](memory_id=7, max_key_size=100, max_value_size=20)
run_index = StableBTreeMap[nat64, text](memory_id=8, max_key_size=20, max_value_size=100)
repository_index = StableBTreeMap[text, text](memory_id=9, max_key_size=120, max_value_size=100)
repository_runs = StableBTreeMap[text, nat64](memory_id=10, max_key_size=100, max_value_size=20)
content_map = StableBTreeMap[text, ContentRecord](
    memory_id=11, max_key_size=100, max_value_size=200
)
chunks = StableBTreeMap[text, blob](memory_id=12, max_key_size=80, max_value_size=1_000_100)
log_blocks = StableBTreeMap[text, blob](memory_id=13, max_key_size=200, max_value_size=16_500)
executor_map = StableBTreeMap[text, ExecutorRecord](
    memory_id=14, max_key_size=80, max_value_size=1_000
)
executor_index = StableBTreeMap[nat64, text](memory_id=15, max_key_size=20, max_value_size=100)
offer_map = StableBTreeMap[text, OfferRecord](memory_id=16, max_key_size=80, max_value_size=20_000)
share_map = StableBTreeMap[text, ShareRecord](memory_id=17, max_key_size=100, max_value_size=100)
certified_map = StableBTreeMap[nat64, CertifiedRecord](
    memory_id=18, max_key_size=20, max_value_size=6_000
)
usage_map = StableBTreeMap[text, UsageRecord](memory_id=19, max_key_size=120, max_value_size=300)
usage_days = StableBTreeMap[text, nat64](memory_id=20, max_key_size=100, max_value_size=20)
resolution_map = StableBTreeMap[text, ResolutionRecord](
    memory_id=21, max_key_size=100, max_value_size=700_000
)

runs = Versioned(run_map, RUN)
specs = Versioned(spec_map, SPEC)
stages = Versioned(stage_map, STAGE)
contents = Versioned(content_map, CONTENT)
executors = Versioned(executor_map, EXECUTOR)
offers = Versioned(offer_map, OFFER)
shares = Versioned(share_map, SHARE)
certified = Versioned(certified_map, CERTIFIED)
usage = Versioned(usage_map, USAGE)
resolutions = Versioned(resolution_map, RESOLUTION)


def instructions_so_far() -> int:
    """Instructions of the message that is running."""
    return ic.performance_counter(0)


def publish(root: bytes) -> None:
    """Have the network certify the files that are served, by the root of their hash tree."""
    ic.set_certified_data(root)


book = Book(
    runs=runs,
    specs=specs,
    stages=stages,
    open_runs=open_runs,
    run_index=run_index,
    repository_index=repository_index,
    repository_runs=repository_runs,
    contents=contents,
    chunks=chunks,
    log_blocks=log_blocks,
    executors=executors,
    executor_index=executor_index,
    offers=offers,
    shares=shares,
    certified=certified,
    usage=usage,
    usage_days=usage_days,
    resolutions=resolutions,
    publish=publish,
    meter=instructions_so_far,
)
