"""The part of ICRC-1 that both ledgers offer, over one ledger's balances."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dcanary.replica.engine.native import NativeCall

from . import duplicates
from .funds import InsufficientFunds, initial_balance, next_block
from .service import Handler

TYPES = """
type Account = record { owner : principal; subaccount : opt blob };
type TransferArg = record {
  from_subaccount : opt blob;
  to : Account;
  amount : nat;
  fee : opt nat;
  memo : opt blob;
  created_at_time : opt nat64;
};
type TransferFailure = variant {
  BadFee : record { expected_fee : nat };
  BadBurn : record { min_burn_amount : nat };
  InsufficientFunds : record { balance : nat };
  TooOld;
  CreatedInFuture : record { ledger_time : nat64 };
  Duplicate : record { duplicate_of : nat };
  TemporarilyUnavailable;
  GenericError : record { error_code : nat; message : text };
};
"""
METHODS = """
  icrc1_name : () -> (text) query;
  icrc1_symbol : () -> (text) query;
  icrc1_decimals : () -> (nat8) query;
  icrc1_fee : () -> (nat) query;
  icrc1_balance_of : (Account) -> (nat) query;
  icrc1_transfer : (TransferArg) -> (variant { Ok : nat; Err : TransferFailure });
"""
SUBACCOUNT_BYTES = 32
NO_SUBACCOUNT = bytes(SUBACCOUNT_BYTES)
MAX_MEMO = 32
"""Bytes."""


class BadAccount(ValueError):
    """A subaccount is not 32 bytes long."""


def subaccount(given: bytes | None) -> bytes:
    """The subaccount's 32 bytes; None is the default one. Raises BadAccount."""
    if given is None:
        return NO_SUBACCOUNT
    if len(given) != SUBACCOUNT_BYTES:
        raise BadAccount(f"a subaccount has {SUBACCOUNT_BYTES} bytes, not {len(given)}")
    return given


def generic_error(message: str) -> dict[str, Any]:
    """The error variant for what has no variant of its own."""
    return {"GenericError": {"error_code": 1, "message": message}}


@dataclass(frozen=True, slots=True)
class Token:
    """What distinguishes one ledger from another."""

    name: str
    symbol: str
    decimals: int
    fee: int
    grant: int
    """What every user's default account begins with."""
    account: Callable[[bytes, bytes], bytes]
    """Owner and subaccount -> the name of an account."""

    def balance(self, state: dict[Any, Any], owner: bytes, sub: bytes) -> int:
        """Balance of an account."""
        changes: dict[bytes, int] = state.get("changes", {})
        initial = initial_balance(owner, sub, self.grant)
        return initial + changes.get(self.account(owner, sub), 0)

    def credit_by_name(self, state: dict[Any, Any], account: bytes, amount: int) -> None:
        """Add to an account of which only the name is known."""
        changes: dict[bytes, int] = state.setdefault("changes", {})
        changes[account] = changes.get(account, 0) + amount

    def credit(self, state: dict[Any, Any], owner: bytes, sub: bytes, amount: int) -> int:
        """Add to an account; returns its new balance."""
        self.credit_by_name(state, self.account(owner, sub), amount)
        return self.balance(state, owner, sub)

    def debit(self, state: dict[Any, Any], owner: bytes, sub: bytes, amount: int) -> int:
        """Take from an account; returns its new balance. Raises InsufficientFunds."""
        balance = self.balance(state, owner, sub)
        if balance < amount:
            raise InsufficientFunds(balance)
        return self.credit(state, owner, sub, -amount)

    def handlers(self) -> dict[str, Handler]:
        """Handlers of METHODS."""
        return {
            "icrc1_name": lambda _call: self.name,
            "icrc1_symbol": lambda _call: self.symbol,
            "icrc1_decimals": lambda _call: self.decimals,
            "icrc1_fee": lambda _call: self.fee,
            "icrc1_balance_of": self._balance_of,
            "icrc1_transfer": self._transfer,
        }

    def _balance_of(self, call: NativeCall, account: dict[str, Any]) -> int:
        try:
            sub = subaccount(account["subaccount"])
        except BadAccount:
            return 0  # no such account can hold anything
        return self.balance(call.state, account["owner"], sub)

    def _transfer(self, call: NativeCall, arg: dict[str, Any]) -> dict[str, Any]:
        state, now, created = call.state, call.now, arg["created_at_time"]
        if arg["fee"] not in (None, self.fee):
            return {"Err": {"BadFee": {"expected_fee": self.fee}}}
        if arg["memo"] is not None and len(arg["memo"]) > MAX_MEMO:
            return {"Err": generic_error(f"a memo has at most {MAX_MEMO} bytes")}
        key = transaction_key("transfer", call.caller, arg)
        owner = arg["to"]["owner"]
        try:
            source, target = subaccount(arg["from_subaccount"]), subaccount(arg["to"]["subaccount"])
            duplicates.check(state, now, created, key)
            self.debit(state, call.caller, source, arg["amount"] + self.fee)
        except BadAccount as error:
            return {"Err": generic_error(str(error))}
        except duplicates.NotNew as error:
            return {"Err": error.variant}
        except InsufficientFunds as error:
            return {"Err": {"InsufficientFunds": {"balance": error.balance}}}
        self.credit(state, owner, target, arg["amount"])
        block = next_block(state)
        duplicates.remember(state, now, created, key, block)
        return {"Ok": block}


def transaction_key(kind: str, caller: bytes, arg: dict[str, Any]) -> bytes:
    """Digest of a transaction with all its arguments."""
    # The decoded form of an argument has one order of fields, so its text is the same each time.
    return hashlib.sha256(f"{kind} {caller.hex()} {arg!r}".encode()).digest()
