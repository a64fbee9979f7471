"""Words of the repository family: repositories, deliveries, manual triggers."""

from kybra import Opt, Principal, Record, Variant, Vec, blob, nat16, nat32, nat64, null, text

from shared.types.errors import Error
from shared.types.pipeline import Provider, Schedule, Trigger
from shared.types.run import PullRequest


class RepositoryInput(Record):
    """`repository` is the name in `/webhook/<provider>/<repository>`: a-z, 0-9, `.`, `_`, `-`.

    `secret` is the shared secret of the forge's webhook; it never leaves the canister.
    """

    repository: text
    provider: Provider
    clone_url: text
    secret: blob


class Repository(Record):
    """What may be read of a repository: everything but its secrets."""

    repository: text
    provider: Provider
    clone_url: text
    live_secrets: nat16
    triggers: Vec[Trigger]
    registered_ns: nat64
    registered_by: Principal
    deliveries: nat64
    rejected: nat64


class RepositoryResult(Variant, total=False):
    Ok: Repository
    Err: Error


class RepositoryPage(Record):
    items: Vec[Repository]
    next: Opt[text]


class RepositoryPageResult(Variant, total=False):
    Ok: RepositoryPage
    Err: Error


class DeliveryState(Variant, total=False):
    """`Ignored` says why. `Dispatching` is sent again until the run is acknowledged.

    `Held` says what the delivery waits for before it may start a run.
    """

    Ignored: text
    Dispatching: null
    Dispatched: null
    Refused: text
    Held: text


class Delivery(Record):
    """One accepted webhook request, or one change of it. `run` is set unless ignored or held.

    `started_by` is who started the run by hand; absent when a forge did. `note` is what people
    should know of the decision, such as a filter that could not be asked. `allowed_by` is who
    let a held delivery start its run.
    """

    delivery: text
    repository: text
    event: text
    ref: text
    sha: text
    run: Opt[text]
    state: DeliveryState
    received_ns: nat64
    attempts: nat32
    started_by: Opt[Principal]
    note: Opt[text]
    pull_request: Opt[PullRequest]
    allowed_by: Opt[Principal]


class DeliveryResult(Variant, total=False):
    Ok: Delivery
    Err: Error


class DeliveryPage(Record):
    items: Vec[Delivery]
    next: Opt[text]


class DeliveryPageResult(Variant, total=False):
    Ok: DeliveryPage
    Err: Error


class ScheduleStatus(Record):
    """A schedule of a pipeline. `next_ns` is absent where it is never due again.

    `problem` says why the run that was due could not be started yet: it is tried again.
    """

    schedule: Schedule
    next_ns: Opt[nat64]
    last_ns: Opt[nat64]
    last_run: Opt[text]
    problem: Opt[text]


class ScheduleListResult(Variant, total=False):
    Ok: Vec[ScheduleStatus]
    Err: Error


class ManualTrigger(Record):
    """Start a run by hand. `sha` is a full commit id, or empty: operators read which commit `ref`
    names, and build it when enough of them have read the same."""

    repository: text
    ref: text
    sha: text
    message: text
