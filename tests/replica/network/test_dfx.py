"""The HTTP sequence of `dfx deploy --network URL`, replayed with ic-py.

dfx knows no canister of a network given by URL, so it names the mainnet's registry as the effective
canister of the creation (its `DEFAULT_EFFECTIVE_CANISTER_ID`).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import cbor2
import httpx
import pytest
from ic.candid import Types, encode
from ic.canister import Canister
from ic.certificate import lookup
from ic.identity import Identity
from ic.principal import Principal

from dcanary.replica import network
from tests.replica.helpers.deploy import MANAGEMENT, agent_of, call, install_by_chunks
from tests.replica.helpers.motoko import COUNTER, compile_motoko

pytestmark = [
    pytest.mark.replica,
    # ic-py calls httpx in a way that httpx warns of.
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]
REGISTRY = "rwlgt-iiaaa-aaaaa-aaaaa-cai"


def certified(agent: Any, canister: str, *path: str) -> bytes | None:
    """A path of the canister in the state tree; None when it is absent."""
    labels = [b"canister", Principal.from_str(canister).bytes, *(part.encode() for part in path)]
    found: bytes | None = lookup(labels, agent.read_state_raw(canister, [labels]))
    return found


def test_the_sequence_of_dfx_deploy_with_a_url_works(tmp_path: Path) -> None:
    running = network.start(tmp_path)
    try:
        status = cbor2.loads(httpx.get(running.url + "/api/v2/status").content)
        assert status["root_key"].hex() == running.root_key
        assert status["replica_health_status"] == "healthy"
        identity = Identity()
        agent = agent_of(running.url, identity)
        settings = Types.Record({"controllers": Types.Opt(Types.Vec(Types.Principal))})
        created = agent.update_raw(
            MANAGEMENT,
            "provisional_create_canister_with_cycles",
            encode(
                [
                    {
                        "type": Types.Record(
                            {"amount": Types.Opt(Types.Nat), "settings": Types.Opt(settings)}
                        ),
                        "value": {
                            "amount": [],
                            "settings": [{"controllers": [[identity.sender().bytes]]}],
                        },
                    }
                ]
            ),
            Types.Record({"canister_id": Types.Principal}),
            effective_canister_id=REGISTRY,
            delay=0.05,
        )
        canister = str(created[0]["value"]["canister_id"].to_str())
        assert certified(agent, canister, "module_hash") is None

        target = {"canister_id": Principal.from_str(canister).bytes}
        call(agent, "stored_chunks", {"canister_id": Types.Principal}, target, canister)
        call(agent, "clear_chunk_store", {"canister_id": Types.Principal}, target, canister)
        module = compile_motoko(COUNTER)
        install_by_chunks(agent, canister, module, size=50_000)
        call(agent, "clear_chunk_store", {"canister_id": Types.Principal}, target, canister)

        assert certified(agent, canister, "module_hash") == hashlib.sha256(module).digest()
        controllers = certified(agent, canister, "controllers")
        assert controllers is not None
        assert identity.sender().bytes in controllers
        interface = certified(agent, canister, "metadata", "candid:service")
        assert interface is not None
        counter = Canister(agent, canister, interface.decode())
        counter.inc()
        assert counter.get() == [1]
    finally:
        network.stop(tmp_path)
