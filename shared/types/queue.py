"""Words of the queue: what waits for executors or is at work at them."""

from kybra import Opt, Record, Variant, Vec, nat16, nat32, nat64, text

from shared.types.errors import Error
from shared.types.executor import Executor
from shared.types.run import StageState
from shared.types.usage import UsageDay


class QueuedStage(Record):
    """A stage that is Building or Storing. Jobs are `waiting`, `at_work`, or `done` (committed)."""

    run: text
    stage: text
    repository: text
    state: StageState
    waiting: nat16
    at_work: nat16
    done: nat16
    opened_ns: Opt[nat64]


class QueueStatus(Record):
    """`runs` are open, of at most `most_runs`; `stages` is a page of the `open_stages`, those of
    older runs first. `executors` are registered."""

    runs: nat64
    most_runs: nat64
    open_stages: nat64
    executors: nat32
    stages: Vec[QueuedStage]
    next: Opt[text]


class QueueStatusResult(Variant, total=False):
    Ok: QueueStatus
    Err: Error


class ExecutorHealth(Record):
    """An executor, how many jobs it performs at a time (0 without an offer) and performs now."""

    executor: Executor
    slots: nat16
    at_work: nat16


class ExecutorHealthResult(Variant, total=False):
    Ok: ExecutorHealth
    Err: Error


class ExecutorPerformance(Record):
    """The jobs of one executor, and what those of all executors of its operator used: `days`, the
    last first."""

    executor: Executor
    days: Vec[UsageDay]
    next: Opt[text]


class ExecutorPerformanceResult(Variant, total=False):
    Ok: ExecutorPerformance
    Err: Error
