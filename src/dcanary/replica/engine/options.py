"""How an engine is opened."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dcanary.replica.engine.native import NativeCanister
from dcanary.replica.state import limits
from dcanary.replica.state.costs import APPLICATION, CostTable

DEFAULT_START = 1_620_328_630_000_000_000
"""2021-05-06T19:17:10Z, where PocketIC instances begin."""
DEFAULT_SEED = hashlib.sha256(b"dcanary replica").digest()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long others wait. None: until all is done, as when a test tells the time."""

    run_seconds: float
    """A run that takes longer is put beside."""
    round_seconds: float
    """No message is begun later in the round."""


@dataclass(frozen=True, slots=True)
class Options:
    """Choices that do not belong to the state."""

    subnet_id: bytes = b""
    """What ic0.subnet_self tells."""
    root_key: bytes = b""
    """What ic0.root_key tells (DER)."""
    costs: CostTable = APPLICATION
    fsync: bool = False
    """Flush each input to the disk, not only to the operating system."""
    accept_loss: bool = False
    """Open a damaged state folder without what is damaged, which is kept aside."""
    max_ingress_payload: int = limits.MAX_INGRESS_PAYLOAD
    """Bytes; the PocketIC interface, which is not bound to messages of the network, may allow
    more."""
    patience: Patience = Patience(run_seconds=0.01, round_seconds=0.03)
    """Of rounds that do not wait."""
    portable_memory: bool = False
    """Use the portable memory implementation also where a faster one works."""
    replay_seconds: float = 1.5
    """Checkpoint after inputs whose execution took this long, runs beside the rounds included."""
    recovery_seconds: float = 10.0
    """Checkpoint after this much of a replay, so that a second kill does not begin from zero."""
    closing_seconds: float = 3.0
    """So long runs beside are waited for when the engine is closed, before they are given up."""
    progress: Callable[[int, int], None] | None = None
    """Called in a replay with the inputs executed again so far, and all of them."""
    log_bytes: int = 32 << 20
    """Checkpoint after this much log."""
    natives: Sequence[NativeCanister] = ()
    """Canisters implemented by the host, such as the cycles ledger. Their state is the subnet's."""
