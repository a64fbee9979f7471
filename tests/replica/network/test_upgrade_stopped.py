"""Upgrading a canister that waits for an answer: the answer reaches the module that asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dcanary.cli.operations.network import address, effective_canister
from dcanary.client import principal
from dcanary.client.errors import RejectedError
from dcanary.client.identity import Anonymous
from dcanary.client.management import Management
from dcanary.client.transport import Connection
from dcanary.replica import network

pytestmark = pytest.mark.replica

SLOW = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (memory 1) (data (i32.const 0) "here")
  (func (export "canister_update answer")
    (local $left i32)
    (local.set $left (i32.const 1500000000))
    (loop $again
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (call $append (i32.const 0) (i32.const 4)) (call $reply)))
"""
ASKING = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_arg_data_size" (func $size (result i32)))
  (import "ic0" "msg_arg_data_copy" (func $copy (param i32 i32 i32)))
  (import "ic0" "call_new" (func $new (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "ic0" "call_perform" (func $perform (result i32)))
  (memory 1) (data (i32.const 64) "answer")
  (table funcref (elem $answered))
  (func $answered (param i32)
    (call $copy (i32.const 0) (i32.const 0) (call $size))
    (call $append (i32.const 0) (call $size)) (call $reply))
  (func (export "canister_update ask")
    (call $copy (i32.const 128) (i32.const 0) (call $size))
    (call $new (i32.const 128) (call $size) (i32.const 64) (i32.const 6)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.store8 (i32.const 200) (i32.const 1)) (drop (call $perform)))
  (func (export "canister_query asked")
    (call $append (i32.const 200) (i32.const 1)) (call $reply))
  (func (export "canister_query version")
    (i32.store8 (i32.const 0) (i32.const 49)) (call $append (i32.const 0) (i32.const 1))
    (call $reply)))
"""
OTHER = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (memory 1) (data (i32.const 0) "2wrong")
  (table funcref (elem $unrelated))
  (func $unrelated (param i32) (call $append (i32.const 1) (i32.const 5)) (call $reply))
  (func (export "canister_query version")
    (call $append (i32.const 0) (i32.const 1)) (call $reply)))
"""


class Pair:
    """A canister that asks another, which takes a while to answer."""

    def __init__(self, connection: Connection, wat: Callable[[str], bytes]) -> None:
        self.connection = connection
        self.management = Management(connection)
        effective = effective_canister(connection.network.url)
        self.asking, self.slow = (self.management.create(effective) for _ in range(2))
        self.management.install(self.asking, wat(ASKING), b"", "install")
        self.management.install(self.slow, wat(SLOW), b"", "install")
        self.answer = b""

    def ask(self) -> None:
        arg = principal.from_text(self.slow)
        self.answer = self.connection.update(principal.from_text(self.asking), "ask", arg)

    def has_asked(self) -> bool:
        return self.connection.query(principal.from_text(self.asking), "asked", b"") == b"\x01"

    def version(self) -> bytes:
        return self.connection.query(principal.from_text(self.asking), "version", b"")


@pytest.fixture
def pair(tmp_path: Path, wat: Callable[[str], bytes]) -> Iterator[Pair]:
    where = address(network.start(tmp_path / "net"))
    try:
        with Connection(where, Anonymous()) as connection:
            yield Pair(connection, wat)
    finally:
        network.stop(tmp_path / "net")


def test_an_answer_that_comes_during_an_upgrade_reaches_the_module_that_asked(
    pair: Pair, wat: Callable[[str], bytes]
) -> None:
    asking = threading.Thread(target=pair.ask)
    asking.start()
    while not pair.has_asked():
        assert asking.is_alive(), "the call was over before the upgrade"
    pair.management.install(pair.asking, wat(OTHER), b"", "upgrade", stopped=True)
    asking.join()
    assert pair.answer == b"here"
    assert pair.version() == b"2"


def test_a_canister_whose_upgrade_fails_runs_again(pair: Pair) -> None:
    with pytest.raises(RejectedError):
        pair.management.install(pair.asking, b"no module", b"", "upgrade", stopped=True)
    assert pair.version() == b"1"
