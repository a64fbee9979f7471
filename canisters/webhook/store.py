"""Stable maps and their records. Sizes are bytes of Candid; see `shared.rules.limits`.

Lists are dense: `repository_order` holds 0, 1, 2 … per repository, `delivery_order` holds
`<repository>/<number>`. `bodies` holds `<repository>/<sha256 of a raw body>` -> delivery id.
Delivery keys are `<repository>/<delivery id>`; neither part holds a `/`.
"""

from kybra import Principal, Record, StableBTreeMap, Vec, blob, nat8, nat16, nat64, text

from shared.base.records import Outgoing, Wiring
from shared.types.pipeline import Provider, Trigger
from shared.types.repository import Delivery
from shared.types.run import Source


class RepositoryRecord(Record):
    """`number` is the place in `repository_order`."""

    version: nat16
    number: nat64
    provider: Provider
    clone_url: text
    registered_ns: nat64
    registered_by: Principal


class SecretsRecord(Record):
    """Live secrets, newest last. Read by the signature check only."""

    version: nat16
    live: Vec[blob]


class TriggersRecord(Record):
    """The copy of a pipeline's triggers that `pipeline_config` pushed last."""

    version: nat16
    triggers: Vec[Trigger]


class DeliveryRecord(Record):
    """`source` is what the run builds; its `sha` is empty for ignored deliveries."""

    version: nat16
    delivery: Delivery
    source: Source


grants = StableBTreeMap[text, text](memory_id=0, max_key_size=80, max_value_size=200)
wiring = StableBTreeMap[nat8, Wiring](memory_id=1, max_key_size=20, max_value_size=400)
instruction_totals = StableBTreeMap[text, nat64](memory_id=2, max_key_size=100, max_value_size=20)
outgoing = StableBTreeMap[text, Outgoing](memory_id=3, max_key_size=300, max_value_size=1_200)
repositories = StableBTreeMap[text, RepositoryRecord](
    memory_id=4, max_key_size=100, max_value_size=1_400
)
repository_order = StableBTreeMap[nat64, text](memory_id=5, max_key_size=20, max_value_size=100)
secrets = StableBTreeMap[text, SecretsRecord](memory_id=6, max_key_size=100, max_value_size=700)
triggers = StableBTreeMap[text, TriggersRecord](
    memory_id=7, max_key_size=100, max_value_size=70_000
)
deliveries = StableBTreeMap[text, DeliveryRecord](
    memory_id=8, max_key_size=300, max_value_size=10_000
)
delivery_order = StableBTreeMap[text, text](memory_id=9, max_key_size=120, max_value_size=150)
counters = StableBTreeMap[text, nat64](memory_id=10, max_key_size=120, max_value_size=20)
bodies = StableBTreeMap[text, text](memory_id=11, max_key_size=150, max_value_size=150)
