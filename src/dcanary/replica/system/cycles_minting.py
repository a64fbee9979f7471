"""The cycles minting canister: cycles for ICP at a fixed rate, and the subnets for new canisters.

Whoever wants cycles transfers ICP to an account of this canister, with a memo that says what for,
and then tells it the block. Nothing changes when a notification is refused, so there are no
refunds here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dcanary.candid import principal
from dcanary.replica.engine.native import SETTINGS_TEXT, CallError, NativeCall, refusal

from .cycles_ledger import FEE, credit_minted, wrong_subnet
from .icp_ledger import NOTED, account_identifier
from .icrc1 import BadAccount, subaccount
from .ids import CYCLES_MINTING, ICP_LEDGER
from .service import Handler, Service

RATE = 10_000
"""Ten-thousandths of an XDR for an ICP, hence cycles for a hundred-millionth of an ICP: one ICP is
one trillion cycles here."""
MINT, CREATE, TOP_UP = 0x544E494D, 0x41455243, 0x50555054
"""Memos of transfers: "MINT", "CREA" and "TPUP"."""

CANDID = f"""
{SETTINGS_TEXT}
type SubnetSelection = variant {{
  Subnet : record {{ subnet : principal }};
  Filter : record {{ subnet_type : opt text }};
}};
type NotifyError = variant {{
  Refunded : record {{ reason : text; block_index : opt nat64 }};
  Processing;
  TransactionTooOld : nat64;
  InvalidTransaction : text;
  Other : record {{ error_code : nat64; error_message : text }};
}};
service : {{
  get_default_subnets : () -> (vec principal) query;
  get_icp_xdr_conversion_rate : () -> (
    record {{ data : record {{ timestamp_seconds : nat64; xdr_permyriad_per_icp : nat64 }} }}
  ) query;
  notify_top_up : (record {{ block_index : nat64; canister_id : principal }}) -> (
    variant {{ Ok : nat; Err : NotifyError }}
  );
  notify_create_canister : (
    record {{
      block_index : nat64;
      controller : principal;
      subnet_selection : opt SubnetSelection;
      settings : opt settings;
    }}
  ) -> (variant {{ Ok : principal; Err : NotifyError }});
  notify_mint_cycles : (
    record {{ block_index : nat64; to_subaccount : opt blob; deposit_memo : opt blob }}
  ) -> (
    variant {{
      Ok : record {{ balance : nat; block_index : nat; minted : nat }};
      Err : NotifyError;
    }}
  );
}}
"""


def payment_subaccount(beneficiary: bytes) -> bytes:
    """Subaccount of this canister that belongs to a principal: its length and bytes, padded."""
    return (bytes((len(beneficiary),)) + beneficiary).ljust(32, b"\0")


def _invalid(message: str) -> dict[str, Any]:
    return {"Err": {"InvalidTransaction": message}}


def _use_payment(
    call: NativeCall,
    block: int,
    memo: int,
    beneficiary: bytes,
    spend: Callable[[int], Any],
) -> dict[str, Any]:
    """Turn the payment of a block into what `spend` makes of its cycles, once; a repeated
    notification is answered with the same result."""
    noted: dict[int, list[Any]] = call.state_of(ICP_LEDGER).get(NOTED, {})
    payment = noted.get(block)
    if payment is None:
        return _invalid(f"block {block} of the ICP ledger is no transfer with a memo")
    account, amount, given, answers = payment
    if account != account_identifier(CYCLES_MINTING, payment_subaccount(beneficiary)):
        return _invalid(f"block {block} does not pay for {principal.to_text(beneficiary)}")
    if given != memo:
        return _invalid(f"block {block} has the memo {given}, not {memo}")
    if not answers:
        try:
            answers.append(spend(amount * RATE))
        except CallError as error:
            return {"Err": {"Other": {"error_code": 1, "error_message": error.message}}}
        except BadAccount as error:
            return _invalid(str(error))
    return {"Ok": answers[0]}


def get_icp_xdr_conversion_rate(call: NativeCall) -> dict[str, Any]:
    """The fixed rate."""
    seconds = call.now // 1_000_000_000
    return {"data": {"timestamp_seconds": seconds, "xdr_permyriad_per_icp": RATE}}


def notify_top_up(call: NativeCall, arg: dict[str, Any]) -> dict[str, Any]:
    """Cycles for a canister."""
    canister_id = arg["canister_id"]

    def spend(cycles: int) -> int:
        call.deposit(canister_id, cycles)
        return cycles

    return _use_payment(call, arg["block_index"], TOP_UP, canister_id, spend)


def notify_create_canister(call: NativeCall, arg: dict[str, Any]) -> dict[str, Any]:
    """A new canister with the cycles."""
    controller = arg["controller"]
    if controller != call.caller:
        return _invalid("only the controller itself may ask for its canister")
    if wrong := wrong_subnet(call, arg["subnet_selection"]):
        return _invalid(wrong)

    def spend(cycles: int) -> bytes:
        return call.create_canister(arg["settings"], cycles, controller)

    return _use_payment(call, arg["block_index"], CREATE, controller, spend)


def notify_mint_cycles(call: NativeCall, arg: dict[str, Any]) -> dict[str, Any]:
    """Cycles for the caller's account in the cycles ledger."""

    def spend(cycles: int) -> dict[str, int]:
        target = subaccount(arg["to_subaccount"])
        if cycles <= FEE:
            raise refusal(f"{cycles} cycles do not cover the fee of {FEE}")
        balance, block = credit_minted(call, call.caller, target, cycles)
        return {"balance": balance, "block_index": block, "minted": cycles}

    return _use_payment(call, arg["block_index"], MINT, call.caller, spend)


class CyclesMinting(Service):
    """`rkp4c-7iaaa-aaaaa-aaaca-cai`."""

    def __init__(self) -> None:
        handlers: dict[str, Handler] = {
            "get_default_subnets": lambda call: [call.subnet_id],
            "get_icp_xdr_conversion_rate": get_icp_xdr_conversion_rate,
            "notify_top_up": notify_top_up,
            "notify_create_canister": notify_create_canister,
            "notify_mint_cycles": notify_mint_cycles,
        }
        super().__init__(CYCLES_MINTING, CANDID, handlers)
