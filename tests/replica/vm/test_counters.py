"""Instructions are counted right whatever ran before on the same canister."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcanary.replica.api import Reject, Reply
from dcanary.replica.opening import open_engine
from dcanary.replica.state.errors import EngineError
from dcanary.replica.vm import instance, raw
from tests.examples import examples
from tests.replica.helpers.subnet import USER, Harness

MODULE = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reject" (func $reject (param i32 i32)))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_method_name_size" (func $name (result i32)))
  (import "ic0" "accept_message" (func $accept))
  (import "ic0" "performance_counter" (func $counter (param i32) (result i64)))
  (memory 1)
  (global $some (mut i32) (i32.const 1))
  (func $spin (param $left i32)
    (loop $again
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left))))
  (func $tell
    (i64.store (i32.const 0) (call $counter (i32.const 0)))
    (call $append (i32.const 0) (i32.const 8)) (call $reply))
  (func (export "canister_inspect_message")
    (call $spin (i32.const 5000)) (call $accept))
  (func (export "canister_update count") (call $spin (i32.const 1000)) (call $tell))
  (func (export "canister_query count_query") (call $spin (i32.const 1000)) (call $tell))
  (func (export "canister_update long") (call $spin (i32.const 3000000)) (call $tell))
  (func (export "canister_update trap") (call $spin (i32.const 100)) unreachable)
  (func (export "canister_update refuse")
    (call $spin (i32.const 100)) (call $reject (i32.const 0) (i32.const 0)))
  (func (export "canister_query trap_query") unreachable)
  (func (export "canister_query forever") (loop $again (br $again)))
  (func $deep (call $deep))
  (func (export "canister_update recurse") (call $deep)))
"""
STEPS = (
    "count", "count_query", "long", "trap", "refuse", "trap_query", "forever", "recurse",
)  # fmt: skip


def counted(answer: Reply | Reject) -> int:
    assert isinstance(answer, Reply), answer
    return int.from_bytes(answer.data, "little")


@pytest.fixture(scope="module")
def net(cache_dir: Path, wat: Callable[[str], bytes]) -> Any:
    engine = open_engine(None, cache_dir=cache_dir)
    made = Harness(engine)
    made.wasm = wat(MODULE)  # type: ignore[attr-defined]  # for `expected` below
    yield made
    engine.close()


def perform(net: Harness, canister: bytes, step: str) -> tuple[object, int]:
    """Returns what the answer shows, and the cycles the step cost."""
    before = net.engine.cycles(canister)
    if step.endswith("_query") or step == "forever":
        answer = net.engine.query(USER, canister, step, b"")
    else:
        answer = net.call(canister, step, b"")
    shown: object = counted(answer) if isinstance(answer, Reply) else answer.error_code
    return shown, before - net.engine.cycles(canister)


@pytest.fixture(scope="module")
def expected(net: Any) -> dict[str, tuple[object, int]]:
    """What each step shows and costs on a canister of its own."""
    return {step: perform(net, net.deploy(net.wasm), step) for step in STEPS if step != "forever"}


@given(st.lists(st.sampled_from(STEPS), min_size=1, max_size=7))
@settings(max_examples=examples(12), deadline=None, suppress_health_check=list(HealthCheck))
def test_every_message_costs_what_it_costs_alone(
    net: Any, expected: dict[str, tuple[object, int]], steps: list[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instance, "QUERY_TICKS", 1)
        canister = net.deploy(net.wasm)
        for step in [*steps, "count"]:
            found = perform(net, canister, step)
            assert found == (("IC0528", 0) if step == "forever" else expected[step]), step


def test_a_query_that_timed_out_leaves_no_counter_to_the_update_after_it(
    net: Any, expected: dict[str, tuple[object, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance, "QUERY_TICKS", 1)
    canister = net.deploy(net.wasm)
    assert perform(net, canister, "forever") == ("IC0528", 0)
    assert perform(net, canister, "count") == expected["count"]
    assert perform(net, canister, "count_query") == expected["count_query"]


def test_a_call_into_the_instance_that_fails_is_not_passed_over(net: Any) -> None:
    canister = net.deploy(net.wasm)
    body = net.engine.core.bodies[canister]
    inside = body.instance()
    raw.set_epoch_deadline(inside.context, 0)
    net.engine.runtime.engine.increment_epoch()
    with pytest.raises(EngineError, match="get_globals failed"):
        inside.known_globals = None
        inside.globals()
    body.drop_instance()


def test_the_stack_is_that_of_the_network(subnet: Harness, wat: Callable[[str], bytes]) -> None:
    """5 MiB hold 40,000 frames of more than 64 bytes, which the default of 512 KiB does not."""
    canister = subnet.deploy(
        wat("""
        (module
          (import "ic0" "msg_reply" (func $reply))
          (func $down (param i64 i64 i64 i64) (result i64)
            (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 0))
              (else (i64.add (i64.add (local.get 1) (i64.add (local.get 2) (local.get 3)))
                (call $down (i64.sub (local.get 0) (i64.const 1))
                  (local.get 3) (local.get 1) (local.get 2))))))
          (func (export "canister_update fits")
            (drop (call $down (i64.const 40000) (i64.const 1) (i64.const 2) (i64.const 3)))
            (call $reply))
          (func (export "canister_update endless")
            (drop (call $down (i64.const -1) (i64.const 1) (i64.const 2) (i64.const 3)))
            (call $reply)))
        """)
    )
    assert subnet.call(canister, "fits") == Reply(b"")
    answer = subnet.call(canister, "endless")
    assert isinstance(answer, Reject)
    assert "stack overflow" in answer.message
