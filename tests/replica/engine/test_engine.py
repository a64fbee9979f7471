"""The border itself: threads, idempotence, time, life."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcanary.replica.api import Engine, Ingress, Reject, Reply, RequestState
from dcanary.replica.engine import ReplicaEngine
from dcanary.replica.opening import open_engine
from dcanary.replica.state import limits

COUNT = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (memory 1)
  (func (export "canister_update inc")
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (call $append (i32.const 0) (i32.const 4)) (call $reply))
  (func (export "canister_query get")
    (call $append (i32.const 0) (i32.const 4)) (call $reply))
  (func (export "canister_update slow") (local $i i32)
    (loop $l
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $i) (i32.const 300000000))))
    (call $reply)))
"""


def test_it_implements_the_border(cache_dir: Path) -> None:
    engine: Engine = open_engine(None, cache_dir=cache_dir)
    assert isinstance(engine, ReplicaEngine)
    (first, last) = engine.canister_ranges()[0]
    assert first < last
    engine.close()
    engine.close()
    with pytest.raises(RuntimeError, match="closed"):
        engine.execute_round()


def test_a_message_sent_twice_runs_once(subnet: Any, wat: Callable[[str], bytes]) -> None:
    canister = subnet.deploy(wat(COUNT))
    message = Ingress(b"r" * 32, b"\x04", canister, "inc", b"", subnet.engine.now() + 10**9)
    assert subnet.engine.submit(message) is None
    assert subnet.engine.submit(message) is None
    received = subnet.engine.request_status(message.request_id)
    assert received.state is RequestState.RECEIVED
    assert received.sender == b"\x04"
    assert received.effective_canister_id == canister
    subnet.engine.execute_round()
    assert subnet.engine.submit(message) is None
    subnet.engine.execute_round()
    status = subnet.engine.request_status(message.request_id)
    assert status.state is RequestState.REPLIED
    assert status.result == Reply(b"\x01\0\0\0")
    assert subnet.engine.request_status(message.request_id) is not None


def test_old_results_are_forgotten(subnet: Any, wat: Callable[[str], bytes]) -> None:
    canister = subnet.deploy(wat(COUNT))
    request = subnet.submit(canister, "inc")
    subnet.engine.execute_round()
    for minutes in (4, 4, 4):
        assert subnet.engine.request_status(request) is not None
        subnet.engine.execute_round(subnet.engine.now() + minutes * limits.MINUTE)
    assert subnet.engine.request_status(request) is None


def test_expired_messages_give_up_their_replies_when_there_are_too_many(
    subnet: Any, wat: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    canister = subnet.deploy(wat(COUNT))
    monkeypatch.setattr(limits, "MAX_KEPT_REPLIES", 10)
    requests = [subnet.submit(canister, "inc") for _ in range(4)]
    subnet.engine.execute_round()
    subnet.engine.execute_round(subnet.engine.now() + 6 * limits.MINUTE)
    states = [subnet.engine.request_status(item).state for item in requests]
    assert states == [RequestState.DONE] * 2 + [RequestState.REPLIED] * 2
    assert subnet.engine.request_status(requests[0]).result is None


def test_time_does_not_go_back(subnet: Any) -> None:
    now = subnet.engine.now()
    subnet.engine.set_time(now + 5)
    assert subnet.engine.now() == now + 5
    with pytest.raises(ValueError, match="cannot go back"):
        subnet.engine.set_time(now)
    with pytest.raises(ValueError, match="cannot go back"):
        subnet.engine.execute_round(now)
    assert not subnet.engine.has_work(now + 5)


def test_clients_can_look_while_a_message_runs(subnet: Any, wat: Callable[[str], bytes]) -> None:
    canister = subnet.deploy(wat(COUNT))
    request = subnet.submit(canister, "slow")
    worker = threading.Thread(target=subnet.engine.execute_round)
    worker.start()
    longest, looks = 0.0, 0
    while worker.is_alive():
        begun = time.monotonic()
        subnet.engine.now()
        subnet.engine.request_status(request)
        subnet.engine.canister(canister)
        subnet.engine.canister_ids()
        longest = max(longest, time.monotonic() - begun)
        looks += 1
        time.sleep(0.001)
    worker.join()
    assert isinstance(subnet.result(request), Reply)
    assert looks > 3
    assert longest < 1.0


def test_many_threads_may_call_at_once(subnet: Any, wat: Callable[[str], bytes]) -> None:
    canister = subnet.deploy(wat(COUNT))
    engine = subnet.engine
    failures: list[object] = []

    def work(number: int) -> None:
        for step in range(25):
            request = b"%032d" % (number * 1000 + step)
            message = Ingress(request, b"\x04", canister, "inc", b"", engine.now() + 10**11)
            if engine.submit(message) is not None:
                failures.append("refused")
            engine.execute_round()
            status = engine.request_status(request)
            if status is None or not isinstance(status.result, Reply):
                failures.append(status)
            if not isinstance(engine.query(b"\x04", canister, "get", b""), Reply):
                failures.append("query")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert engine.query(b"\x04", canister, "get", b"") == Reply((100).to_bytes(4, "little"))


def test_a_round_ends_at_its_budget_and_goes_on_in_the_next(
    subnet: Any, wat: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    canister = subnet.deploy(wat(COUNT))
    monkeypatch.setattr(limits, "ROUND_INSTRUCTIONS", 1)
    requests = [subnet.submit(canister, "inc") for _ in range(3)]
    assert subnet.engine.execute_round() is True
    assert [subnet.result(item) is not None for item in requests] == [True, False, False]
    assert subnet.engine.has_work(subnet.engine.now())
    assert subnet.engine.execute_round() is True
    assert subnet.engine.execute_round() is False
    assert subnet.result(requests[2]) == Reply((3).to_bytes(4, "little"))


def test_messages_keep_their_order(subnet: Any, wat: Callable[[str], bytes]) -> None:
    canister = subnet.deploy(wat(COUNT))
    requests = [subnet.submit(canister, "inc") for _ in range(20)]
    subnet.engine.execute_round()
    answers = [subnet.result(item) for item in requests]
    assert answers == [Reply(number.to_bytes(4, "little")) for number in range(1, 21)]


def test_too_large_messages_are_refused(subnet: Any, wat: Callable[[str], bytes]) -> None:
    canister = subnet.deploy(wat(COUNT))
    refused = subnet.submit(canister, "inc", bytes(3 * limits.MIB))
    assert isinstance(refused, Reject) and "too large" in refused.message
    assert subnet.status(canister)["status"] == {"running": None}


def test_the_maker_of_a_data_certificate_may_look_at_the_engine(
    subnet: Any, wat: Callable[[str], bytes]
) -> None:
    canister = subnet.deploy(
        wat(
            """(module
            (import "ic0" "msg_reply" (func $reply))
            (import "ic0" "data_certificate_size" (func $size (result i32)))
            (func (export "canister_query q") (drop (call $size)) (call $reply)))"""
        )
    )
    seen = []

    def certificate(asked: bytes) -> bytes:
        seen.append((subnet.engine.cycles(asked), subnet.engine.canister(asked)))
        return b"certificate"

    answer = subnet.engine.query(b"\x04", canister, "q", b"", certificate)
    assert answer == Reply(b"")
    assert seen == [(subnet.engine.cycles(canister), subnet.engine.canister(canister))]
