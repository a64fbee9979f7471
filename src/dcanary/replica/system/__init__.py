"""Native system canisters: what clients of the Internet Computer expect a network to have.

Small stand-ins for the ICP ledger, the cycles ledger, the cycles minting canister and the registry,
at their ids on the mainnet. They keep real balances in the subnet's state and offer only the
methods that `icp` uses; every other method is answered with "not supported". They are a test
network's: every user begins with cycles and ICP (`funds.py`).
"""

from __future__ import annotations

from dcanary.replica.engine.native import NativeCanister

from .cycles_ledger import CyclesLedger
from .cycles_minting import CyclesMinting
from .icp_ledger import IcpLedger
from .registry import Registry

__all__ = ["system_canisters"]


def system_canisters() -> list[NativeCanister]:
    """The native canisters of a network."""
    return [Registry(), IcpLedger(), CyclesMinting(), CyclesLedger()]
