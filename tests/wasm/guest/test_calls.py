"""Calls between canisters: generators, commit points, rejections, notifications."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dcanary.testing.native import (
    CanisterReject,
    CanisterTrap,
    ManagementCall,
    NativeCanister,
    NativeNetwork,
    NoAnswer,
    Principal,
)


@pytest.fixture
def network() -> NativeNetwork:
    return NativeNetwork()


@pytest.fixture
def counter(network: NativeNetwork, canisters: Path) -> NativeCanister:
    return network.install(canisters / "counter" / "main.py", (5,))


@pytest.fixture
def caller(network: NativeNetwork, canisters: Path) -> NativeCanister:
    return network.install(canisters / "caller" / "main.py")


def test_a_reply_resumes_the_generator(counter: NativeCanister, caller: NativeCanister) -> None:
    assert caller.update("add", counter.id, 2) == {"Ok": 7}
    assert caller.query("notes") == ["before 2", "after 2"]
    assert counter.query("read", "main") == 7


def test_a_trap_of_the_callee_is_an_err_with_its_text(
    counter: NativeCanister, caller: NativeCanister
) -> None:
    result = caller.update("add", counter.id, 2_000)
    assert result["Err"].startswith("Rejection code 5, IC0503: Error from Canister ")
    assert "more than a hundred" in result["Err"]
    assert counter.query("read", "main") == 5
    assert caller.query("notes") == ["before 2000", "after 2000"]


def test_a_trap_after_an_await_keeps_what_was_written_before_it(
    counter: NativeCanister, caller: NativeCanister
) -> None:
    with pytest.raises(CanisterTrap, match="afterwards"):
        caller.update("add_then_trap", counter.id)
    assert caller.query("notes") == ["before the call"]
    assert counter.query("read", "main") == 6
    assert caller.module("kybra._runtime").state.continuations == {}


def test_generators_wait_for_generators(counter: NativeCanister, caller: NativeCanister) -> None:
    # 5 + 1 = 6, 6 + 6 = 12; 12 + 1 = 13, 13 + 13 = 26
    assert caller.update("nested", counter.id) == 12 + 26


def test_missing_methods_and_canisters_are_rejected(
    counter: NativeCanister, caller: NativeCanister
) -> None:
    assert "Canister has no update method 'missing'" in caller.update("call_missing", counter.id)
    nobody = Principal(b"nobody")
    assert caller.update("call_missing", nobody).startswith("Rejection code 3, IC0301")
    assert caller.update("code_after", nobody) == {"DestinationInvalid": None}


def test_an_answer_of_another_type_is_an_err(
    counter: NativeCanister, caller: NativeCanister
) -> None:
    text = caller.update("wrong_type", counter.id)
    assert text == (
        "Rejection code 5, the answer of whoami has another type: value 0: expected text, got "
        "principal"
    )


def test_notifications_are_sent_without_waiting(
    network: NativeNetwork, counter: NativeCanister, caller: NativeCanister
) -> None:
    assert caller.update("notify", counter.id) == {"Ok": None}
    network.run()
    assert counter.query("read", "main") == 12


def test_raw_calls_carry_candid_bytes(counter: NativeCanister, caller: NativeCanister) -> None:
    assert caller.update("raw", counter.id, "(3 : nat64)") == "(8 : nat64)"
    assert "the argument cannot be read" in caller.update("raw", counter.id, '("three")')


def test_a_composite_query_asks_others_and_changes_nothing(
    counter: NativeCanister, caller: NativeCanister
) -> None:
    assert caller.query("composite", counter.id, "main") == 5
    assert counter.query("heap_size") == 0
    assert caller.module("kybra._runtime").state.continuations == {}


def test_management_calls_go_to_handlers(network: NativeNetwork, caller: NativeCanister) -> None:
    calls: list[ManagementCall] = []
    got = caller.update("random")
    (seed,) = caller.seeds
    assert len(got) == len(seed) == 32 and seed != got
    assert "has no handler for the management method" in caller.update("pay", 7)
    before = caller.cycles
    network.management["deposit_cycles"] = calls.append
    assert caller.update("pay", 7) == "paid"
    assert (calls[0].args, calls[0].cycles) == (({"canister_id": caller.id},), 7)
    assert caller.cycles == before - 7

    def refuse(call: ManagementCall) -> Any:
        raise CanisterReject(4, "not today")

    network.management["deposit_cycles"] = refuse
    assert caller.update("pay", 7) == "Rejection code 4, not today"
    assert caller.cycles == before - 7


def test_more_cycles_than_there_are_cannot_be_sent(caller: NativeCanister) -> None:
    result = caller.update("pay", 1 << 100)
    assert result.startswith("Rejection code 2, the call could not be sent")


def never(call: ManagementCall) -> Any:
    raise NoAnswer


def test_a_call_with_a_timeout_ends_at_its_deadline(
    network: NativeNetwork, counter: NativeCanister, caller: NativeCanister
) -> None:
    assert caller.update("add_in_time", counter.id, 2, 60) == {"Ok": 7}
    network.management["deposit_cycles"] = never
    pending = caller.submit("pay_in_time", 7, 60)
    network.advance(59)
    assert not pending.done
    cycles = caller.cycles
    network.advance(1)
    assert pending.result().startswith("Rejection code 6, IC0601")
    assert caller.cycles == cycles, "cycles of a call without an answer are lost"


def test_a_timeout_counts_up_to_300_seconds(network: NativeNetwork, caller: NativeCanister) -> None:
    network.management["deposit_cycles"] = never
    pending = caller.submit("pay_in_time", 0, 4_000)
    network.advance(299)
    assert not pending.done
    network.advance(1)
    assert pending.done


def test_a_call_without_a_timeout_waits_for_ever(
    network: NativeNetwork, caller: NativeCanister
) -> None:
    network.management["deposit_cycles"] = never
    pending = caller.submit("pay", 7)
    network.advance(100_000)
    assert not pending.done


def test_a_late_answer_is_dropped(
    network: NativeNetwork, counter: NativeCanister, caller: NativeCanister
) -> None:
    pending = caller.submit("add_in_time", counter.id, 2, 60)
    assert network.step() and network.step()
    late = network.messages.pop()
    network.advance(60)
    assert pending.result()["Err"].startswith("Rejection code 6")
    assert counter.query("read", "main") == 7, "it was executed all the same"
    network.messages.append(late)
    network.run()
    assert len(caller.query("notes")) == 1


def test_a_request_that_was_not_begun_at_its_deadline_is_not_executed(
    network: NativeNetwork, counter: NativeCanister, caller: NativeCanister
) -> None:
    pending = caller.submit("add_in_time", counter.id, 2, 60)
    assert network.step()
    request = network.messages.pop()
    network.advance(60)
    assert pending.done
    network.messages.append(request)
    network.run()
    assert counter.query("read", "main") == 5


def test_timeouts_are_numbers_of_seconds(caller: NativeCanister) -> None:
    with pytest.raises(CanisterTrap, match="the timeout of a call is 0 to"):
        caller.update("pay_in_time", 0, 1 << 32)


def test_an_upgrade_in_the_middle_loses_the_flow_but_not_what_it_wrote(
    network: NativeNetwork, counter: NativeCanister, caller: NativeCanister
) -> None:
    pending = caller.submit("add", counter.id, 1)
    assert network.step() and network.step()
    caller.upgrade()
    with pytest.raises(CanisterReject, match="did not reply"):
        pending.result()
    assert caller.query("notes") == ["before 1"]
    assert caller.update("add", counter.id, 1) == {"Ok": 7}


def test_tokens_differ_over_upgrades(
    network: NativeNetwork, counter: NativeCanister, caller: NativeCanister
) -> None:
    first = caller.submit("add", counter.id, 1)
    assert network.step()
    (old,) = caller.module("kybra._runtime").state.continuations
    caller.upgrade()
    second = caller.submit("add", counter.id, 1)
    while not caller.module("kybra._runtime").state.continuations:
        assert network.step()
    assert old not in caller.module("kybra._runtime").state.continuations
    assert second.result() == {"Ok": 7}
    with pytest.raises(CanisterReject, match="did not reply"):
        first.result()


def test_unknown_tokens_are_ignored(caller: NativeCanister) -> None:
    entry = caller.module("kybra._entry")
    for callback in (entry.on_reply, entry.on_reject, entry.on_cleanup):
        callback(12_345)


def test_yielding_something_else_traps_with_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "from kybra import *\n@update\ndef f() -> Async[void]:\n    yield 5\n"
        "@update\ndef g() -> nat: return -1\n"
        "@update\ndef h() -> void: ic.call_raw('aaaaa-aa', 'm', b'', 0)\n"
    )
    canister = NativeNetwork().install(tmp_path / "main.py")
    with pytest.raises(CanisterTrap, match="can yield calls and generators, not 5"):
        canister.update("f")
    with pytest.raises(CanisterTrap, match="the result of g: value: expected nat, got int -1"):
        canister.update("g")
    with pytest.raises(CanisterTrap, match="a call needs a Principal, not 'aaaaa-aa'"):
        canister.update("h")
