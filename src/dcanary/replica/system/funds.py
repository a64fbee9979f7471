"""Balances of a ledger, and what every account of a test network begins with.

`icp network start` gives every identity 1,000 T cycles and 1,000,000 ICP when it starts its own
network. A network of ours does not know the identities of its users, so each self-authenticating
principal has these amounts in its default account from the beginning. The state of a ledger keeps
what was added to and taken from that: an account need not be known before it is first used.
"""

from __future__ import annotations

from typing import Any

from dcanary.candid import principal

_SELF_AUTHENTICATING = 0x02
"""Last byte of the principal of a key (interface specification, "Special forms of principals")."""


class InsufficientFunds(Exception):
    """An account holds less than it shall pay."""

    def __init__(self, balance: int) -> None:
        super().__init__(f"the balance is {balance}")
        self.balance = balance


def initial_balance(owner: bytes, subaccount: bytes, grant: int) -> int:
    """What an account holds before its first transaction."""
    is_key = len(owner) == principal.MAX_LENGTH and owner[-1] == _SELF_AUTHENTICATING
    is_user = is_key or owner == principal.ANONYMOUS
    return grant if is_user and not any(subaccount) else 0


def next_block(state: dict[Any, Any]) -> int:
    """Index of the next transaction of a ledger."""
    index: int = state.get("blocks", 0)
    state["blocks"] = index + 1
    return index
