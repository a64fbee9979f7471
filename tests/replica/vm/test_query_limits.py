"""A query keeps within its time and memory, also inside of one instruction, and leaves nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dcanary.replica.api import Reject, Reply
from dcanary.replica.engine import Options
from dcanary.replica.opening import open_engine
from dcanary.replica.state import limits
from dcanary.replica.vm import instance
from tests.replica.helpers.subnet import USER, Harness

MODULE = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
  (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
  (import "ic0" "trap" (func $trap (param i32 i32)))
  (memory 16384)
  (func $bump (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1))))
  (func $tell (call $append (i32.const 0) (i32.const 4)) (call $reply))
  (func (export "canister_update bump") (call $bump) (call $tell))
  (func (export "canister_query tell") (call $tell))
  ;; one instruction each, as far as the module goes; a gigabyte, again and again
  (func (export "canister_query fill")
    (loop $again
      (memory.fill (i32.const 4096) (i32.const 1) (i32.const 1073000000)) (br $again)))
  (func (export "canister_query copy")
    (loop $again
      (memory.copy (i32.const 0) (i32.const 4096) (i32.const 1073000000))
      (memory.copy (i32.const 4096) (i32.const 0) (i32.const 1073000000)) (br $again)))
  (func (export "canister_query one_fill")
    (memory.fill (i32.const 4096) (i32.const 1) (i32.const 1073000000)) (call $reply))
  (func (export "canister_query grow")
    (drop (memory.grow (i32.const 16384)))
    (memory.fill (i32.const 1073741824) (i32.const 1) (i32.const 1073741824)) (call $reply))
  (func (export "canister_query stores") (local $at i32)
    (loop $again
      (i32.store (local.get $at) (i32.const 1))
      (local.set $at (i32.and (i32.add (local.get $at) (i32.const 4096)) (i32.const 1073741823)))
      (br $again)))
  (func (export "canister_query stable")
    (drop (call $grow (i64.const 16384)))
    (call $write (i64.const 0) (i64.const 0) (i64.const 1073741824)) (call $reply))
  (func (export "canister_query trap") (call $trap (i32.const 0) (i32.const 200000000))))
"""


@pytest.fixture(params=[False, True], ids=["mapped", "portable"])
def net(request: pytest.FixtureRequest, cache_dir: Path) -> Iterator[Harness]:
    options = Options(portable_memory=request.param)
    engine = open_engine(None, cache_dir=cache_dir, options=options)
    yield Harness(engine)
    engine.close()


def resident() -> int:
    """Bytes of memory of this process, with what it has in shared memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def query(net: Harness, canister: bytes, method: str) -> Reply | Reject:
    return net.engine.query(USER, canister, method, b"")


def refused(net: Harness, canister: bytes, method: str, code: str) -> None:
    answer = query(net, canister, method)
    assert isinstance(answer, Reject), answer
    assert answer.error_code == code, answer


@pytest.mark.parametrize("method", ["fill", "copy", "one_fill"])
def test_a_query_is_interrupted_inside_of_what_fills_and_copies(
    subnet: Harness,
    wat: Callable[[str], bytes],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
) -> None:
    """A tick comes every quarter of a second; a gigabyte takes longer when it is written first."""
    monkeypatch.setattr(instance, "QUERY_TICKS", 1)
    canister = subnet.deploy(wat(MODULE))
    refused(subnet, canister, method, "IC0528")


def test_what_a_query_writes_is_bounded_and_given_back(
    net: Harness, wat: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    portable = net.engine.runtime.memories.kind == "copied"
    monkeypatch.setattr(limits, "QUERY_MEMORY", 100 * limits.MIB)
    canister = net.deploy(wat(MODULE))
    assert isinstance(net.call(canister, "bump"), Reply)
    assert isinstance(query(net, canister, "tell"), Reply)
    before = resident()
    for method in ("grow", "stable") if portable else ("one_fill", "grow", "stores", "stable"):
        refused(net, canister, method, "IC0524")
        answer = query(net, canister, "tell")
        assert isinstance(answer, Reply)
        assert answer.data == b"\1\0\0\0"
    allowed = 1_200 if portable else 200  # the portable view is a copy of the memory's GiB
    assert resident() - before < allowed * limits.MIB


def test_pages_that_queries_touched_are_given_back(
    subnet: Harness, wat: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "QUERY_MEMORY", 100 * limits.MIB)
    canister = subnet.deploy(wat(MODULE))
    assert isinstance(subnet.call(canister, "bump"), Reply)
    arena = subnet.engine.runtime.memories.arena
    assert arena is not None
    for method in ("one_fill", "grow", "stores"):
        refused(subnet, canister, method, "IC0524")
        assert os.fstat(arena.fd).st_blocks * 512 < 8 * limits.MIB
    assert subnet.call(canister, "bump") == Reply(b"\2\0\0\0")


def test_many_queries_are_bounded_together(subnet: Harness, wat: Callable[[str], bytes]) -> None:
    subnet.engine.runtime.query_memory.most = 100 * limits.MIB
    canister = subnet.deploy(wat(MODULE))
    started = [subnet.engine.start_query(USER, canister, method, b"") for method in ("stores",) * 3]
    for future in started:
        answer = future.result()
        assert isinstance(answer, Reject)
        assert answer.error_code == "IC0524", answer


def test_the_text_of_a_trap_is_not_copied_at_any_length(
    subnet: Harness, wat: Callable[[str], bytes]
) -> None:
    canister = subnet.deploy(wat(MODULE))
    answer = query(subnet, canister, "trap")
    assert isinstance(answer, Reject)
    assert answer.error_code == "IC0503"
    assert len(answer.message) < 40_000


def test_readers_that_were_idle_for_hours_answer(
    subnet: Harness, wat: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Globals are set before the query's own time is armed."""
    module = """
      (module
        (import "ic0" "msg_reply" (func $reply))
        (global $count (mut i32) (i32.const 0))
        (func (export "canister_update bump")
          (global.set $count (i32.add (global.get $count) (i32.const 1))) (call $reply))
        (func (export "canister_query tell") (call $reply)))
    """
    canister = subnet.deploy(wat(module))
    assert isinstance(query(subnet, canister, "tell"), Reply)
    runtime = subnet.engine.runtime
    for _ in range(instance.NO_LIMIT_TICKS + 1):
        runtime.engine.increment_epoch()
        runtime.ticks += 1
    assert isinstance(subnet.call(canister, "bump"), Reply)
    assert isinstance(query(subnet, canister, "tell"), Reply)
