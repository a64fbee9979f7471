"""Long runs go on beside the rounds; queries run beside both. The log makes all of it again."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dcanary.replica.api import Ingress, Reject, Reply, RequestState
from dcanary.replica.engine import Options, ReplicaEngine
from dcanary.replica.engine.management import types
from dcanary.replica.engine.options import Patience
from dcanary.replica.opening import open_engine
from dcanary.replica.storage import codec
from tests.replica.helpers.candid import encode
from tests.replica.helpers.subnet import USER, Harness

SPIN = 1_500_000_000
"""Rounds of the loop of `spin`: a second and more."""
MODULE = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
  (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
  (import "ic0" "stable64_read" (func $read (param i64 i64 i64)))
  (import "ic0" "trap" (func $trap (param i32 i32)))
  (memory 2)
  (global $count (mut i32) (i32.const 0))
  (func $spin (param $left i32)
    (loop $again
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left))))
  (func (export "canister_init") (drop (call $grow (i64.const 1))))
  ;; the same number in memory, in a later page, in a global and in stable memory
  (func $bump
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (i32.store (i32.const 70000) (i32.load (i32.const 0)))
    (global.set $count (i32.load (i32.const 0)))
    (call $write (i64.const 0) (i64.const 0) (i64.const 4)))
  (func $tell
    (call $read (i64.const 100) (i64.const 0) (i64.const 4))
    (i32.store (i32.const 104) (i32.load (i32.const 0)))
    (i32.store (i32.const 108) (i32.load (i32.const 70000)))
    (i32.store (i32.const 112) (global.get $count))
    (call $append (i32.const 100) (i32.const 16)) (call $reply))
  (func (export "canister_update bump") (call $bump) (call $tell))
  (func (export "canister_update spin") (call $bump) (call $spin (i32.const %SPIN%)) (call $tell))
  (func (export "canister_update spin_and_trap")
    (call $bump) (call $spin (i32.const %SPIN%)) unreachable)
  (func (export "canister_query tell") (call $tell))
  (func (export "canister_query look")
    (call $read (i64.const 100) (i64.const 0) (i64.const 4))
    (call $spin (i32.const 300000000))
    (call $tell))
  (func (export "canister_query forever") (loop $again (br $again))))
"""


def numbers(answer: Reply | Reject | None) -> list[int]:
    assert isinstance(answer, Reply), answer
    return [int.from_bytes(answer.data[at : at + 4], "little") for at in range(0, 16, 4)]


def code(wat: Callable[[str], bytes], spin: int = SPIN) -> bytes:
    return wat(MODULE.replace("%SPIN%", str(spin)))


def state(net: Harness, request: bytes | Reject) -> RequestState:
    assert isinstance(request, bytes), request
    status = net.engine.request_status(request)
    assert status is not None
    return status.state


def start(net: Harness, canister: bytes, method: str, arg: bytes = b"") -> bytes:
    """Submit a message and run rounds that do not wait until it goes on beside them."""
    request = net.submit(canister, method, arg)
    assert isinstance(request, bytes), request
    for _ in range(3):
        net.engine.execute_round(wait=False)
    assert state(net, request) is RequestState.PROCESSING
    assert net.engine.core.runs.beside
    return request


def finish(net: Harness, request: bytes, seconds: float = 120) -> Reply | Reject:
    """Run rounds that do not wait until a message is answered."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        net.engine.execute_round(wait=False)
        found = net.result(request)
        if found is not None:
            return found
        time.sleep(0.01)
    raise AssertionError("not answered")


def quick(net: Harness, canister: bytes, method: str) -> Reply | Reject:
    request = net.submit(canister, method, b"")
    assert isinstance(request, bytes), request
    return finish(net, request)


def test_others_and_queries_are_answered_while_an_update_takes_long(
    subnet: Harness, wat: Callable[[str], bytes]
) -> None:
    busy, other = subnet.deploy(code(wat)), subnet.deploy(code(wat))
    request = start(subnet, busy, "spin")
    for n in range(1, 21):
        assert numbers(quick(subnet, other, "bump")) == [n] * 4
        assert numbers(subnet.engine.query(USER, other, "tell", b"")) == [n] * 4
        assert numbers(subnet.engine.query(USER, busy, "tell", b"")) == [0] * 4
    assert state(subnet, request) is RequestState.PROCESSING
    assert numbers(finish(subnet, request)) == [1] * 4
    assert numbers(subnet.engine.query(USER, busy, "tell", b"")) == [1] * 4


def test_messages_about_a_busy_canister_wait_in_their_order(
    subnet: Harness, wat: Callable[[str], bytes]
) -> None:
    busy = subnet.deploy(code(wat))
    first = start(subnet, busy, "spin")
    second = subnet.submit(busy, "bump", b"")
    status = subnet.submit(
        b"", "canister_status", encode([types.CANISTER_ID], [{"canister_id": busy}])
    )
    third = subnet.submit(busy, "bump", b"")
    subnet.engine.execute_round(wait=False)
    for request in (second, status, third):
        assert state(subnet, request) is RequestState.RECEIVED
    assert numbers(finish(subnet, first)) == [1] * 4
    assert isinstance(third, bytes)
    assert numbers(finish(subnet, third)) == [3] * 4
    assert isinstance(status, bytes)
    assert isinstance(subnet.result(status), Reply)


def test_a_long_update_that_traps_leaves_nothing_behind(
    subnet: Harness, wat: Callable[[str], bytes]
) -> None:
    busy = subnet.deploy(code(wat))
    request = start(subnet, busy, "spin_and_trap")
    answer = finish(subnet, request)
    assert isinstance(answer, Reject)
    assert answer.error_code == "IC0502"
    assert numbers(subnet.call(busy, "bump")) == [1] * 4


def test_fees_and_deposits_during_a_long_update_are_kept(
    subnet: Harness, wat: Callable[[str], bytes]
) -> None:
    calm, busy = subnet.deploy(code(wat)), subnet.deploy(code(wat))
    subnet.call(calm, "spin", b"")
    subnet.engine.add_cycles(calm, 10**15)
    request = start(subnet, busy, "spin")
    subnet.engine.add_cycles(busy, 10**15)
    finish(subnet, request)
    assert subnet.engine.cycles(busy) == subnet.engine.cycles(calm)


@pytest.mark.parametrize("portable", [False, True])
def test_a_query_sees_one_state_whatever_is_committed_meanwhile(
    wat: Callable[[str], bytes], cache_dir: Path, portable: bool
) -> None:
    engine = open_engine(None, cache_dir=cache_dir, options=Options(portable_memory=portable))
    net = Harness(engine)
    canister = net.deploy(code(wat))
    net.call(canister, "bump")
    looks = [engine.start_query(USER, canister, "look", b"") for _ in range(3)]
    count = 1
    while not all(look.done() for look in looks):
        count += 1
        assert numbers(net.call(canister, "bump")) == [count] * 4
    for look in looks:
        seen = numbers(look.result())
        assert len(set(seen)) == 1, seen
    assert count > 2
    assert numbers(engine.query(USER, canister, "tell", b"")) == [count] * 4
    engine.close()


def test_one_canister_cannot_take_all_queries(subnet: Harness, wat: Callable[[str], bytes]) -> None:
    hog, other = subnet.deploy(code(wat)), subnet.deploy(code(wat))
    endless = [subnet.engine.start_query(USER, hog, "forever", b"") for _ in range(12)]
    for _ in range(20):
        assert numbers(subnet.engine.query(USER, other, "tell", b"")) == [0] * 4
    assert numbers(quick(subnet, hog, "bump")) == [1] * 4
    assert not endless[-1].done()
    subnet.engine.close()
    first = endless[0].result()
    assert isinstance(first, Reject)


def test_installing_does_not_stop_others(subnet: Harness, wat: Callable[[str], bytes]) -> None:
    other, target = subnet.deploy(code(wat)), subnet.create()
    fresh = f'(module (memory 1) (data (i32.const 0) "{time.time_ns()}"))'
    unknown = f'(func (export "canister_query q{time.time_ns()}") (drop (i32.const 1)))'
    wasm = wat(fresh.removesuffix(")") + unknown + ")")
    install = {
        "mode": {"install": None}, "canister_id": target, "wasm_module": wasm, "arg": b"",
    }  # fmt: skip
    request = start(subnet, b"", "install_code", encode([types.INSTALL_CODE], [install]))
    for n in range(1, 6):
        assert numbers(quick(subnet, other, "bump")) == [n] * 4
    assert state(subnet, request) is RequestState.PROCESSING
    assert isinstance(finish(subnet, request), Reply)


def test_closing_does_not_wait_for_what_runs(
    tmp_path: Path, open_subnet: Callable[[Path], Harness], wat: Callable[[str], bytes]
) -> None:
    net = open_subnet(tmp_path)
    busy = net.deploy(code(wat, 2_000_000_000))
    request = start(net, busy, "spin")
    net.engine.start_query(USER, busy, "forever", b"")
    begun = time.monotonic()
    net.engine.close()
    assert time.monotonic() - begun < 5
    again = open_subnet(tmp_path)
    # It goes on at once, and may have ended before a slow machine asks.
    assert state(again, request) in (RequestState.PROCESSING, RequestState.REPLIED)
    assert numbers(finish(again, request)) == [1] * 4
    again.engine.close()


def digest(engine: ReplicaEngine) -> str:
    """Over everything that must survive."""
    core = engine.core
    out = hashlib.sha256(codec.encode(core.subnet))
    for canister in sorted(core.bodies):
        body = core.bodies[canister]
        out.update(body.memory.read_image(0, body.memory.committed_size))
        out.update(body.stable.content() + (body.globals or b""))
    return out.hexdigest()


@pytest.mark.parametrize("replay_seconds", [1.5, 0.001])
def test_a_killed_engine_finds_long_runs_where_the_log_has_them(
    tmp_path: Path, cache_dir: Path, wat: Callable[[str], bytes], replay_seconds: float
) -> None:
    """Copies of the folder, as a kill at that moment leaves it, at each step of a mixed load."""
    options = Options(
        patience=Patience(run_seconds=0.002, round_seconds=0.004), replay_seconds=replay_seconds
    )

    def opened(folder: Path) -> Harness:
        return Harness(open_engine(folder, cache_dir=cache_dir, options=options))

    net = opened(tmp_path / "state")
    canisters = [net.deploy(code(wat, 40_000_000)) for _ in range(3)]
    sent: list[bytes] = []
    copies: list[tuple[Path, str | None]] = []
    for step in range(30):
        canister = canisters[step % 3]
        request = net.submit(canister, ("spin", "bump", "spin_and_trap")[step // 3 % 3], b"")
        assert isinstance(request, bytes)
        sent.append(request)
        if step % 7 == 3:
            net.engine.add_cycles(canister, 1_000_000)
        net.engine.execute_round(net.engine.now() + 10**9, wait=False)
        if step % 5 == 4:
            copy = tmp_path / f"copy-{step}"
            shutil.copytree(tmp_path / "state", copy)
            beside = net.engine.core.runs.beside
            copies.append((copy, None if beside else digest(net.engine)))
    while net.engine.execute_round():
        pass
    answers = [net.result(request) for request in sent]
    assert None not in answers
    final = digest(net.engine)
    shutil.copytree(tmp_path / "state", tmp_path / "end")
    copies.append((tmp_path / "end", final))
    for folder, expected in copies:
        again = opened(folder)
        assert expected is None or digest(again.engine) == expected
        known = [request for request in sent if again.engine.request_status(request) is not None]
        while again.engine.execute_round():
            pass
        for request in known:
            assert again.result(request) == answers[sent.index(request)]
        again.engine.close()
    net.engine.close()


def test_a_resent_message_is_accepted_while_it_runs(
    subnet: Harness, wat: Callable[[str], bytes]
) -> None:
    busy = subnet.deploy(code(wat))
    request = start(subnet, busy, "spin")
    again = Ingress(request, USER, busy, "spin", b"", subnet.engine.now() + 10**9)
    assert subnet.engine.submit(again) is None
    assert numbers(finish(subnet, request)) == [1] * 4
