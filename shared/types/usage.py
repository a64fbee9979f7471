"""Words of the usage family: what jobs used, as their executors measured it.

Claims, and no part of what is agreed on: honest operators measure different numbers.
"""

from kybra import Opt, Record, Variant, Vec, nat32, nat64, text

from shared.types.errors import Error


class JobUsage(Record):
    """What a job used, over all tries of its commands; absent: not measured.

    `storage_bytes` is the most at once. `fetched_bytes` came over the network for the job: its
    checkout, packages and files of earlier stages, and nothing that was at the executor already.
    """

    wall_ns: nat64
    cpu_ns: Opt[nat64]
    peak_memory_bytes: nat64
    storage_bytes: Opt[nat64]
    fetched_bytes: Opt[nat64]


class UsageOf(Variant, total=False):
    """Whose usage: of the jobs for a repository, or of the jobs by an operator's executors."""

    Repository: text
    Operator: text


class UsageDay(Record):
    """What the jobs used that were committed on one day: `day` counts UTC days since 1970.

    Memory and storage are the most of one job; the rest are sums over those that were measured.
    """

    day: nat32
    jobs: nat64
    wall_ns: nat64
    cpu_ns: nat64
    peak_memory_bytes: nat64
    storage_bytes: nat64
    fetched_bytes: nat64


class UsagePage(Record):
    items: Vec[UsageDay]
    next: Opt[text]


class UsagePageResult(Variant, total=False):
    Ok: UsagePage
    Err: Error
