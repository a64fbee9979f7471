"""Run canisters natively: their real sources, in this process, in milliseconds.

`NativeNetwork` gives each canister the guest package `kybra` and an in-process System API. Calls
between canisters are messages with commit points: a message that traps is undone (stable memory
exactly; the heap as `_heap` describes), the caller gets reject code 5. What a canister costs in
instructions, and what Wasm forbids, shows only on a replica.

    network = NativeNetwork()
    counter = network.install(Path("canisters/counter/main.py"), (0,))
    assert counter.update("increment", 2) == 2
"""

from dcanary.testing._messages import (
    CanisterReject,
    CanisterTrap,
    ManagementCall,
    NoAnswer,
    Pending,
)
from dcanary.testing._native_canister import NativeCanister
from dcanary.testing._native_network import NativeNetwork
from dcanary.testing._principals import (
    ANONYMOUS,
    Principal,
    PrincipalLike,
    as_principal,
    same_principal,
    user_principal,
)

__all__ = [
    "ANONYMOUS",
    "CanisterReject",
    "CanisterTrap",
    "ManagementCall",
    "NativeCanister",
    "NativeNetwork",
    "NoAnswer",
    "Pending",
    "Principal",
    "PrincipalLike",
    "as_principal",
    "same_principal",
    "user_principal",
]
