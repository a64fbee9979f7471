"""The state tree follows an engine."""

from __future__ import annotations

import time

from dcanary.replica.api import Ingress, Reject, Reply, RequestState, RequestStatus
from dcanary.replica.certification.hash_tree import full
from dcanary.replica.certification.keys import SubnetKeys
from dcanary.replica.certification.state_tree import StateTree
from tests.replica.helpers import certificates
from tests.replica.helpers.memory_engine import MemoryCanister, MemoryEngine, canister_id

KEYS = SubnetKeys(bytes(32))
A, B = canister_id(0), canister_id(1)
ID = b"\x77" * 32


def test_canisters_appear_change_and_go() -> None:
    engine, tree = MemoryEngine(), StateTree(KEYS)
    tree.refresh(engine)
    assert certificates.lookup(full(tree.at(1).root), b"canister", A) is certificates.Absent
    engine.canisters[A] = MemoryCanister(public={"candid:service": b"service"})
    engine.canisters[B] = MemoryCanister(module_hash=None)
    tree.refresh(engine)
    state = full(tree.at(1).root)
    assert certificates.lookup(state, b"canister", A, b"module_hash") == b"\x11" * 32
    service = (b"canister", A, b"metadata", b"candid:service")
    assert certificates.lookup(state, *service) == b"service"
    assert certificates.lookup(state, b"canister", B, b"module_hash") is certificates.Absent
    engine.canisters[A].module_hash = b"\x22" * 32
    del engine.canisters[B]
    tree.refresh(engine)
    state = full(tree.at(1).root)
    assert certificates.lookup(state, b"canister", A, b"module_hash") == b"\x22" * 32
    assert certificates.lookup(state, b"canister", B) is certificates.Absent


def test_a_request_passes_through_its_states_and_is_pruned() -> None:
    engine, tree = MemoryEngine(), StateTree(KEYS)
    path = (b"request_status", ID)
    engine.requests[ID] = RequestStatus(RequestState.RECEIVED, None, b"", A)
    assert tree.refresh(engine) == []
    assert certificates.lookup(full(tree.at(1).root), *path, b"status") == b"received"
    engine.requests[ID] = RequestStatus(RequestState.REPLIED, Reply(b"yes"), b"", A)
    assert tree.refresh(engine) == [ID]
    assert tree.refresh(engine) == []
    state = full(tree.at(1).root)
    assert certificates.lookup(state, *path, b"status") == b"replied"
    assert certificates.lookup(state, *path, b"reply") == b"yes"
    engine.requests[ID] = RequestStatus(RequestState.REJECTED, Reject(5, "no", "IC0503"), b"", A)
    fresh = StateTree(KEYS)
    fresh.refresh(engine)
    state = full(fresh.at(1).root)
    assert certificates.lookup(state, *path, b"reject_code") == b"\x05"
    assert certificates.lookup(state, *path, b"error_code") == b"IC0503"
    del engine.requests[ID]
    tree.refresh(engine)
    assert certificates.lookup(full(tree.at(1).root), *path) is certificates.Absent


def test_a_late_refusal_is_shown_until_the_message_expires() -> None:
    engine, tree = MemoryEngine(), StateTree(KEYS)
    message = Ingress(ID, b"\x04", A, "m", b"", engine.now() + 10)
    tree.reject(message, Reject(4, "no", "IC0406"))
    assert tree.refresh(engine) == [ID]
    state = full(tree.at(1).root)
    assert certificates.lookup(state, b"request_status", ID, b"status") == b"rejected"
    engine.set_time(engine.now() + 11)
    tree.refresh(engine)
    assert tree.status(ID) is None


def test_a_refresh_and_a_state_cost_little_with_many_requests() -> None:
    engine, tree = MemoryEngine(), StateTree(KEYS)
    for number in range(5000):
        request_id = number.to_bytes(2, "big") * 16
        engine.requests[request_id] = RequestStatus(RequestState.REPLIED, Reply(b"x"), b"", A)
    tree.refresh(engine)
    start = time.perf_counter()
    for number in range(20):
        request_id = number.to_bytes(4, "big") * 8
        engine.requests[request_id] = RequestStatus(RequestState.REPLIED, Reply(b"x"), b"", A)
        tree.refresh(engine)
        tree.at(number)
    # Rebuilding all 5000 would take over a second; this is a few milliseconds each.
    assert time.perf_counter() - start < 0.6
