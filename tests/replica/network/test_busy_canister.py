"""One canister that computes for long does not hold up the others, seen from outside."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import cbor2
import pytest

from dcanary.cli.operations.network import address, effective_canister
from dcanary.client import principal
from dcanary.client.identity import Anonymous
from dcanary.client.management import Management
from dcanary.client.transport import Connection
from dcanary.replica import network
from tests.replica.helpers import certificates
from tests.replica.helpers.certificates import hash_of
from tests.replica.helpers.client import Client

pytestmark = pytest.mark.replica

ROUNDS = 3_900_000_000
"""Of the loop: seconds on any machine, and within the limit of one update."""
OTHERS = 15
MODULE = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (memory 1)
  (func $bump (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1))))
  (func $tell (call $append (i32.const 0) (i32.const 4)) (call $reply))
  (func (export "canister_update bump") (call $bump) (call $tell))
  (func (export "canister_update spin")
    (local $left i32)
    (call $bump)
    (local.set $left (i32.const %ROUNDS%))
    (loop $again
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (call $tell))
  (func (export "canister_query tell") (call $tell)))
"""


def number(data: bytes) -> int:
    return int.from_bytes(data, "little")


def test_updates_and_queries_of_others_are_answered_while_one_canister_computes(
    tmp_path: Path, wat: Callable[[str], bytes]
) -> None:
    wasm = wat(MODULE.replace("%ROUNDS%", str(ROUNDS)))
    where = address(network.start(tmp_path / "net"))
    try:
        with Connection(where, Anonymous()) as connection:
            management = Management(connection)
            names = [management.create(effective_canister(where.url)) for _ in range(2)]
            for name in names:
                management.install(name, wasm, b"", "install")
            busy, other = (principal.from_text(name) for name in names)
            client = Client(where.url)
            content = client.call_content(busy, "spin", b"")
            sent = client.send(f"/api/v2/canister/{names[0]}/call", content)
            assert sent.status_code == 202
            path = [b"request_status", hash_of(content), b"status"]

            def status() -> bytes:
                reply = cbor2.loads(client.read_state(busy, path).content)
                tree = certificates.open_certificate(reply["certificate"], where.root_key)
                found: bytes = certificates.lookup(tree, *path)
                return found

            until = time.monotonic() + 60
            while status() != b"processing":
                assert time.monotonic() < until, "the update was not begun"
                time.sleep(0.01)
            for count in range(1, OTHERS + 1):
                assert number(connection.update(other, "bump", b"")) == count
                assert number(connection.query(other, "tell", b"")) == count
                # What the update has changed so far is not seen before it is over.
                assert number(connection.query(busy, "tell", b"")) == 0
            assert status() == b"processing", "the others waited for the update"
    finally:
        network.stop(tmp_path / "net")
