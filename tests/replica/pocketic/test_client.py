"""The published Python client `pocket-ic` against the server, with a Motoko canister."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ic
import pytest
from ic.candid import Types
from ic.principal import Principal
from pocket_ic import PocketIC, SubnetConfig, SubnetKind

from tests.replica.helpers.motoko import COUNTER, COUNTER_DID, compile_motoko

pytestmark = [
    pytest.mark.replica,
    # ic-py calls httpx in a way that httpx warns of.
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
    # The client keeps its HTTP session open for the life of the process.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
OWNER = Principal(b"\x07" * 29)
CLOCK = """
import Prim "mo:⛔";
persistent actor {
  public query func seen() : async Nat64 { Prim.time() };
  public func now() : async Nat64 { Prim.time() };
}
"""
CLOCK_DID = "service : { seen : () -> (nat64) query; now : () -> (nat64) }"


@pytest.fixture
def pic(binary: Path) -> Iterator[Any]:
    instance = PocketIC()
    yield instance
    instance.server.request_client.close()
    gc.collect()


@pytest.fixture
def counter(pic: Any) -> Any:
    return pic.create_and_install_canister_with_candid(COUNTER_DID, compile_motoko(COUNTER))


def test_a_canister_is_created_installed_called_and_queried(pic: Any, counter: Any) -> None:
    assert counter.get()[0] == 0
    assert counter.inc()[0] == 1
    assert counter.inc()[0] == 2
    assert counter.get()[0] == 2


def test_the_sender_of_a_call_can_be_chosen(pic: Any, counter: Any) -> None:
    assert counter.whoami()[0].to_str() == "2vxsx-fae"
    pic.set_sender(OWNER)
    assert counter.whoami()[0].to_str() == OWNER.to_str()
    pic.set_anonymous_sender()
    assert counter.whoami()[0].to_str() == "2vxsx-fae"


def test_a_rejection_tells_its_codes_by_name(pic: Any, counter: Any) -> None:
    with pytest.raises(ValueError, match=r"CanisterError.*failed on purpose.*Canister"):
        counter.fail()
    with pytest.raises(ValueError, match="CanisterMethodNotFound"):
        pic.update_call(counter.canister_id, "nothing", ic.encode([]))
    with pytest.raises(ValueError, match="CanisterNotFound"):
        pic.query_call(Principal(b"\xff" * 8 + b"\x01\x01"), "get", ic.encode([]))


def test_time_stands_still_until_it_is_set(pic: Any, counter: Any) -> None:
    start = pic.get_time()["nanos_since_epoch"]
    assert start // 10**9 == 1_620_328_630
    pic.tick()
    assert pic.get_time()["nanos_since_epoch"] - start < 10**6
    pic.set_time(start + 10**18)
    assert pic.get_time()["nanos_since_epoch"] == start + 10**18
    pic.advance_time(5 * 10**9)
    assert abs(counter.now()[0] - (start + 10**18 + 5 * 10**9)) < 10**6
    with pytest.raises(ConnectionError, match="SettingTimeIntoPast"):
        pic.set_time(start)


def test_a_time_that_is_set_takes_effect_with_the_next_round(pic: Any) -> None:
    """As the PocketIC server's own test of time has it."""
    watch = pic.create_and_install_canister_with_candid(CLOCK_DID, compile_motoko(CLOCK))

    def query_time() -> int:
        seen: int = watch.seen()[0]
        return seen

    def clock() -> int:
        now: int = pic.get_time()["nanos_since_epoch"]
        return now

    before = query_time()
    moment = clock() + 10**18
    pic.set_time(moment)
    assert (clock(), query_time()) == (moment, before)
    pic.tick()
    assert (clock(), query_time()) == (moment, moment)
    pic.tick()
    assert (clock(), query_time()) == (moment + 1, moment + 1)
    later = moment + 10**18
    pic._instance_post("update/set_certified_time", {"nanos_since_epoch": later})
    assert (clock(), query_time()) == (later, later)
    pic.tick()
    assert (clock(), query_time()) == (later + 1, later + 1)
    pic.advance_time(420 * 10**9)
    assert (clock(), query_time()) == (later + 1 + 420 * 10**9, later + 1)
    assert watch.now()[0] == later + 1 + 420 * 10**9


def test_cycles_are_added_and_read(pic: Any) -> None:
    canister = pic.create_canister()
    before = pic.get_cycles_balance(canister)
    assert pic.add_cycles(canister, 7 * 10**30) == before + 7 * 10**30
    assert pic.get_cycles_balance(canister) == before + 7 * 10**30
    with pytest.raises(ConnectionError, match="does not exist"):
        pic.get_cycles_balance(Principal(b"\xff" * 8 + b"\x01\x01"))


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_stable_memory_is_replaced_and_read(pic: Any, counter: Any, compression: Any) -> None:
    import gzip

    content = bytes(range(256)) * 300
    sent = gzip.compress(content) if compression else content
    pic.set_stable_memory(counter.canister_id, sent, compression)
    read = pic.get_stable_memory(counter.canister_id)
    assert read[: len(content)] == content
    assert len(read) % 65536 == 0
    assert not any(read[len(content) :])


def test_topology_subnet_and_existence(pic: Any) -> None:
    topology = pic.topology()
    assert list(topology.values()) == [SubnetKind.APPLICATION]
    canister = pic.create_canister()
    assert pic.get_subnet(canister).to_str() == next(iter(topology)).to_str()
    assert pic.check_canister_exists(canister)
    assert not pic.check_canister_exists(Principal(b"\xff" * 8 + b"\x01\x01"))
    assert pic.get_root_key() is None


def test_a_canister_is_created_on_a_named_subnet(pic: Any) -> None:
    subnet = next(iter(pic.topology()))
    assert pic.check_canister_exists(pic.create_canister(subnet=subnet))


def test_instances_are_apart_from_each_other(pic: Any, counter: Any) -> None:
    other = PocketIC(SubnetConfig(nns=True))
    assert other.instance_id != pic.instance_id
    assert len(other.get_root_key()) == 133
    assert not other.check_canister_exists(counter.canister_id)
    counter.inc()[0]
    assert pic.server.list_instances()[other.instance_id] == "Available"
    other.server.delete_instance(other.instance_id)
    assert pic.server.list_instances()[other.instance_id] == "Deleted"
    assert counter.get()[0] == 1


def test_the_same_steps_give_the_same_ids(pic: Any) -> None:
    other = PocketIC()
    assert pic.create_canister().to_str() == other.create_canister().to_str()


def test_a_state_folder_is_opened_again(pic: Any, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    first = PocketIC(SubnetConfig(application=1, state_dir=str(folder)))
    canister = first.create_canister()
    first.server.delete_instance(first.instance_id)
    again = PocketIC(SubnetConfig(state_dir=str(folder)))
    assert again.check_canister_exists(canister)
    assert list(again.topology().values()) == [SubnetKind.APPLICATION]


def test_what_is_to_come_says_so(pic: Any) -> None:
    with pytest.raises(ConnectionError, match="not supported yet: more than one subnet"):
        PocketIC(SubnetConfig(nns=True, application=1))
    with pytest.raises(ConnectionError, match="not supported yet"):
        pic._instance_post("update/canister_snapshot_download", {})


def test_an_outcall_is_answered_by_the_test(pic: Any, counter: Any) -> None:
    import base64

    body = {
        "sender": base64.b64encode(b"\x04").decode(),
        "canister_id": base64.b64encode(counter.canister_id.bytes).decode(),
        "method": "fetch",
        "payload": base64.b64encode(
            ic.encode([{"type": Types.Text, "value": "https://example.org/"}])
        ).decode(),
        "effective_principal": "None",
    }
    message = pic._instance_post("update/submit_ingress_message", body)["Ok"]
    pic.tick()
    (outcall,) = pic._instance_get("read/get_canister_http")
    assert (outcall["http_method"], outcall["url"]) == ("GET", "https://example.org/")
    reply = {"status": 200, "headers": [], "body": base64.b64encode(b"mocked").decode()}
    mock = {
        "subnet_id": outcall["subnet_id"],
        "request_id": outcall["request_id"],
        "response": {"CanisterHttpReply": reply},
        "additional_responses": [],
    }
    pic._instance_post("update/mock_canister_http", mock)
    result = pic._instance_post("update/await_ingress_message", message)["Ok"]
    values = ic.decode(base64.b64decode(result), [Types.Nat, Types.Opt(Types.Text)])
    assert [item["value"] for item in values] == [200, ["mocked"]]
    with pytest.raises(ConnectionError, match="no pending canister HTTP request"):
        pic._instance_post("update/mock_canister_http", mock)


def test_a_live_instance_serves_agents_through_a_gateway(pic: Any, counter: Any) -> None:
    import httpx
    from ic.canister import Canister

    from tests.replica.helpers.deploy import agent_of

    assert pic._instance_get("auto_progress") is False
    pic._instance_post("auto_progress", {"artificial_delay_ms": 0})
    assert pic._instance_get("auto_progress") is True
    response = pic.server.request_client.post(
        f"{pic.server.url}/http_gateway", json={"forward_to": {"PocketIcInstance": pic.instance_id}}
    )
    gateway = response.json()["Created"]
    url = f"http://127.0.0.1:{gateway['port']}"
    canister_id = counter.canister_id.to_str()
    live = Canister(agent_of(url), canister_id, COUNTER_DID)
    assert live.inc()[0] == 1
    assert httpx.get(f"{url}/?canisterId={canister_id}").text == "page"
    stopped = pic.server.request_client.post(
        f"{pic.server.url}/http_gateway/{gateway['instance_id']}/stop"
    )
    assert stopped.status_code == 200
    pic._instance_post("stop_progress", {})
    frozen = pic.get_time()
    assert pic.get_time() == frozen
    assert counter.get()[0] == 1


def test_the_blob_store_names_blobs_by_their_hash(pic: Any) -> None:
    blob = b"some bytes"
    assert pic.server.set_blob_store_entry(blob, None) == hashlib.sha256(blob).hexdigest()
    with pytest.raises(ConnectionError, match="gzip"):
        pic.server.set_blob_store_entry(b"not gzip", "gzip")
