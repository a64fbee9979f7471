"""Executors: what they register and offer."""

from kybra import Opt, Principal, Record, Variant, Vec, blob, nat16, nat64, text

from shared.types.errors import Error
from shared.types.pipeline import Runtime


class ExecutorOffer(Record):
    """What an executor can do: `announce_offer` at its start, on change and every 10 minutes.

    `images` are digests of lock files. `slots` is how many jobs it performs at a time; memory,
    storage and CPUs are those of one slot. `network`: its stages may use the network. `region`
    may be empty. `files_in_memory`: the storage of a stage is part of its memory. `secret_key` is
    the X25519 public key to which secrets for it are sealed; absent when it takes none.
    `builds_locks`: it builds images of lock files in repositories when a stage asks for one.
    `leaving`: it was told to end, and this is its last word; at its next start it offers anew.
    """

    runtimes: Vec[Runtime]
    images: Vec[text]
    memory_bytes: nat64
    storage_bytes: nat64
    cpus: nat16
    slots: nat16
    network: bool
    region: text
    labels: Vec[text]
    files_in_memory: Opt[bool]
    secret_key: Opt[blob]
    builds_locks: Opt[bool]
    leaving: Opt[bool]


class ExecutorInput(Record):
    """`executor` is the principal of the executor's key; `operator` is who answers for it."""

    executor: Principal
    operator: text
    runtimes: Vec[Runtime]


class Executor(Record):
    """`runtimes` are those that the admin registered: they bound what the executor may offer.

    `offer` is absent until it was announced. `last_seen_ns` is the last contact: the last update
    that it sent, as queries leave no trace; `online` says that it is not long ago (PRESENT_NS), and
    was not that it leaves.
    """

    executor: Principal
    operator: text
    runtimes: Vec[Runtime]
    offer: Opt[ExecutorOffer]
    enabled: bool
    registered_ns: nat64
    last_seen_ns: nat64
    online: bool
    jobs_leased: nat64
    jobs_committed: nat64
    leases_lost: nat64


class ExecutorResult(Variant, total=False):
    Ok: Executor
    Err: Error


class ExecutorPage(Record):
    items: Vec[Executor]
    next: Opt[text]


class ExecutorPageResult(Variant, total=False):
    Ok: ExecutorPage
    Err: Error
