"""Bounded-wait calls: the caller is answered at the deadline, whatever the callee does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcanary.replica.api import Reject, Reply
from dcanary.replica.engine.deadlines import Deadlines
from dcanary.replica.engine.management import types
from dcanary.replica.engine.management.types import HTTP_RESULT
from dcanary.replica.state import limits
from tests.replica.helpers.candid import NAT, PRINCIPAL, TEXT, decode, encode
from tests.replica.helpers.subnet import Harness

SECOND = limits.SECOND
TERA = 10**12

CALLEE = """
persistent actor {
  var done = 0;
  type Header = { name : Text; value : Text };
  type Result = { status : Nat; headers : [Header]; body : Blob };
  transient let ic = actor "aaaaa-aa" : actor {
    http_request : { url : Text; max_response_bytes : ?Nat64; method : { #get; #head; #post };
      headers : [Header]; body : ?Blob; transform : ?{ context : Blob;
      function : shared query { context : Blob; response : Result } -> async Result } }
      -> async Result;
  };
  /// Answers when the HTTPS outcall is answered: when the test wants it.
  public func slow() : async Nat {
    ignore await (with cycles = 100_000_000_000) ic.http_request({
      url = "https://example.org"; max_response_bytes = ?1_000; method = #get; headers = [];
      body = null; transform = null });
    done += 1;
    done
  };
  public func quick() : async Nat { 7 };
  public query func count() : async Nat { done };
}
"""
CALLER = """
import Error "mo:core/Error";
import Principal "mo:core/Principal";
persistent actor {
  type Callee = actor { slow : () -> async Nat; quick : () -> async Nat };
  var answers = 0;
  func shown(e : Error) : Text {
    answers += 1;
    let kind = switch (Error.code(e)) {
      case (#system_unknown) "unknown: "; case (_) "other: " };
    kind # Error.message(e)
  };
  public func ask(id : Principal) : async Text {
    let callee = actor (Principal.toText(id)) : Callee;
    try { let n = await (with timeout = 5; cycles = 1_000_000) callee.slow();
      answers += 1; debug_show n } catch (e) { shown(e) }
  };
  public func askLong(id : Principal) : async Text {
    let callee = actor (Principal.toText(id)) : Callee;
    try { debug_show (await (with timeout = 4_000) callee.slow()) } catch (e) { shown(e) }
  };
  public func wait(id : Principal) : async Text {
    let callee = actor (Principal.toText(id)) : Callee;
    try { debug_show (await callee.slow()) } catch (e) { shown(e) }
  };
  public func askQuick(id : Principal) : async Text {
    let callee = actor (Principal.toText(id)) : Callee;
    try { debug_show (await (with timeout = 5) callee.quick()) } catch (e) { shown(e) }
  };
  public query func answered() : async Nat { answers };
}
"""
DEADLINES = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_arg_data_size" (func $size (result i32)))
  (import "ic0" "msg_arg_data_copy" (func $copy (param i32 i32 i32)))
  (import "ic0" "msg_deadline" (func $deadline (result i64)))
  (import "ic0" "canister_self_size" (func $self_size (result i32)))
  (import "ic0" "canister_self_copy" (func $self_copy (param i32 i32 i32)))
  (import "ic0" "call_new" (func $new (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "ic0" "call_with_best_effort_response" (func $bound (param i32)))
  (import "ic0" "call_perform" (func $perform (result i32)))
  (memory 1)
  (data (i32.const 64) "in_updatein_query")
  (table funcref (elem $answered))
  (func $tell (i64.store (i32.const 0) (call $deadline))
    (call $append (i32.const 0) (i32.const 8)) (call $reply))
  (func $answered (param i32)
    (call $copy (i32.const 0) (i32.const 0) (call $size))
    (call $append (i32.const 0) (call $size)) (call $reply))
  (func $ask (param $name i32) (param $length i32)
    (call $self_copy (i32.const 128) (i32.const 0) (call $self_size))
    (call $new (i32.const 128) (call $self_size) (local.get $name) (local.get $length)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $bound (i32.const %SECONDS%)) (drop (call $perform)))
  (func (export "canister_update in_update") (call $tell))
  (func (export "canister_query in_query") (call $tell))
  (func (export "canister_update ask_update") (call $ask (i32.const 64) (i32.const 9)))
  (func (export "canister_update ask_query") (call $ask (i32.const 73) (i32.const 8)))
  (func (export "canister_update twice")
    (call $new (i32.const 128) (i32.const 0) (i32.const 64) (i32.const 9)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $bound (i32.const 1)) (call $bound (i32.const 1))))
"""
HTTP_ANSWER = Reply(encode([HTTP_RESULT], [{"status": 200, "headers": [], "body": b""}]))


class Pair:
    """A caller and a callee that answers when `answer` says so."""

    def __init__(self, subnet: Harness, motoko: Callable[[str], bytes]) -> None:
        self.subnet = subnet
        self.caller = subnet.deploy(motoko(CALLER))
        self.callee = subnet.deploy(motoko(CALLEE))

    def send(self, method: str) -> bytes:
        """Send a call to the caller and run until it waits."""
        request = self.subnet.submit(self.caller, method, encode([PRINCIPAL], [self.callee]))
        assert isinstance(request, bytes), request
        self.rounds()
        return request

    def rounds(self) -> None:
        for _ in range(5):
            self.subnet.engine.execute_round()

    def pass_seconds(self, seconds: int) -> None:
        engine = self.subnet.engine
        engine.set_time(engine.now() + seconds * SECOND)
        self.rounds()

    def answer(self) -> None:
        """Let the callee answer what it was asked first."""
        first = self.subnet.engine.http_outcalls()[0]
        self.subnet.engine.answer_http_outcall(first.request_id, HTTP_ANSWER)
        self.rounds()

    def text(self, request: bytes) -> str | None:
        found = self.subnet.result(request)
        if found is None:
            return None
        assert isinstance(found, Reply), found
        return str(decode([TEXT], found.data)[0])

    def count(self, canister: bytes, method: str) -> int:
        return int(self.subnet.query(canister, method, returns=[NAT])[0])


@pytest.fixture
def pair(subnet: Harness, motoko: Callable[[str], bytes]) -> Pair:
    return Pair(subnet, motoko)


@pytest.mark.replica
def test_a_call_without_an_answer_ends_at_its_deadline_and_not_before(pair: Pair) -> None:
    request = pair.send("ask")
    pair.pass_seconds(4)
    assert pair.text(request) is None
    pair.pass_seconds(1)
    answer = pair.text(request)
    assert answer is not None
    assert answer.startswith("unknown: No answer of ")


@pytest.mark.replica
def test_the_callee_goes_on_and_its_late_answer_is_dropped(pair: Pair) -> None:
    request = pair.send("ask")
    pair.pass_seconds(6)
    assert pair.count(pair.callee, "count") == 0
    balance = pair.subnet.engine.cycles(pair.caller)
    pair.answer()
    assert pair.count(pair.callee, "count") == 1
    assert pair.count(pair.caller, "answered") == 1
    assert str(pair.text(request)).startswith("unknown")
    assert pair.subnet.engine.cycles(pair.caller) == balance, "the refund is lost"


@pytest.mark.replica
def test_an_answer_in_time_is_delivered_once_with_its_refund(pair: Pair) -> None:
    request = pair.send("ask")
    pair.answer()
    assert pair.text(request) == "1"
    pair.pass_seconds(300)
    assert pair.count(pair.caller, "answered") == 1
    assert pair.text(pair.send("askQuick")) == "7"


@pytest.mark.replica
def test_a_timeout_beyond_the_maximum_is_cut_to_it(pair: Pair) -> None:
    request = pair.send("askLong")
    pair.pass_seconds(limits.MAX_CALL_TIMEOUT_SECONDS - 1)
    assert pair.text(request) is None
    pair.pass_seconds(1)
    assert str(pair.text(request)).startswith("unknown")


def stopping(pair: Pair) -> bytes:
    arg = encode([types.CANISTER_ID], [{"canister_id": pair.caller}])
    request = pair.subnet.submit(b"", "stop_canister", arg)
    assert isinstance(request, bytes), request
    pair.rounds()
    return request


@pytest.mark.replica
def test_a_caller_that_waits_with_a_bound_stops_though_the_callee_never_answers(
    pair: Pair,
) -> None:
    pair.send("ask")
    request = stopping(pair)
    assert pair.subnet.result(request) is None
    pair.pass_seconds(5)
    assert isinstance(pair.subnet.result(request), Reply)


@pytest.mark.replica
def test_a_caller_that_waits_without_a_bound_does_not_stop(pair: Pair) -> None:
    pair.send("wait")
    request = stopping(pair)
    pair.pass_seconds(limits.STOP_TIMEOUT // SECOND)
    answer = pair.subnet.result(request)
    assert isinstance(answer, Reject)
    assert "timed out" in answer.message


@pytest.mark.replica
def test_a_call_to_the_management_canister_expires_too(
    subnet: Harness, motoko: Callable[[str], bytes]
) -> None:
    """`stop_canister` of a canister that never stops, as `deployment` calls it."""
    source = """
import Error "mo:core/Error";
persistent actor {
  public func stop(id : Principal) : async Text {
    let ic = actor "aaaaa-aa" : actor { stop_canister : { canister_id : Principal } -> async () };
    try { await (with timeout = 5) ic.stop_canister({ canister_id = id }); "stopped" }
    catch (e) { switch (Error.code(e)) { case (#system_unknown) "unknown"; case (_) "other" } }
  };
}
"""
    pair = Pair(subnet, motoko)
    boss = subnet.deploy(motoko(source))
    settings = {"canister_id": pair.caller, "settings": {"controllers": [boss]}}
    subnet.management("update_settings", types.UPDATE_SETTINGS, settings)
    pair.send("wait")
    request = subnet.submit(boss, "stop", encode([PRINCIPAL], [pair.caller]))
    assert isinstance(request, bytes), request
    pair.rounds()
    assert pair.text(request) is None
    pair.pass_seconds(5)
    assert pair.text(request) == "unknown"
    pair.answer()
    assert pair.text(subnet_stop(pair, boss)) == "stopped", "the first stop went on"


def subnet_stop(pair: Pair, boss: bytes) -> bytes:
    request = pair.subnet.submit(boss, "stop", encode([PRINCIPAL], [pair.caller]))
    assert isinstance(request, bytes), request
    pair.rounds()
    return request


@pytest.mark.replica
@pytest.mark.parametrize("checkpoint", [False, True], ids=["from the log", "from a checkpoint"])
def test_a_deadline_survives_a_restart(
    open_subnet: Callable[[Path], Harness],
    motoko: Callable[[str], bytes],
    tmp_path: Path,
    checkpoint: bool,
) -> None:
    pair = Pair(open_subnet(tmp_path / "state"), motoko)
    request = pair.send("ask")
    expired = pair.send("ask")
    pair.pass_seconds(3)
    if checkpoint:
        pair.subnet.engine.checkpoint()
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "state", copy)
    pair.pass_seconds(2)
    expected = pair.text(request)
    assert str(expected).startswith("unknown")
    pair.subnet.engine.close()

    pair.subnet = open_subnet(copy)
    assert pair.text(request) is None
    assert pair.subnet.engine.has_work(pair.subnet.engine.now() + 2 * SECOND)
    pair.pass_seconds(2)
    assert pair.text(request) == pair.text(expired) == expected
    pair.subnet.engine.close()

    pair.subnet = open_subnet(tmp_path / "state")
    assert pair.text(request) == pair.text(expired) == expected
    pair.subnet.engine.close()


@pytest.mark.replica
def test_the_callee_sees_the_deadline_in_updates_only(
    subnet: Harness, wat: Callable[[str], bytes]
) -> None:
    canister = subnet.deploy(wat(DEADLINES.replace("%SECONDS%", "7")))

    def told(method: str) -> int:
        answer = subnet.call(canister, method, b"")
        assert isinstance(answer, Reply), answer
        return int.from_bytes(answer.data, "little")

    before = subnet.engine.now()
    assert before < told("ask_update") - 7 * SECOND <= subnet.engine.now()
    assert told("ask_query") == 0
    assert told("in_update") == 0


@pytest.mark.replica
def test_setting_the_timeout_twice_traps(subnet: Harness, wat: Callable[[str], bytes]) -> None:
    canister = subnet.deploy(wat(DEADLINES.replace("%SECONDS%", "7")))
    answer = subnet.call(canister, "twice", b"")
    assert isinstance(answer, Reject)
    assert "already set" in answer.message


@pytest.mark.replica
def test_a_request_that_was_not_begun_at_its_deadline_is_not_executed(
    subnet: Harness, wat: Callable[[str], bytes]
) -> None:
    canister = subnet.deploy(wat(DEADLINES.replace("%SECONDS%", "0")))
    answer: Any = subnet.call(canister, "ask_update", b"")
    # Its reject callback is the reply callback: there is no argument to be read.
    assert isinstance(answer, Reject)
    assert "msg_arg_data" in answer.message


def test_deadlines_come_out_in_order_and_answered_calls_do_not() -> None:
    deadlines = Deadlines()
    for number in (3, 1, 2):
        deadlines.add(number * 10, b"c", number)
    deadlines.forget(b"c", 1)
    deadlines.forget(b"c", 9)
    assert not deadlines.is_due(19)
    assert deadlines.is_due(20)
    assert deadlines.pop_due(25) == [(b"c", 2)]
    assert deadlines.pop_due(25) == []
    assert deadlines.pop_due(30) == [(b"c", 3)]


def test_answered_calls_take_no_room_for_long() -> None:
    deadlines = Deadlines()
    deadlines.add(1_000_000, b"c", 0)
    for number in range(1, 10_000):
        deadlines.add(1_000_000, b"c", number)
        deadlines.forget(b"c", number)
    assert len(deadlines.heap) < 200
    assert deadlines.pop_due(1_000_000) == [(b"c", 0)]
