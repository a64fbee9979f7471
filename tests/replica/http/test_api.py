"""The HTTPS interface over an engine in memory, through a real socket."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cbor2
import httpx
import pytest

from dcanary.candid import principal
from dcanary.replica.api import Reject, Reply
from dcanary.replica.certification.keys import SubnetKeys
from dcanary.replica.http import api as api_module
from dcanary.replica.http.app import create_app
from dcanary.replica.node import Node
from tests.replica.helpers import certificates
from tests.replica.helpers.certificates import hash_of
from tests.replica.helpers.client import CBOR, Client, Signer, delegate, sign_content
from tests.replica.helpers.memory_engine import MemoryCanister, MemoryEngine, canister_id
from tests.replica.helpers.running import serving

KEYS = SubnetKeys(bytes(32))
A = canister_id(0)
A_TEXT = principal.to_text(A)


@dataclass
class Replica:
    engine: MemoryEngine
    node: Node
    url: str
    owner: Signer

    @property
    def client(self) -> Client:
        return Client(self.url, self.owner)


@pytest.fixture
def replica() -> Iterator[Replica]:
    engine, owner = MemoryEngine(time.time_ns()), Signer()
    engine.canisters[A] = MemoryCanister(
        queries={"echo": lambda sender, arg: Reply(sender + arg)},
        updates={
            "echo": lambda sender, arg: Reply(sender + arg),
            "fail": lambda sender, arg: Reject(5, "trapped", "IC0502"),
            "never": lambda sender, arg: Reply(b""),
        },
        controllers=[owner.principal],
        public={"candid:service": b"service : {}"},
        private={"build": b"internal"},
        certified_data=b"certified",
    )
    node = Node(engine, KEYS, live=True, subnet_type="application")
    try:
        with serving(create_app(node, "0.0.0")) as url:
            yield Replica(engine, node, url, owner)
    finally:
        engine.release.set()
        node.stop()


def decoded(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/cbor"
    assert not response.content.startswith(b"\xd9\xd9\xf7"), "the outer map has no tag"
    value: dict[str, Any] = cbor2.loads(response.content)
    return value


def opened(response: httpx.Response) -> Any:
    return certificates.open_certificate(decoded(response)["certificate"], KEYS.root_key)


def test_status_gives_the_root_key_and_health(replica: Replica) -> None:
    status = decoded(httpx.get(replica.url + "/api/v2/status"))
    assert status["root_key"] == KEYS.root_key
    assert status["replica_health_status"] == "healthy"


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_a_synchronous_call_answers_with_a_certificate(replica: Replica, version: str) -> None:
    client = replica.client
    content = client.call_content(A, "echo", b"hi")
    response = client.send(f"/api/{version}/canister/{A_TEXT}/call", content)
    assert decoded(response)["status"] == "replied"
    tree = opened(response)
    status = (b"request_status", hash_of(content))
    assert certificates.lookup(tree, *status, b"status") == b"replied"
    assert certificates.lookup(tree, *status, b"reply") == client.sender + b"hi"
    certified = certificates.lookup(tree, b"time")
    seconds = sum((byte & 0x7F) << 7 * i for i, byte in enumerate(certified)) / 1e9
    assert abs(seconds - time.time()) < 5


def test_a_call_that_traps_is_a_certified_rejection(replica: Replica) -> None:
    client = replica.client
    content = client.call_content(A, "fail", b"")
    tree = opened(client.send(f"/api/v4/canister/{A_TEXT}/call", content))
    status = (b"request_status", hash_of(content))
    assert certificates.lookup(tree, *status, b"status") == b"rejected"
    assert certificates.lookup(tree, *status, b"reject_code") == b"\x05"
    assert certificates.lookup(tree, *status, b"reject_message") == b"trapped"
    assert certificates.lookup(tree, *status, b"error_code") == b"IC0502"


def test_a_call_refused_by_the_canister_is_a_non_replicated_rejection(replica: Replica) -> None:
    reply = decoded(replica.client.call(A, "refused", b""))
    assert reply["status"] == "non_replicated_rejection"
    assert (reply["reject_code"], reply["error_code"]) == (4, "IC0406")
    reply = decoded(replica.client.call(A, "refused", b"", "v2"))
    assert "status" not in reply
    assert reply["reject_code"] == 4


def test_a_call_that_takes_long_is_accepted(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_module, "SYNC_CALL_SECONDS", 0.2)
    response = replica.client.call(A, "never", b"")
    assert (response.status_code, response.content) == (202, b"")


def test_an_asynchronous_call_is_accepted_then_polled(replica: Replica) -> None:
    client = replica.client
    content = client.call_content(A, "echo", b"1")
    response = client.send(f"/api/v2/canister/{A_TEXT}/call", content)
    assert (response.status_code, response.content) == (202, b"")
    path = [b"request_status", hash_of(content)]
    for _ in range(100):
        tree = opened(client.read_state(A, path))
        if certificates.lookup(tree, *path, b"status") == b"replied":
            break
        time.sleep(0.02)
    assert certificates.lookup(tree, *path, b"reply") == client.sender + b"1"


def test_a_check_that_takes_long_does_not_hold_up_an_asynchronous_call(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_module, "ASYNC_CALL_SECONDS", 0.2)
    client = replica.client
    content = client.call_content(A, "slow_check", b"")
    assert client.send(f"/api/v2/canister/{A_TEXT}/call", content).status_code == 202
    # Others do not wait for it.
    assert decoded(client.call(A, "echo", b""))["status"] == "replied"
    path = [b"request_status", hash_of(content)]
    assert certificates.lookup(opened(client.read_state(A, path)), *path) is certificates.Absent
    replica.engine.release.set()
    for _ in range(100):
        tree = opened(client.read_state(A, path))
        if certificates.lookup(tree, *path) is not certificates.Absent:
            break
        time.sleep(0.02)
    assert certificates.lookup(tree, *path, b"status") == b"rejected"
    expected = b"refused after a long check"
    assert certificates.lookup(tree, *path, b"reject_message") == expected


def test_the_same_call_twice_is_executed_once(replica: Replica) -> None:
    client = replica.client
    content = client.call_content(A, "echo", b"once")
    first = client.send(f"/api/v4/canister/{A_TEXT}/call", content)
    second = client.send(f"/api/v4/canister/{A_TEXT}/call", content)
    path = (b"request_status", hash_of(content), b"reply")
    assert certificates.lookup(opened(first), *path) == certificates.lookup(opened(second), *path)
    assert len(replica.engine.requests) == 1


@pytest.mark.parametrize("method", ["echo", "nothing"])
def test_a_query_is_signed_by_the_node_that_the_state_tree_names(
    replica: Replica, method: str
) -> None:
    client = replica.client
    content = client.content("query", canister_id=A, method_name=method, arg=b"q")
    reply = decoded(client.send(f"/api/v2/canister/{A_TEXT}/query", content))
    assert reply["status"] == ("replied" if method == "echo" else "rejected")
    tree = opened(client.read_state(A, [b"subnet"]))
    nodes = certificates.lookup(tree, b"subnet", KEYS.subnet_id, b"node")
    assert nodes[1] == reply["signatures"][0]["identity"]
    node_key = certificates.lookup(nodes, nodes[1], b"public_key")
    certificates.verify_query_signature(reply, hash_of(content), node_key)


def test_a_query_sees_a_certificate_over_its_canisters_data(replica: Replica) -> None:
    decoded(replica.client.query(A, "echo", b""))
    blob = replica.engine.last_certificate
    assert blob is not None
    tree = certificates.open_certificate(blob, KEYS.root_key)
    assert certificates.lookup(tree, b"canister", A, b"certified_data") == b"certified"
    assert certificates.lookup(tree, b"canister", A, b"module_hash") is certificates.Unknown


def test_state_paths_are_revealed_or_provably_absent(replica: Replica) -> None:
    base = [b"canister", A]
    paths = [
        [*base, b"module_hash"],
        [*base, b"controllers"],
        [*base, b"metadata", b"candid:service"],
        [*base, b"metadata", b"candid:other"],
    ]
    tree = opened(replica.client.read_state(A, *paths))
    values = [certificates.lookup(tree, *path) for path in paths]
    controllers = cbor2.dumps(cbor2.CBORTag(55799, [replica.owner.principal]))
    assert values == [b"\x11" * 32, controllers, b"service : {}", certificates.Absent]


def test_private_metadata_is_for_controllers_only(replica: Replica) -> None:
    path = [b"canister", A, b"metadata", b"build"]
    tree = opened(replica.client.read_state(A, path))
    assert certificates.lookup(tree, *path) == b"internal"
    assert Client(replica.url).read_state(A, path).status_code == 403
    assert Client(replica.url, Signer()).read_state(A, path).status_code == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ([], 404),
        ([b"nothing"], 404),
        ([b"canister", A], 404),
        ([b"canister", A, b"certified_data"], 404),
        ([b"canister", canister_id(1), b"module_hash"], 404),
        ([b"request_status"], 404),
        ([b"request_status", b"short"], 404),
    ],
)
def test_paths_that_nobody_may_read_are_refused(
    replica: Replica, path: list[bytes], status: int
) -> None:
    response = replica.client.read_state(A, path)
    assert (response.status_code, response.text) == (status, "Invalid path requested.")


def test_only_the_sender_may_read_a_request(replica: Replica) -> None:
    client = replica.client
    content = client.call_content(A, "echo", b"")
    client.send(f"/api/v4/canister/{A_TEXT}/call", content)
    path = [b"request_status", hash_of(content)]
    assert Client(replica.url, Signer()).read_state(A, path).status_code == 403
    two = client.read_state(A, path, [b"request_status", bytes(32)])
    assert two.status_code == 400


def test_the_subnet_shows_its_key_type_and_ranges_in_both_places(replica: Replica) -> None:
    client, sid = replica.client, KEYS.subnet_id
    path = f"/api/v3/subnet/{principal.to_text(sid)}/read_state"
    content = client.content("read_state", paths=[[b"subnet", sid], [b"canister_ranges", sid]])
    tree = opened(client.send(path, content))
    assert certificates.lookup(tree, b"subnet", sid, b"public_key") == KEYS.root_key
    assert certificates.lookup(tree, b"subnet", sid, b"type") == b"application"
    low, high = canister_id(0), canister_id((1 << 20) - 1)
    ranges = cbor2.dumps(cbor2.CBORTag(55799, [[low, high]]))
    assert certificates.lookup(tree, b"subnet", sid, b"canister_ranges") == ranges
    assert certificates.lookup(tree, b"canister_ranges", sid, low) == ranges
    other = client.send(path.replace(principal.to_text(sid), A_TEXT), content)
    assert other.status_code == 400


def test_a_canister_outside_the_ranges_is_refused(replica: Replica) -> None:
    outside = bytes(8) + b"\x01\x01"
    for response in (
        replica.client.call(outside, "echo", b""),
        replica.client.query(outside, "echo", b""),
        replica.client.read_state(outside, [b"time"]),
    ):
        assert response.status_code == 400
        assert "does not belong to this subnet" in response.text


def test_the_url_must_name_the_canister_of_the_request(replica: Replica) -> None:
    content = replica.client.call_content(A, "echo", b"")
    other = principal.to_text(canister_id(1))
    response = replica.client.send(f"/api/v4/canister/{other}/call", content)
    assert response.status_code == 400
    assert "does not match effective canister id" in response.text
    assert replica.client.send("/api/v4/canister/zzz/call", content).status_code == 400


def test_a_forged_signature_reaches_no_canister(replica: Replica) -> None:
    thief = Signer()
    content = replica.client.call_content(A, "echo", b"")
    envelope = sign_content(content, replica.owner)
    for forged in (
        {**envelope, "sender_sig": bytes(64)},
        {**envelope, "sender_sig": thief.sign(b"\x0aic-request" + hash_of(content))},
        {**envelope, "sender_pubkey": thief.der},
        {"content": content},
        {**envelope, "content": {**content, "arg": b"changed"}},
    ):
        response = replica.client.post(f"/api/v4/canister/{A_TEXT}/call", cbor2.dumps(forged))
        assert response.status_code == 400, response.text
    assert replica.engine.requests == {}


def test_an_expired_call_is_refused_in_the_words_that_agents_look_for(replica: Replica) -> None:
    content = replica.client.call_content(A, "echo", b"", ingress_expiry=time.time_ns() - 1)
    response = replica.client.send(f"/api/v4/canister/{A_TEXT}/call", content)
    assert response.status_code == 400
    assert response.text.startswith("Invalid request expiry: ")


def test_a_delegated_call_is_made_in_the_name_of_the_owner(replica: Replica) -> None:
    session = Signer()
    content = replica.client.call_content(A, "echo", b"")
    envelope = {
        **sign_content(content, session),
        "sender_pubkey": replica.owner.der,
        "sender_delegation": [delegate(replica.owner, session)],
    }
    response = replica.client.post(f"/api/v4/canister/{A_TEXT}/call", cbor2.dumps(envelope))
    tree = opened(response)
    path = (b"request_status", hash_of(content), b"reply")
    assert certificates.lookup(tree, *path) == replica.owner.principal


def test_bodies_that_are_no_requests_are_refused(replica: Replica) -> None:
    client = replica.client
    whole = cbor2.dumps(sign_content(client.call_content(A, "echo", b""), client.signer))
    path = f"/api/v4/canister/{A_TEXT}/call"
    assert client.post(path, whole[:-5]).status_code == 400
    assert client.post(path, b"").status_code == 400
    assert client.post(path, whole, {"content-type": "text/plain"}).status_code == 400
    assert client.post(f"/api/v3/canister/{A_TEXT}/query", whole).status_code == 400
    assert client.post(f"/api/v3/canister/{A_TEXT}/read_state", whole).status_code == 400
    assert client.post(path, b"\xd9\xd9\xf7" + whole).status_code == 200


def test_bodies_above_the_limits_are_refused(replica: Replica) -> None:
    client = replica.client
    path = f"/api/v4/canister/{A_TEXT}/call"
    assert client.post(path, bytes(4 * 1024 * 1024 + 1)).status_code == 413

    def chunks() -> Iterator[bytes]:
        for _ in range(5):
            yield bytes(1024 * 1024)

    streamed = httpx.post(replica.url + path, content=chunks(), headers=CBOR)
    assert streamed.status_code == 413
    big = client.call(A, "echo", bytes(2 * 1024 * 1024 + 1))
    assert big.status_code == 413
    assert "too large" in big.text


def test_browsers_may_call_from_anywhere(replica: Replica) -> None:
    path = f"{replica.url}/api/v3/canister/{A_TEXT}/query"
    preflight = httpx.options(path, headers={"origin": "http://example.org"})
    assert preflight.status_code == 204
    assert "POST" in preflight.headers["access-control-allow-methods"]
    response = httpx.get(replica.url + "/api/v2/status")
    assert response.headers["access-control-allow-origin"] == "*"


def test_parts_to_come_say_so(replica: Replica) -> None:
    response = httpx.post(replica.url + "/api/v4/subnet/aaaaa-aa/call")
    assert response.status_code == 501
    assert response.text.startswith("not supported yet")


def test_topology_and_health_are_served(replica: Replica) -> None:
    assert httpx.get(replica.url + "/health").status_code == 200
    topology = httpx.get(replica.url + "/_/topology").json()
    assert list(topology["subnet_configs"]) == [principal.to_text(KEYS.subnet_id)]
    assert "canister_id" in topology["default_effective_canister_id"]


def test_a_broken_engine_is_reported_and_takes_no_more_work(replica: Replica) -> None:
    replica.engine.broken = True
    sender = threading.Thread(target=lambda: replica.client.call(A, "echo", b"", "v2"))
    sender.start()
    sender.join()
    for _ in range(100):
        if httpx.get(replica.url + "/health").status_code == 503:
            break
        time.sleep(0.02)
    assert httpx.get(replica.url + "/health").status_code == 503
    status = cbor2.loads(httpx.get(replica.url + "/api/v2/status").content)
    assert status["replica_health_status"] == "unhealthy"
    response = replica.client.call(A, "echo", b"")
    assert response.status_code == 503
    assert "the engine is broken" in response.text
