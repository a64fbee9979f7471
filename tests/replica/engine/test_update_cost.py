"""What a small update costs, counted: unlike time it is the same on a busy machine."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from dcanary.replica.opening import open_engine
from tests.replica.helpers.subnet import Harness

COUNTER = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (memory 1)
  (func (export "canister_update inc")
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (call $append (i32.const 0) (i32.const 4)) (call $reply)))
"""
ENGINE = str(Path("dcanary", "replica"))
MESSAGES = 100
MOST_CALLS = 62
"""Of Python functions for one update, from `submit` to its reply. Raise it only for what an update
has to do more: each of them is about a hundredth of its time."""


def test_a_small_update_takes_few_calls(cache_dir: Path, wat: Callable[[str], bytes]) -> None:
    calls: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and ENGINE in frame.f_code.co_filename:
            calls[frame.f_code.co_qualname] += 1

    threading.setprofile(count)  # of the engine's threads, which are not started yet
    try:
        subnet = Harness(open_engine(None, cache_dir=cache_dir))
        try:
            canister = subnet.deploy(wat(COUNTER))
            subnet.call(canister, "inc")  # makes what the first call needs
            calls.clear()
            sys.setprofile(count)
            requests = [subnet.submit(canister, "inc") for _ in range(MESSAGES)]
            subnet.engine.execute_round()
            sys.setprofile(None)
            last = subnet.result(requests[-1])
        finally:
            subnet.engine.close()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    assert last is not None and last.data == (MESSAGES + 1).to_bytes(4, "little")
    assert calls["Executor.request"] == MESSAGES
    taken = sum(calls.values()) / MESSAGES
    assert taken <= MOST_CALLS, (taken, calls.most_common(MOST_CALLS))
