"""Real Motoko actors: 64-bit memory and tables, orthogonal persistence, the whole call cycle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dcanary.replica.api import Reject, Reply
from tests.replica.helpers.candid import BLOB, NAT, NAT64, PRINCIPAL, TEXT, encode

pytestmark = pytest.mark.replica

COUNTER = """
import Runtime "mo:core/Runtime";
import Cycles "mo:core/Cycles";
import Error "mo:core/Error";
persistent actor {
  var n : Nat = 0;
  public func inc() : async Nat { n += 1; n };
  public query func get() : async Nat { n };
  public query func peek() : async Nat { n += 100; n };
  public func fail() : async () { n += 1000; Runtime.trap("on purpose") };
  public func nothing() : async () {};
  public func refuse() : async () { throw Error.reject("not today") };
  public func take() : async Nat { let a = Cycles.available(); Cycles.accept<system>(a / 2) };
  public query func balance() : async Nat { Cycles.balance() };
}
"""

CALLER = """
import Error "mo:core/Error";
import Principal "mo:core/Principal";
import Runtime "mo:core/Runtime";
import Cycles "mo:core/Cycles";
persistent actor {
  type Counter = actor { inc : () -> async Nat; fail : () -> async (); take : () -> async Nat;
    missing : () -> async (); get : query () -> async Nat };
  var state : Text = "";
  public query func read() : async Text { state };
  public func twice(p : Principal) : async Nat {
    let c = actor (Principal.toText(p)) : Counter;
    ignore await c.inc();
    await c.inc()
  };
  public func many(p : Principal, times : Nat) : async Nat {
    let c = actor (Principal.toText(p)) : Counter;
    var last = 0; var i = 0;
    while (i < times) { last := await c.inc(); i += 1 };
    last
  };
  public func caught(p : Principal) : async Text {
    let c = actor (Principal.toText(p)) : Counter;
    try { await c.fail(); "no" } catch (e) { Error.message(e) }
  };
  public func lost(p : Principal) : async Text {
    let c = actor (Principal.toText(p)) : Counter;
    try { await c.missing(); "no" } catch (e) { Error.message(e) }
  };
  public func halfway(p : Principal) : async () {
    let c = actor (Principal.toText(p)) : Counter;
    state := "before the await";
    ignore await c.inc();
    state := "after the await";
    Runtime.trap("second half");
  };
  public func pay(p : Principal) : async (Nat, Nat) {
    let c = actor (Principal.toText(p)) : Counter;
    let accepted = await (with cycles = 1_000_000_000) c.take();
    (accepted, Cycles.refunded())
  };
  public composite query func through(p : Principal) : async Nat {
    let c = actor (Principal.toText(p)) : Counter;
    let first = await c.get();
    first + 1000
  };
}
"""

TIMER = """
import Timer "mo:core/Timer";
persistent actor {
  var ticks : Nat = 0;
  public func start(seconds : Nat) : async () {
    ignore Timer.recurringTimer<system>(#seconds seconds, func () : async () { ticks += 1 });
  };
  public query func get() : async Nat { ticks };
}
"""

HEARTBEAT = """
persistent actor {
  var beats : Nat = 0;
  system func heartbeat() : async () { beats += 1 };
  public query func get() : async Nat { beats };
}
"""

REGION = """
import Region "mo:core/Region";
persistent actor {
  let region = Region.new();
  var note : Text = "first";
  public func put(at : Nat64, value : Blob) : async () {
    if (Region.size(region) == 0) { ignore Region.grow(region, 2) };
    Region.storeBlob(region, at, value);
    note #= "+";
  };
  public query func get(at : Nat64, size : Nat) : async Blob { Region.loadBlob(region, at, size) };
  public query func told() : async Text { note };
}
"""

RANDOM = """
persistent actor {
  type Management = actor { raw_rand : () -> async Blob };
  public func roll() : async Blob {
    let ic = actor "aaaaa-aa" : Management;
    await ic.raw_rand()
  };
}
"""


@pytest.fixture
def counter(subnet: Any, motoko: Callable[[str], bytes]) -> bytes:
    canister: bytes = subnet.deploy(motoko(COUNTER))
    return canister


@pytest.fixture
def caller(subnet: Any, motoko: Callable[[str], bytes]) -> bytes:
    canister: bytes = subnet.deploy(motoko(CALLER))
    return canister


def test_an_update_changes_state_and_a_query_sees_it(subnet: Any, counter: bytes) -> None:
    assert subnet.update(counter, "inc", returns=[NAT]) == [1]
    assert subnet.update(counter, "inc", returns=[NAT]) == [2]
    assert subnet.query(counter, "get", returns=[NAT]) == [2]


def test_a_query_cannot_change_state(subnet: Any, counter: bytes) -> None:
    assert subnet.query(counter, "peek", returns=[NAT]) == [100]
    assert subnet.query(counter, "get", returns=[NAT]) == [0]


def test_a_query_method_called_as_an_update_changes_nothing(subnet: Any, counter: bytes) -> None:
    assert subnet.update(counter, "peek", returns=[NAT]) == [100]
    assert subnet.query(counter, "get", returns=[NAT]) == [0]


def test_a_trap_rolls_back_and_tells_its_reason(subnet: Any, counter: bytes) -> None:
    answer = subnet.call(counter, "fail")
    assert isinstance(answer, Reject)
    assert answer.code == 5
    assert answer.error_code == "IC0503"
    assert "on purpose" in answer.message
    assert subnet.query(counter, "get", returns=[NAT]) == [0]


def test_an_explicit_reject_has_code_4(subnet: Any, counter: bytes) -> None:
    answer = subnet.call(counter, "refuse")
    assert answer == Reject(4, "not today", "IC0406")


def test_canisters_call_each_other(subnet: Any, counter: bytes, caller: bytes) -> None:
    assert subnet.update(caller, "twice", [PRINCIPAL], [counter], [NAT]) == [2]
    assert subnet.update(caller, "many", [PRINCIPAL, NAT], [counter, 50], [NAT]) == [52]


def test_a_rejected_call_can_be_caught(subnet: Any, counter: bytes, caller: bytes) -> None:
    (text,) = subnet.update(caller, "caught", [PRINCIPAL], [counter], [TEXT])
    assert "on purpose" in text
    (text,) = subnet.update(caller, "lost", [PRINCIPAL], [counter], [TEXT])
    assert "has no update method 'missing'" in text


def test_an_await_is_a_commit_point(subnet: Any, counter: bytes, caller: bytes) -> None:
    answer = subnet.call(caller, "halfway", _principal(counter))
    assert isinstance(answer, Reject) and "second half" in answer.message
    assert subnet.query(caller, "read", returns=[TEXT]) == ["before the await"]
    assert subnet.query(counter, "get", returns=[NAT]) == [1]


def test_cycles_that_are_not_accepted_come_back(subnet: Any, counter: bytes, caller: bytes) -> None:
    before = subnet.engine.cycles(counter)
    accepted, refunded = subnet.update(caller, "pay", [PRINCIPAL], [counter], [NAT, NAT])
    assert (accepted, refunded) == (500_000_000, 500_000_000)
    assert 0 < subnet.engine.cycles(counter) - before <= 500_000_000


def test_no_cycles_appear_or_vanish(subnet: Any, counter: bytes, caller: bytes) -> None:
    arg = encode([PRINCIPAL], [counter])
    for method in ("twice", "pay", "halfway", "caught", "lost", "pay"):
        subnet.call(caller, method, arg)
    subnet.engine.execute_round(subnet.engine.now() + 3600 * 10**9)
    canisters = subnet.engine.subnet.canisters.values()
    assert sum(item.balance + item.consumed for item in canisters) == 200 * 10**12
    assert all(item.consumed > 0 for item in canisters)


def test_a_composite_query_calls_queries(subnet: Any, counter: bytes, caller: bytes) -> None:
    subnet.update(counter, "inc", returns=[NAT])
    assert subnet.query(caller, "through", [PRINCIPAL], [counter], [NAT]) == [1001]
    answer = subnet.call(caller, "through", _principal(counter))
    assert isinstance(answer, Reject) and answer.error_code == "IC0527"


def test_timers_fire_when_their_time_has_come(subnet: Any, motoko: Callable[[str], bytes]) -> None:
    canister = subnet.deploy(motoko(TIMER))
    subnet.update(canister, "start", [NAT], [10])
    engine = subnet.engine
    assert not engine.has_work(engine.now() + 1_000_000_000)
    for seconds in (9, 2, 10, 10):
        engine.execute_round(engine.now() + seconds * 1_000_000_000)
        engine.execute_round()
    assert subnet.query(canister, "get", returns=[NAT]) == [3]


def test_heartbeats_run_every_round(subnet: Any, motoko: Callable[[str], bytes]) -> None:
    canister = subnet.deploy(motoko(HEARTBEAT))
    before = subnet.query(canister, "get", returns=[NAT])[0]
    for _ in range(3):
        assert subnet.engine.has_work(subnet.engine.now())
        subnet.engine.execute_round()
    assert subnet.query(canister, "get", returns=[NAT]) == [before + 3]


def test_an_upgrade_keeps_heap_and_stable_memory(
    subnet: Any, motoko: Callable[[str], bytes]
) -> None:
    canister = subnet.deploy(motoko(REGION))
    subnet.call(canister, "put", _put(7, b"kept"))
    upgraded = motoko(REGION.replace("note #=", "note := note #"))
    refused = subnet.install(canister, upgraded, "upgrade")
    assert isinstance(refused, Reject) and "wasm_memory_persistence" in refused.message
    assert subnet.install(canister, upgraded, "upgrade", keep=True) == Reply(b"DIDL\0\0")
    assert subnet.query(canister, "told", returns=[TEXT]) == ["first+"]
    assert subnet.engine.query(b"\x04", canister, "get", _get(7, 4)) == Reply(_blob(b"kept"))
    reinstalled = subnet.install(canister, upgraded, "reinstall")
    assert isinstance(reinstalled, Reply)
    assert subnet.query(canister, "told", returns=[TEXT]) == ["first"]


def test_an_upgrade_that_traps_changes_nothing(subnet: Any, motoko: Callable[[str], bytes]) -> None:
    canister = subnet.deploy(motoko(REGION))
    subnet.call(canister, "put", _put(7, b"kept"))
    bad = REGION.replace(
        "public query func told",
        "system func postupgrade() { ignore 1 / (note.size() - note.size()) };\n"
        "  public query func told",
    )
    before = subnet.engine.canister(canister)
    answer = subnet.install(canister, motoko(bad), "upgrade", keep=True)
    assert isinstance(answer, Reject) and answer.error_code in ("IC0502", "IC0503")
    assert subnet.engine.canister(canister) == before
    assert subnet.query(canister, "told", returns=[TEXT]) == ["first+"]
    assert subnet.engine.query(b"\x04", canister, "get", _get(7, 4)) == Reply(_blob(b"kept"))


def test_random_bytes_differ_and_follow_from_the_seed(
    subnet: Any, portable_subnet: Any, motoko: Callable[[str], bytes]
) -> None:
    rolls = []
    for net in (subnet, portable_subnet):
        canister = net.deploy(motoko(RANDOM))
        rolls.append([net.update(canister, "roll", returns=[BLOB])[0] for _ in range(2)])
    assert rolls[0] == rolls[1]
    assert len(set(rolls[0])) == 2


def test_the_portable_memory_behaves_the_same(
    portable_subnet: Any, motoko: Callable[[str], bytes]
) -> None:
    net = portable_subnet
    counter = net.deploy(motoko(COUNTER))
    caller = net.deploy(motoko(CALLER))
    assert net.update(caller, "twice", [PRINCIPAL], [counter], [NAT]) == [2]
    assert isinstance(net.call(counter, "fail"), Reject)
    assert net.query(counter, "peek", returns=[NAT]) == [102]
    assert net.query(counter, "get", returns=[NAT]) == [2]


def _principal(value: bytes) -> bytes:
    return encode([PRINCIPAL], [value])


def _put(at: int, value: bytes) -> bytes:
    return encode([NAT64, BLOB], [at, value])


def _get(at: int, size: int) -> bytes:
    return encode([NAT64, NAT], [at, size])


def _blob(value: bytes) -> bytes:
    return encode([BLOB], [value])
