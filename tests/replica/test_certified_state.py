"""A certificate is of one state: whoever sees an answer in it sees the effects too."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import cbor2
import pytest

from dcanary.replica.api import Ingress, Reply, RequestState
from dcanary.replica.certification.keys import SubnetKeys
from dcanary.replica.certification.state_tree import CertifiedState
from dcanary.replica.engine import Options, ReplicaEngine
from dcanary.replica.engine.management import types
from dcanary.replica.engine.options import Patience
from dcanary.replica.http.app import create_app
from dcanary.replica.node import Node
from dcanary.replica.opening import open_engine
from tests.replica.helpers import certificates
from tests.replica.helpers.candid import encode
from tests.replica.helpers.client import Client
from tests.replica.helpers.running import serving
from tests.replica.helpers.subnet import USER, Harness

KEYS = SubnetKeys(bytes(32))
FOREVER = Patience(run_seconds=600, round_seconds=600)
NEVER = Patience(run_seconds=0.001, round_seconds=0.002)
MODULE = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "certified_data_set" (func $certify (param i32 i32)))
  (import "ic0" "time" (func $time (result i64)))
  (memory 1)
  (func $spin (param $left i32)
    (loop $again
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left))))
  ;; counts, and certifies and replies the count and the time
  (func $bump
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (i64.store (i32.const 8) (call $time))
    (call $certify (i32.const 0) (i32.const 16))
    (call $append (i32.const 0) (i32.const 16))
    (call $reply))
  (func (export "canister_update bump") (call $bump))
  (func (export "canister_update spin") (call $spin (i32.const %SPIN%)) (call $bump))
  (func (export "canister_query tell")
    (call $append (i32.const 0) (i32.const 16)) (call $reply)))
"""
VERSION = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (memory 1) (data (i32.const 0) "%VERSION%")
  (func (export "canister_query version")
    (call $append (i32.const 0) (i32.const 4)) (call $reply)))
"""


def numbers(data: bytes) -> tuple[int, int]:
    """Count and time of what `bump` certifies."""
    return int.from_bytes(data[:4], "little"), int.from_bytes(data[8:16], "little")


def installation(canister: bytes, wasm: bytes, mode: str) -> bytes:
    value: dict[str, Any] = {
        "mode": {mode: None}, "canister_id": canister, "wasm_module": wasm, "arg": b"",
    }  # fmt: skip
    return encode([types.INSTALL_CODE], [value])


_REQUESTS = count(1)


def message(canister: bytes, method: str, arg: bytes = b"") -> Ingress:
    return Ingress(next(_REQUESTS).to_bytes(32, "big"), USER, canister, method, arg, 2**63)


@contextmanager
def living(engine: ReplicaEngine) -> Iterator[Node]:
    node = Node(engine, KEYS, live=True, subnet_type="application")
    try:
        yield node
    finally:
        node.stop()


def submit(node: Node, *messages: Ingress) -> None:
    """Submit messages that the same round executes."""
    refused = node.job(lambda: [node.submit_now(one) for one in messages]).result()
    assert refused == [None] * len(messages)


def ended(node: Node, one: Ingress) -> bool:
    status = node.request_status(one.request_id)
    return status is not None and status.state is RequestState.REPLIED


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until, "not within two minutes"
        time.sleep(0.002)


def test_a_read_of_the_state_shows_what_a_query_before_it_showed(
    wat: Callable[[str], bytes], cache_dir: Path
) -> None:
    """A query sees what a message has committed while the round of that message goes on."""
    engine = open_engine(None, cache_dir=cache_dir, options=Options(patience=FOREVER))
    net = Harness(engine)
    busy, target = net.deploy(wat(MODULE.replace("%SPIN%", "600000000"))), net.create()
    wasm = wat(VERSION.replace("%VERSION%", "0001"))
    with living(engine) as node, serving(create_app(node, "0")) as url:
        client = Client(url)
        spin = message(busy, "spin")
        submit(node, message(b"", "install_code", installation(target, wasm, "install")), spin)

        def shown() -> bool:
            found = cbor2.loads(client.query(target, "version", b"").content)
            return bool(found["status"] == "replied")

        eventually(shown)
        assert not ended(node, spin), "the round was over too early to show anything"
        path = [b"canister", target, b"module_hash"]
        certificate = cbor2.loads(client.read_state(target, path).content)["certificate"]
        tree = certificates.open_certificate(certificate, KEYS.root_key)
        assert isinstance(certificates.lookup(tree, *path), bytes)


def test_a_checkpoint_that_ends_a_long_run_certifies_all_of_it(
    tmp_path: Path, wat: Callable[[str], bytes], cache_dir: Path
) -> None:
    """A checkpoint that is asked for makes the engine finish what runs beside its rounds."""
    options = Options(patience=NEVER)
    engine = open_engine(tmp_path, cache_dir=cache_dir, options=options)
    busy = Harness(engine).deploy(wat(MODULE.replace("%SPIN%", "200000000")))
    node = Node(engine, KEYS, live=False, subnet_type="application")
    try:
        spin = message(busy, "spin")
        submit(node, spin)

        def begun() -> bool:
            # On a busy machine a round may be over before it comes to the message.
            node.job(lambda: engine.execute_round(wait=False)).result()
            node.job(node.changed).result()
            status = node.request_status(spin.request_id)
            assert status is not None
            return status.state is RequestState.PROCESSING

        eventually(begun)
        bump = message(busy, "bump", bytes(20_000))
        submit(node, bump)
        node.checkpoint()
        state = node.state()
        assert state.value(b"request_status", spin.request_id, b"status") == b"replied"
        certified = state.value(b"canister", busy, b"certified_data") or b""
        answers = [
            numbers(answer)[0]
            for one in (spin, bump)
            if (answer := state.value(b"request_status", one.request_id, b"reply"))
        ]
        assert numbers(certified)[0] == max(answers)
    finally:
        node.stop()


class Observer(threading.Thread):
    """Looks at the certified state all the time."""

    def __init__(self, node: Node) -> None:
        super().__init__(daemon=True)
        self._node = node
        self.over = False
        self.states: list[CertifiedState] = []

    def run(self) -> None:
        while not self.over:
            self.states.append(self._node.state())
            time.sleep(0.001)


@pytest.mark.parametrize("patience", [NEVER, FOREVER])
def test_every_certified_state_is_one_state(
    wat: Callable[[str], bytes], cache_dir: Path, patience: Patience
) -> None:
    engine = open_engine(None, cache_dir=cache_dir, options=Options(patience=patience))
    net = Harness(engine)
    code = wat(MODULE.replace("%SPIN%", "9000000"))
    counters, target = [net.deploy(code) for _ in range(2)], net.create()
    modules = [wat(VERSION.replace("%VERSION%", f"{n:04}")) for n in range(8)]
    hashes: dict[bytes | None, int] = {None: 0}
    sent: list[tuple[bytes, Ingress]] = []
    installs: list[Ingress] = []
    with living(engine) as node:
        observer = Observer(node)
        observer.start()
        for number, wasm in enumerate(modules):
            mode = "upgrade" if number else "install"
            installs.append(message(b"", "install_code", installation(target, wasm, mode)))
            batch = [
                (canister, message(canister, method))
                for canister in counters
                for method in ("bump", "spin", "bump")
            ]
            sent += batch
            submit(node, *(one for _, one in batch[::2]), installs[-1])
            submit(node, *(one for _, one in batch[1::2]))
            eventually(lambda: ended(node, installs[-1]))
            hashes[node.state().value(b"canister", target, b"module_hash")] = number + 1
        eventually(lambda: all(ended(node, one) for _, one in sent))
        observer.over = True
        observer.join()
        states = [*observer.states, node.state()]
    assert len(hashes) == len(modules) + 1
    when = {
        canister: [
            numbers(answer)
            for about, one in sent
            if about == canister
            and (answer := states[-1].value(b"request_status", one.request_id, b"reply"))
        ]
        for canister in counters
    }
    assert all(sorted(n for n, _ in pairs) == list(range(1, 25)) for pairs in when.values())
    for state in states:
        seen = hashes[state.value(b"canister", target, b"module_hash")]
        for number, one in enumerate(installs, 1):
            shown = state.value(b"request_status", one.request_id, b"status")
            assert (shown == b"replied") == (seen >= number)
        for canister in counters:
            effects, _ = numbers(state.value(b"canister", canister, b"certified_data") or b"")
            answers = [
                numbers(answer)[0]
                for about, one in sent
                if about == canister
                and (answer := state.value(b"request_status", one.request_id, b"reply"))
            ]
            assert sorted(answers) == list(range(1, effects + 1))
            # Nothing in it happened after the certified time, and what happened before it is in
            # it, unless it went on beside the rounds: such effects come later than their time.
            assert all(at <= state.time for n, at in when[canister] if n <= effects)
            if patience is FOREVER:
                assert all(at > state.time for n, at in when[canister] if n > effects)


def test_a_query_that_is_certified_shows_its_certificate(
    wat: Callable[[str], bytes], cache_dir: Path
) -> None:
    engine = open_engine(None, cache_dir=cache_dir)
    counter = Harness(engine).deploy(wat(MODULE.replace("%SPIN%", "10")))
    with living(engine) as node:
        for _ in range(20):
            submit(node, message(counter, "bump"))
            answer = node.engine.query(USER, counter, "tell", b"", node.data_certificate)
            assert isinstance(answer, Reply)
            certified = node.state().value(b"canister", counter, b"certified_data") or b""
            assert numbers(certified)[0] >= numbers(answer.data)[0]
