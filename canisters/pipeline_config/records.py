"""What `pipeline_config` keeps: the types of its stored records."""

from kybra import Record, nat16, nat32, nat64, text

from shared.base.migration import Versions
from shared.types.pipeline import Pipeline


class HeadRecord(Record):
    """Where a repository's pipeline stands. `number` is its place in `pipeline_order`."""

    version: nat16
    number: nat64
    current: nat32
    deleted: bool


class PipelineRecord(Record):
    """One version of a pipeline; never changed."""

    version: nat16
    pipeline: Pipeline


class StartRecord(Record):
    """The pipeline version that a run executes, fixed when it is first asked for."""

    version: nat16
    repository: text
    pipeline_version: nat32
    acknowledged: bool


HEAD: "Versions[HeadRecord]" = Versions("HeadRecord", current=1)
PIPELINE: "Versions[PipelineRecord]" = Versions("PipelineRecord", current=1)
START: "Versions[StartRecord]" = Versions("StartRecord", current=1)
