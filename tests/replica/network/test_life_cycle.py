"""Starting, finding, killing and stopping a network; its keys and results survive."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cbor2
import httpx
import pytest
from ic.candid import Types, decode
from ic.canister import Canister
from ic.identity import Identity

from dcanary.candid import principal
from dcanary.replica import network
from dcanary.replica.network.files import INFO_FILE, LOG_FILE, try_lock
from tests.replica.helpers import certificates
from tests.replica.helpers.certificates import hash_of
from tests.replica.helpers.client import Client, Signer
from tests.replica.helpers.deploy import agent_of, create, install
from tests.replica.helpers.motoko import COUNTER, COUNTER_DID, compile_motoko
from tests.replica.helpers.proxies import PROXIES, set_proxies

pytestmark = [
    pytest.mark.replica,
    # ic-py calls httpx in a way that httpx warns of.
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "net"
    network.stop(tmp_path / "net")


def test_a_network_starts_is_found_and_stops(folder: Path) -> None:
    assert network.status(folder) is None
    assert network.stop(folder) is False
    running = network.start(folder)
    assert network.status(folder) == running
    assert httpx.get(running.url + "/health").status_code == 200
    info = json.loads((folder / INFO_FILE).read_text())
    assert (info["pid"], info["port"]) == (running.pid, running.port)
    assert len(info["root_key"]) == 266
    assert abs(info["started"] - time.time()) < 60
    with pytest.raises(network.NetworkError, match="already runs"):
        network.start(folder)
    assert network.stop(folder) is True
    assert network.status(folder) is None
    assert not (folder / INFO_FILE).exists()
    with pytest.raises(ProcessLookupError):
        os.kill(running.pid, 0)


@pytest.mark.parametrize("settings", PROXIES.values(), ids=PROXIES)
def test_a_network_starts_whatever_the_proxy_settings(
    folder: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    set_proxies(monkeypatch, settings)
    running = network.start(folder)
    assert network.status(folder) == running
    assert httpx.get(running.url + "/health", trust_env=False).status_code == 200
    assert "Traceback" not in (folder / LOG_FILE).read_text()


def test_a_port_in_use_is_a_clear_error(folder: Path, tmp_path: Path) -> None:
    running = network.start(folder)
    with pytest.raises(network.NetworkError, match="cannot listen on"):
        network.start(tmp_path / "other", running.port)


def test_what_a_killed_network_left_behind_is_no_network(folder: Path) -> None:
    running = network.start(folder)
    os.kill(running.pid, signal.SIGKILL)
    os.waitpid(running.pid, 0)
    assert (folder / INFO_FILE).exists()
    assert network.status(folder) is None
    again = network.start(folder)
    assert again.root_key == running.root_key
    assert again.pid != running.pid


def test_a_lock_is_held_only_while_its_file_is_open(tmp_path: Path) -> None:
    first = try_lock(tmp_path)
    assert first is not None
    assert try_lock(tmp_path) is None
    first.close()
    second = try_lock(tmp_path)
    assert second is not None
    second.close()


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_root_key_canisters_and_request_statuses_survive_a_restart(folder: Path, way: str) -> None:
    running = network.start(folder)
    create(agent_of(running.url))
    owner = Signer()
    client = Client(running.url, owner)
    content = client.call_content(
        b"", "provisional_create_canister_with_cycles", b"DIDL\x01\x6c\x00\x01\x00"
    )
    assert client.send("/api/v4/canister/aaaaa-aa/call", content).status_code == 200
    if way == "stop":
        network.stop(folder)
    else:
        os.kill(running.pid, signal.SIGKILL)
        os.waitpid(running.pid, 0)
    again = network.start(folder)
    assert again.root_key == running.root_key
    client = Client(again.url, owner)
    path = [b"request_status", hash_of(content)]
    response = client.read_state(b"", path)
    tree = certificates.open_certificate(
        cbor2.loads(response.content)["certificate"], bytes.fromhex(again.root_key)
    )
    assert certificates.lookup(tree, *path, b"status") == b"replied"
    reply = certificates.lookup(tree, *path, b"reply")
    topology = httpx.get(again.url + "/_/topology").json()
    assert len(topology["subnet_configs"]) == 1
    created = reply[-10:]
    module = [b"canister", created, b"controllers"]
    tree = certificates.open_certificate(
        cbor2.loads(client.read_state(created, module).content)["certificate"],
        bytes.fromhex(again.root_key),
    )
    assert owner.principal in certificates.lookup(tree, *module), principal.to_text(created)


def test_messages_of_the_process_are_in_the_log(folder: Path) -> None:
    running = network.start(folder)
    assert running.url in (folder / LOG_FILE).read_text()


def test_no_acknowledged_call_is_lost_or_doubled_when_the_network_is_killed(folder: Path) -> None:
    running = network.start(folder)
    identity = Identity()
    agent = agent_of(running.url, identity)
    name = create(agent)
    install(agent, name, compile_motoko(COUNTER))
    canister = principal.from_text(name)
    sent: list[bytes] = []
    root_key = bytes.fromhex(running.root_key)
    acknowledged: list[int] = []

    def caller(signer: Signer) -> None:
        client = Client(running.url, signer)
        while True:
            content = client.call_content(canister, "inc", b"DIDL\x00\x00")
            sent.append(hash_of(content))
            try:
                response = client.send(f"/api/v4/canister/{name}/call", content)
            except httpx.HTTPError:
                return
            certificate = cbor2.loads(response.content)["certificate"]
            tree = certificates.open_certificate(certificate, root_key)
            path = (b"request_status", hash_of(content), b"reply")
            reply = certificates.lookup(tree, *path)
            acknowledged.append(decode(reply, Types.Nat)[0]["value"])

    threads = [threading.Thread(target=caller, args=(Signer(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(acknowledged) < 40 and any(thread.is_alive() for thread in threads):
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    os.waitpid(running.pid, 0)
    for thread in threads:
        thread.join()
    again = network.start(folder)
    count = Canister(agent_of(again.url, identity), name, COUNTER_DID).get()[0]
    assert len(acknowledged) >= 40
    assert len(set(acknowledged)) == len(acknowledged), "each call counted once"
    assert max(acknowledged) <= count <= len(sent)
