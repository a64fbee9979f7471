"""Ledgers, cycles minting and registry: balances add up, survive, and nothing else is offered."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcanary.candid import principal
from dcanary.replica.api import Ingress, Reject, Reply
from dcanary.replica.engine.management.types import PROVISIONAL_CREATE
from dcanary.replica.system.cycles_minting import CREATE, MINT, RATE, TOP_UP, payment_subaccount
from dcanary.replica.system.icp_ledger import account_identifier
from dcanary.replica.system.ids import CYCLES_LEDGER, CYCLES_MINTING, ICP_LEDGER, REGISTRY

from .conftest import ALICE, BOB, SUBNET, Network

T = 10**12
CYCLES_FEE, ICP_FEE = 10**8, 10**4
CREATION_FEE = 500 * 10**9
ICP = 10**8


def account(owner: bytes, subaccount: bytes | None = None) -> dict[str, Any]:
    return {"owner": owner, "subaccount": subaccount}


def cycles_of(network: Network, owner: bytes, subaccount: bytes | None = None) -> int:
    found: int = network.query(CYCLES_LEDGER, "icrc1_balance_of", account(owner, subaccount))
    return found


def icp_of(network: Network, owner: bytes) -> int:
    found: int = network.query(ICP_LEDGER, "icrc1_balance_of", account(owner))
    return found


def transfer_arg(to: dict[str, Any], amount: int, **fields: Any) -> dict[str, Any]:
    empty = {"from_subaccount": None, "fee": None, "memo": None, "created_at_time": None}
    return {**empty, "to": to, "amount": amount, **fields}


def creation(amount: int, **fields: Any) -> dict[str, Any]:
    empty = {"from_subaccount": None, "created_at_time": None, "creation_args": None}
    return {**empty, "amount": amount, **fields}


def created(network: Network, amount: int = 2 * T, **fields: Any) -> bytes:
    answer = network.call(CYCLES_LEDGER, "create_canister", creation(amount, **fields))
    return principal.from_text(answer["Ok"]["canister_id"])


def pay_cmc(network: Network, beneficiary: bytes, amount: int, memo: int) -> int:
    """Transfers ICP to the cycles minting canister; returns the block."""
    arg = {
        "memo": memo,
        "amount": {"e8s": amount},
        "fee": {"e8s": ICP_FEE},
        "from_subaccount": None,
        "to": account_identifier(CYCLES_MINTING, payment_subaccount(beneficiary)),
        "created_at_time": None,
    }
    block: int = network.call(ICP_LEDGER, "transfer", arg)["Ok"]
    return block


def test_every_key_begins_with_cycles_and_icp_and_nobody_else(network: Network) -> None:
    assert cycles_of(network, ALICE) == 1_000 * T
    assert icp_of(network, ALICE) == 1_000_000 * ICP
    assert cycles_of(network, ALICE, b"\1" * 32) == 0
    assert cycles_of(network, CYCLES_LEDGER) == 0
    assert cycles_of(network, b"\x02") == 0


@pytest.mark.parametrize("fee", [None, CYCLES_FEE])
def test_a_transfer_moves_the_amount_and_burns_the_fee(network: Network, fee: int | None) -> None:
    target = b"\7" * 32
    arg = transfer_arg(account(BOB, target), 3 * T, fee=fee)
    assert network.call(CYCLES_LEDGER, "icrc1_transfer", arg) == {"Ok": 0}
    assert cycles_of(network, ALICE) == 997 * T - CYCLES_FEE
    assert cycles_of(network, BOB, target) == 3 * T
    assert cycles_of(network, BOB) == 1_000 * T


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"amount": 1_000 * T}, {"InsufficientFunds": {"balance": 1_000 * T}}),
        ({"fee": 7}, {"BadFee": {"expected_fee": CYCLES_FEE}}),
        ({"created_at_time": 0}, {"TooOld": None}),
        ({"from_subaccount": b"short"}, "GenericError"),
        ({"memo": bytes(33)}, "GenericError"),
    ],
)
def test_a_refused_transfer_changes_nothing(
    network: Network, fields: dict[str, Any], error: Any
) -> None:
    arg = {**transfer_arg(account(BOB), 1), **fields}
    answer = network.call(CYCLES_LEDGER, "icrc1_transfer", arg)["Err"]
    assert answer == error or list(answer) == [error]
    assert cycles_of(network, ALICE) == cycles_of(network, BOB) == 1_000 * T


def test_a_transaction_with_a_time_is_executed_once(network: Network) -> None:
    arg = transfer_arg(account(BOB), T, created_at_time=network.engine.now())
    assert network.call(CYCLES_LEDGER, "icrc1_transfer", arg) == {"Ok": 0}
    repeated = network.call(CYCLES_LEDGER, "icrc1_transfer", arg)
    assert repeated == {"Err": {"Duplicate": {"duplicate_of": 0}}}
    other = network.call(CYCLES_LEDGER, "icrc1_transfer", {**arg, "amount": T + 1})
    assert other == {"Ok": 1}
    assert cycles_of(network, BOB) == 1_002 * T + 1


def test_create_canister_pays_with_the_callers_cycles(network: Network) -> None:
    canister = created(network, 2 * T)
    assert network.engine.cycles(canister) == 2 * T - CREATION_FEE
    assert cycles_of(network, ALICE) == 998 * T - CYCLES_FEE
    view = network.engine.canister(canister)
    assert view is not None
    assert view.controllers == [ALICE]


def test_create_canister_repeated_names_the_canister_made_before(network: Network) -> None:
    arg = creation(2 * T, created_at_time=network.engine.now())
    first = network.call(CYCLES_LEDGER, "create_canister", arg)["Ok"]
    again = network.call(CYCLES_LEDGER, "create_canister", arg)["Err"]
    assert again == {
        "Duplicate": {"duplicate_of": first["block_id"], "canister_id": first["canister_id"]}
    }


@pytest.mark.parametrize(
    ("amount", "selection", "error"),
    [
        (1_000 * T, None, "InsufficientFunds"),
        (CREATION_FEE - 1, None, "FailedToCreate"),
        (2 * T, {"Subnet": {"subnet": BOB}}, "GenericError"),
        (2 * T, {"Filter": {"subnet_type": "fiduciary"}}, "GenericError"),
    ],
)
def test_a_canister_that_is_not_created_costs_nothing(
    network: Network, amount: int, selection: Any, error: str
) -> None:
    before = network.engine.canister_ids()
    given = {"settings": None, "subnet_selection": selection}
    arg = creation(amount, creation_args=given)
    assert list(network.call(CYCLES_LEDGER, "create_canister", arg)["Err"]) == [error]
    assert cycles_of(network, ALICE) == 1_000 * T
    assert network.engine.canister_ids() == before


def test_withdraw_sends_cycles_to_a_canister_that_exists(network: Network) -> None:
    canister = created(network)
    before = network.engine.cycles(canister)
    arg = {"amount": T, "from_subaccount": None, "to": canister, "created_at_time": None}
    assert network.call(CYCLES_LEDGER, "withdraw", arg) == {"Ok": 1}
    assert network.engine.cycles(canister) == before + T
    assert cycles_of(network, ALICE) == 997 * T - 2 * CYCLES_FEE
    answer = network.call(CYCLES_LEDGER, "withdraw", {**arg, "to": BOB})
    assert answer == {"Err": {"InvalidReceiver": {"receiver": principal.to_text(BOB)}}}
    assert cycles_of(network, ALICE) == 997 * T - 2 * CYCLES_FEE


def test_a_deposit_without_cycles_is_rejected(network: Network) -> None:
    arg = b"DIDL\x02\x6c\x01\xfb\xca\x01\x01\x6c\x01\xb3\xb0\xda\xc3\x03\x68\x01\x00\x01\x01\x04"
    outcome = network.raw(CYCLES_LEDGER, "deposit", arg)
    assert isinstance(outcome, Reject)
    assert outcome.code == 4


def test_icp_becomes_cycles_once(network: Network) -> None:
    block = pay_cmc(network, ALICE, 5 * ICP, MINT)
    arg = {"block_index": block, "to_subaccount": None, "deposit_memo": None}
    minted = network.call(CYCLES_MINTING, "notify_mint_cycles", arg)["Ok"]
    assert minted["minted"] == 5 * ICP * RATE == 5 * T
    assert minted["balance"] == cycles_of(network, ALICE) == 1_005 * T - CYCLES_FEE
    assert network.call(CYCLES_MINTING, "notify_mint_cycles", arg)["Ok"] == minted
    assert cycles_of(network, ALICE) == 1_005 * T - CYCLES_FEE
    assert icp_of(network, ALICE) == 999_995 * ICP - ICP_FEE


def test_icp_becomes_a_canister_and_tops_it_up(network: Network) -> None:
    block = pay_cmc(network, ALICE, 3 * ICP, CREATE)
    arg = {"block_index": block, "controller": ALICE, "subnet_selection": None, "settings": None}
    made = network.call(CYCLES_MINTING, "notify_create_canister", arg)["Ok"]
    canister = principal.from_text(made)
    assert network.engine.cycles(canister) == 3 * T - CREATION_FEE
    block = pay_cmc(network, canister, ICP, TOP_UP)
    top_up = {"block_index": block, "canister_id": canister}
    assert network.call(CYCLES_MINTING, "notify_top_up", top_up) == {"Ok": T}
    assert network.call(CYCLES_MINTING, "notify_top_up", top_up) == {"Ok": T}
    assert network.engine.cycles(canister) == 4 * T - CREATION_FEE


@pytest.mark.parametrize(
    ("payer", "memo", "shift", "reason"),
    [
        (BOB, MINT, 0, "does not pay for"),
        (ALICE, TOP_UP, 0, "memo"),
        (ALICE, MINT, 9, "no transfer"),
    ],
)
def test_a_payment_for_something_else_mints_nothing(
    network: Network, payer: bytes, memo: int, shift: int, reason: str
) -> None:
    block = pay_cmc(network, payer, ICP, memo) + shift
    arg = {"block_index": block, "to_subaccount": None, "deposit_memo": None}
    answer = network.call(CYCLES_MINTING, "notify_mint_cycles", arg)
    assert reason in answer["Err"]["InvalidTransaction"]
    assert cycles_of(network, ALICE) == 1_000 * T


def test_the_registry_and_the_minting_canister_know_the_one_subnet(network: Network) -> None:
    subnet = principal.to_text(SUBNET)
    assert network.query(CYCLES_MINTING, "get_default_subnets") == [subnet]
    canister = created(network)
    for known in (canister, CYCLES_LEDGER):
        found = network.query(REGISTRY, "get_subnet_for_canister", {"principal": known})
        assert found == {"Ok": {"subnet_id": subnet}}
    assert "Err" in network.query(REGISTRY, "get_subnet_for_canister", {"principal": ALICE})


def test_other_methods_are_not_supported(network: Network) -> None:
    for canister in (REGISTRY, ICP_LEDGER, CYCLES_MINTING, CYCLES_LEDGER):
        refused = network.raw(canister, "icrc2_approve", b"DIDL\0\0")
        queried = network.engine.query(ALICE, canister, "icrc3_get_blocks", b"DIDL\0\0")
        for outcome in (refused, queried):
            assert isinstance(outcome, Reject)
            assert outcome.error_code == "IC0536"
            assert "not supported" in outcome.message


def test_an_update_method_cannot_be_queried_and_bad_arguments_are_rejected(
    network: Network,
) -> None:
    outcome = network.engine.query(ALICE, CYCLES_LEDGER, "withdraw", b"DIDL\0\0")
    assert isinstance(outcome, Reject)
    outcome = network.raw(CYCLES_LEDGER, "withdraw", b"DIDL\0\0")
    assert isinstance(outcome, Reject)
    assert "Error decoding the argument" in outcome.message


def test_no_canister_takes_the_place_of_a_native_one(network: Network) -> None:
    value = {
        "amount": None,
        "settings": None,
        "specified_id": CYCLES_LEDGER,
        "sender_canister_version": None,
    }
    arg = PROVISIONAL_CREATE.encode((value,))
    outcome = network.raw(b"", "provisional_create_canister_with_cycles", arg)
    assert isinstance(outcome, Reject)
    assert outcome.error_code == "IC0205"


def test_new_canisters_come_from_the_last_range(network: Network) -> None:
    ranges = list(network.engine.canister_ranges())
    assert ranges == sorted(ranges)
    assert (REGISTRY, REGISTRY) in ranges
    low, high = ranges[-1]
    assert low <= created(network) <= high


@pytest.mark.parametrize("clean", [True, False])
def test_balances_come_back_from_checkpoint_and_log(
    tmp_path: Path, open_network: Callable[[Path | None], Network], clean: bool
) -> None:
    network = open_network(tmp_path / "first")
    canister = created(network)
    network.engine.checkpoint()
    block = pay_cmc(network, ALICE, ICP, MINT)
    arg = {"block_index": block, "to_subaccount": None, "deposit_memo": None}
    network.call(CYCLES_MINTING, "notify_mint_cycles", arg)
    expected = (cycles_of(network, ALICE), icp_of(network, ALICE), network.engine.cycles(canister))
    folder = tmp_path / "first"
    if clean:
        network.engine.close()
    else:
        # What a killed engine leaves: the last checkpoint and the log after it.
        folder = tmp_path / "copy"
        shutil.copytree(tmp_path / "first", folder)
    again = open_network(folder)
    found = (cycles_of(again, ALICE), icp_of(again, ALICE), again.engine.cycles(canister))
    assert found == expected
    assert again.call(CYCLES_MINTING, "notify_mint_cycles", arg)["Ok"]["minted"] == T


def test_an_answer_is_kept_like_that_of_any_canister(network: Network) -> None:
    expiry = network.engine.now() + 10**11
    message = Ingress(b"\5" * 32, ALICE, CYCLES_LEDGER, "icrc1_fee", b"DIDL\0\0", expiry)
    assert network.engine.submit(message) is None
    network.engine.execute_round()
    status = network.engine.request_status(b"\5" * 32)
    assert status is not None
    assert isinstance(status.result, Reply)
    assert status.effective_canister_id == CYCLES_LEDGER
