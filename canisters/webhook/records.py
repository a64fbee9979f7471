"""What `webhook` keeps: the types of its stored records."""

from kybra import Opt, Principal, Record, Vec, blob, nat16, nat64, text

from shared.base.migration import Versions
from shared.types.pipeline import Provider, Schedule, Trigger
from shared.types.report import Report
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


class ScheduleRecord(Record):
    """A schedule of a pipeline: see `ScheduleStatus`. `next_ns` is 0 where it is never due."""

    version: nat16
    repository: text
    schedule: Schedule
    next_ns: nat64
    last_ns: Opt[nat64]
    last_run: Opt[text]
    problem: Opt[text]


class DeliveryRecord(Record):
    """`source` is what the run builds; its `sha` is empty for ignored deliveries."""

    version: nat16
    delivery: Delivery
    source: Source


class ReportRecord(Record):
    version: nat16
    report: Report


class ToldState(Record):
    """The state that was reported last of a subject: `mark` is its word, and a hash of its text."""

    subject: text
    mark: text


class ToldCommit(Record):
    """A commit that shows what is reported of a run, and where it was pushed to."""

    sha: text
    ref: text


class ToldRecord(Record):
    """What was reported of a run, as of `at_ns`. `last` is the number of its last report: when that
    is forgotten, this is, too. `commits` are the run's own, then those that follow it: in them no
    file has changed that the pipeline's triggers want."""

    version: nat16
    at_ns: nat64
    last: nat64
    states: Vec[ToldState]
    commits: Opt[Vec[ToldCommit]]


class ReportLeaseRecord(Record):
    """Who posts reports until `until_ns`. `reporter` tells processes of one holder apart."""

    version: nat16
    holder: Principal
    reporter: text
    until_ns: nat64


REPOSITORY: "Versions[RepositoryRecord]" = Versions("RepositoryRecord", current=1)
SECRETS: "Versions[SecretsRecord]" = Versions("SecretsRecord", current=1)
TRIGGERS: "Versions[TriggersRecord]" = Versions("TriggersRecord", current=1)
SCHEDULE: "Versions[ScheduleRecord]" = Versions("ScheduleRecord", current=1)
DELIVERY: "Versions[DeliveryRecord]" = Versions("DeliveryRecord", current=1)
REPORT: "Versions[ReportRecord]" = Versions("ReportRecord", current=1)
TOLD: "Versions[ToldRecord]" = Versions("ToldRecord", current=1)
REPORT_LEASE: "Versions[ReportLeaseRecord]" = Versions("ReportLeaseRecord", current=1)
