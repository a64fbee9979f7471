"""What `webhook` keeps: the types of its stored records."""

from kybra import Principal, Record, Vec, blob, nat16, nat64, text

from shared.base.migration import Versions
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


REPOSITORY: "Versions[RepositoryRecord]" = Versions("RepositoryRecord", current=1)
SECRETS: "Versions[SecretsRecord]" = Versions("SecretsRecord", current=1)
TRIGGERS: "Versions[TriggersRecord]" = Versions("TriggersRecord", current=1)
DELIVERY: "Versions[DeliveryRecord]" = Versions("DeliveryRecord", current=1)
