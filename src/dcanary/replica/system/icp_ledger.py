"""The ICP ledger: ICRC-1, and the older transfers to account identifiers."""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

from dcanary.replica.engine.native import NativeCall, refusal

from . import duplicates, icrc1
from .funds import InsufficientFunds, next_block
from .icrc1 import NO_SUBACCOUNT, BadAccount, Token, subaccount, transaction_key
from .ids import ICP_LEDGER
from .service import Service

FEE = 10_000
"""Hundred-millionths of an ICP, like all amounts here."""
GRANT = 1_000_000 * 10**8
NOTED = "noted"
"""Key of the state: block -> [account, amount, memo, answers] of transfers with a memo. They may be
meant for the cycles minting canister, which puts its answer into the list `answers`."""


def account_identifier(owner: bytes, sub: bytes = NO_SUBACCOUNT) -> bytes:
    """Account identifier of the ledger's older interface: CRC-32 and SHA-224 of the account."""
    digest = hashlib.sha224(b"\x0aaccount-id" + owner + sub).digest()
    return zlib.crc32(digest).to_bytes(4, "big") + digest


TOKEN = Token(
    name="Internet Computer",
    symbol="ICP",
    decimals=8,
    fee=FEE,
    grant=GRANT,
    account=account_identifier,
)

CANDID = f"""
{icrc1.TYPES}
type Tokens = record {{ e8s : nat64 }};
type TransferArgs = record {{
  memo : nat64;
  amount : Tokens;
  fee : Tokens;
  from_subaccount : opt blob;
  to : blob;
  created_at_time : opt record {{ timestamp_nanos : nat64 }};
}};
type TransferError = variant {{
  BadFee : record {{ expected_fee : Tokens }};
  InsufficientFunds : record {{ balance : Tokens }};
  TxTooOld : record {{ allowed_window_nanos : nat64 }};
  TxCreatedInFuture;
  TxDuplicate : record {{ duplicate_of : nat64 }};
}};
service : {{
{icrc1.METHODS}
  transfer : (TransferArgs) -> (variant {{ Ok : nat64; Err : TransferError }});
}}
"""


def _not_new(error: duplicates.NotNew) -> dict[str, Any]:
    """The same error in the words of the older interface."""
    if "Duplicate" in error.variant:
        return {"TxDuplicate": error.variant["Duplicate"]}
    if "TooOld" in error.variant:
        return {"TxTooOld": {"allowed_window_nanos": duplicates.WINDOW}}
    return {"TxCreatedInFuture": None}


def transfer(call: NativeCall, arg: dict[str, Any]) -> dict[str, Any]:
    """Transfer to an account identifier."""
    state, amount = call.state, arg["amount"]["e8s"]
    created = (arg["created_at_time"] or {}).get("timestamp_nanos")
    if arg["fee"]["e8s"] != FEE:
        return {"Err": {"BadFee": {"expected_fee": {"e8s": FEE}}}}
    _check_identifier(arg["to"])
    key = transaction_key("transfer", call.caller, arg)
    try:
        source = subaccount(arg["from_subaccount"])
        duplicates.check(state, call.now, created, key)
        TOKEN.debit(state, call.caller, source, amount + FEE)
    except BadAccount as error:
        raise refusal(str(error)) from None
    except duplicates.NotNew as error:
        return {"Err": _not_new(error)}
    except InsufficientFunds as error:
        return {"Err": {"InsufficientFunds": {"balance": {"e8s": error.balance}}}}
    TOKEN.credit_by_name(state, arg["to"], amount)
    block = next_block(state)
    if arg["memo"]:
        noted = [arg["to"], amount, arg["memo"], []]
        state.setdefault(NOTED, {})[block] = noted
    duplicates.remember(state, call.now, created, key, block)
    return {"Ok": block}


def _check_identifier(account: bytes) -> None:
    if len(account) != 32 or zlib.crc32(account[4:]).to_bytes(4, "big") != account[:4]:
        raise refusal(f"{account.hex()} is not an account identifier")


class IcpLedger(Service):
    """`ryjl3-tyaaa-aaaaa-aaaba-cai`."""

    def __init__(self) -> None:
        super().__init__(ICP_LEDGER, CANDID, {**TOKEN.handlers(), "transfer": transfer})
