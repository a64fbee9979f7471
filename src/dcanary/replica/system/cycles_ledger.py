"""The cycles ledger: accounts of cycles, and canisters created and topped up from them."""

from __future__ import annotations

from typing import Any

from dcanary.candid.principal import to_text
from dcanary.replica.engine.native import SETTINGS_TEXT, CallError, NativeCall, refusal

from . import duplicates, icrc1
from .funds import InsufficientFunds, next_block
from .icrc1 import BadAccount, Token, generic_error, subaccount, transaction_key
from .ids import CYCLES_LEDGER
from .service import Service

FEE = 100_000_000
GRANT = 1_000 * 10**12

TOKEN = Token(
    name="Trillion Cycles",
    symbol="TCYCLES",
    decimals=12,
    fee=FEE,
    grant=GRANT,
    account=lambda owner, sub: sub + owner,
)

CANDID = f"""
{icrc1.TYPES}
{SETTINGS_TEXT}
type CreateCanisterArgs = record {{
  from_subaccount : opt blob;
  created_at_time : opt nat64;
  amount : nat;
  creation_args : opt record {{
    settings : opt settings;
    subnet_selection : opt variant {{
      Subnet : record {{ subnet : principal }};
      Filter : record {{ subnet_type : opt text }};
    }};
  }};
}};
type CreateCanisterFailure = variant {{
  InsufficientFunds : record {{ balance : nat }};
  TooOld;
  CreatedInFuture : record {{ ledger_time : nat64 }};
  Duplicate : record {{ duplicate_of : nat; canister_id : opt principal }};
  TemporarilyUnavailable;
  FailedToCreate : record {{ fee_block : opt nat; refund_block : opt nat; error : text }};
  GenericError : record {{ error_code : nat; message : text }};
}};
type WithdrawArgs = record {{
  amount : nat;
  from_subaccount : opt blob;
  to : principal;
  created_at_time : opt nat64;
}};
type RejectionCode = variant {{
  NoError; CanisterError; SysTransient; DestinationInvalid; Unknown; SysFatal; CanisterReject;
}};
type WithdrawFailure = variant {{
  BadFee : record {{ expected_fee : nat }};
  InsufficientFunds : record {{ balance : nat }};
  InvalidReceiver : record {{ receiver : principal }};
  TooOld;
  CreatedInFuture : record {{ ledger_time : nat64 }};
  Duplicate : record {{ duplicate_of : nat }};
  TemporarilyUnavailable;
  FailedToWithdraw : record {{
    fee_block : opt nat;
    rejection_code : RejectionCode;
    rejection_reason : text;
  }};
  GenericError : record {{ error_code : nat; message : text }};
}};
service : {{
{icrc1.METHODS}
  deposit : (record {{ to : Account; memo : opt blob }}) -> (
    record {{ balance : nat; block_index : nat }}
  );
  withdraw : (WithdrawArgs) -> (variant {{ Ok : nat; Err : WithdrawFailure }});
  create_canister : (CreateCanisterArgs) -> (
    variant {{
      Ok : record {{ block_id : nat; canister_id : principal }};
      Err : CreateCanisterFailure;
    }}
  );
}}
"""


def credit_minted(call: NativeCall, owner: bytes, sub: bytes, cycles: int) -> tuple[int, int]:
    """Enter new cycles into an account, less the fee; returns balance and block index."""
    state = call.state_of(CYCLES_LEDGER)
    balance = TOKEN.credit(state, owner, sub, cycles - FEE)
    return balance, next_block(state)


def deposit(call: NativeCall, arg: dict[str, Any]) -> dict[str, int]:
    """Enter the cycles that came with the call into an account, less the fee."""
    if call.available <= FEE:
        raise refusal(f"deposit needs more cycles than the fee of {FEE}")
    try:
        sub = subaccount(arg["to"]["subaccount"])
    except BadAccount as error:
        raise refusal(str(error)) from None
    owner = arg["to"]["owner"]
    balance, block = credit_minted(call, owner, sub, call.accept_all())
    return {"balance": balance, "block_index": block}


def withdraw(call: NativeCall, arg: dict[str, Any]) -> dict[str, Any]:
    """Send cycles of the caller's account to a canister."""
    state, created, amount = call.state, arg["created_at_time"], arg["amount"]
    key = transaction_key("withdraw", call.caller, arg)
    receiver = arg["to"]
    try:
        source = subaccount(arg["from_subaccount"])
        duplicates.check(state, call.now, created, key)
        if not call.has_canister(receiver):
            return {"Err": {"InvalidReceiver": {"receiver": receiver}}}
        TOKEN.debit(state, call.caller, source, amount + FEE)
    except BadAccount as error:
        return {"Err": generic_error(str(error))}
    except duplicates.NotNew as error:
        return {"Err": error.variant}
    except InsufficientFunds as error:
        return {"Err": {"InsufficientFunds": {"balance": error.balance}}}
    call.deposit(receiver, amount)
    block = next_block(state)
    duplicates.remember(state, call.now, created, key, block)
    return {"Ok": block}


def create_canister(call: NativeCall, arg: dict[str, Any]) -> dict[str, Any]:
    """Create a canister with cycles of the caller's account."""
    state, created, amount = call.state, arg["created_at_time"], arg["amount"]
    given = arg["creation_args"] or {"settings": None, "subnet_selection": None}
    if wrong := wrong_subnet(call, given["subnet_selection"]):
        return {"Err": generic_error(wrong)}
    key = transaction_key("create_canister", call.caller, arg)
    try:
        source = subaccount(arg["from_subaccount"])
        duplicates.check(state, call.now, created, key)
        balance = TOKEN.balance(state, call.caller, source)
        if balance < amount + FEE:
            raise InsufficientFunds(balance)
        canister_id = call.create_canister(given["settings"], amount, call.caller)
    except BadAccount as error:
        return {"Err": generic_error(str(error))}
    except duplicates.NotNew as error:
        variant = error.variant
        if "Duplicate" in variant:
            variant["Duplicate"]["canister_id"] = duplicates.made_by(state, key)
        return {"Err": variant}
    except InsufficientFunds as error:
        return {"Err": {"InsufficientFunds": {"balance": error.balance}}}
    except CallError as error:
        failed = {"fee_block": None, "refund_block": None, "error": error.message}
        return {"Err": {"FailedToCreate": failed}}
    TOKEN.debit(state, call.caller, source, amount + FEE)
    block = next_block(state)
    duplicates.remember(state, call.now, created, key, block, canister_id)
    return {"Ok": {"block_id": block, "canister_id": canister_id}}


def wrong_subnet(call: NativeCall, selection: dict[str, Any] | None) -> str | None:
    """Why a canister cannot be created on the subnet asked for, or None."""
    asked = (selection or {}).get("Subnet")
    if asked is not None and asked["subnet"] != call.subnet_id:
        return f"there is no subnet {to_text(asked['subnet'])} on this network"
    kind = ((selection or {}).get("Filter") or {}).get("subnet_type")
    if kind not in (None, "application"):
        return f"there is no subnet of type {kind!r} on this network"
    return None


class CyclesLedger(Service):
    """`um5iw-rqaaa-aaaaq-qaaba-cai`."""

    def __init__(self) -> None:
        handlers = {
            **TOKEN.handlers(),
            "deposit": deposit,
            "withdraw": withdraw,
            "create_canister": create_canister,
        }
        super().__init__(CYCLES_LEDGER, CANDID, handlers)
