"""The state tree follows an engine."""

from __future__ import annotations

import pytest

from dcanary.replica.api import Ingress, Reject, Reply, RequestState, RequestStatus
from dcanary.replica.certification.hash_tree import full
from dcanary.replica.certification.keys import SubnetKeys
from dcanary.replica.certification.state_tree import StateTree
from dcanary.replica.state import limits
from tests.replica.helpers import certificates
from tests.replica.helpers.memory_engine import MemoryCanister, MemoryEngine, canister_id
from tests.replica.helpers.subnet import Harness

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


def test_a_refresh_looks_only_at_requests_that_changed(subnet: Harness) -> None:
    engine, tree = subnet.engine, StateTree(KEYS)
    for _ in range(200):
        subnet.create()
    tree.refresh(engine)
    asked: list[bytes] = []
    looked = engine.request_status

    def look(request_id: bytes) -> RequestStatus | None:
        asked.append(request_id)
        return looked(request_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "request_status", look)
        assert tree.refresh(engine) == []
        assert asked == []
        subnet.create()
        del asked[:]
        (finished,) = tree.refresh(engine)
        assert asked == [finished]
        engine.execute_round(engine.now() + 10 * limits.MINUTE)
        tree.refresh(engine)
    state = full(tree.at(1).root)
    gone = certificates.lookup(state, b"request_status", finished, b"status")
    assert gone is certificates.Absent
