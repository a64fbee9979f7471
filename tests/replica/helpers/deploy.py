"""Creating and installing canisters through the HTTPS interface, with ic-py."""

from __future__ import annotations

import hashlib
from typing import Any

from ic.agent import Agent
from ic.candid import Types, encode
from ic.client import Client
from ic.identity import Identity
from ic.principal import Principal

MANAGEMENT = "aaaaa-aa"
_BLOB = Types.Vec(Types.Nat8)
_MODE = Types.Variant({"install": Types.Null, "reinstall": Types.Null, "upgrade": Types.Null})


def agent_of(url: str, identity: Identity | None = None) -> Agent:
    return Agent(identity or Identity(anonymous=True), Client(url=url))


def create(agent: Agent) -> str:
    """A new canister with default cycles; its id as text."""
    kind = Types.Record({"amount": Types.Opt(Types.Nat)})
    result = agent.update_raw(
        MANAGEMENT,
        "provisional_create_canister_with_cycles",
        encode([{"type": kind, "value": {"amount": []}}]),
        Types.Record({"canister_id": Types.Principal}),
        delay=0.05,
    )
    return str(result[0]["value"]["canister_id"].to_str())


def call(agent: Agent, method: str, fields: dict[str, Any], value: Any, target: str) -> Any:
    """A management call about `target`."""
    arg = encode([{"type": Types.Record(fields), "value": value}])
    return agent.update_raw(MANAGEMENT, method, arg, None, effective_canister_id=target, delay=0.05)


def install(agent: Agent, canister: str, module: bytes, mode: str = "install") -> None:
    """`install_code` in one message."""
    call(
        agent,
        "install_code",
        {"wasm_module": _BLOB, "canister_id": Types.Principal, "arg": _BLOB, "mode": _MODE},
        {
            "wasm_module": module,
            "canister_id": Principal.from_str(canister).bytes,
            "arg": encode([]),
            "mode": {mode: None},
        },
        canister,
    )


def install_by_chunks(agent: Agent, canister: str, module: bytes, size: int = 1 << 20) -> None:
    """`upload_chunk` for each piece, then `install_chunked_code`."""
    target = Principal.from_str(canister).bytes
    hashes = []
    for start in range(0, len(module), size):
        chunk = module[start : start + size]
        fields = {"canister_id": Types.Principal, "chunk": _BLOB}
        call(agent, "upload_chunk", fields, {"canister_id": target, "chunk": chunk}, canister)
        hashes.append({"hash": hashlib.sha256(chunk).digest()})
    call(
        agent,
        "install_chunked_code",
        {
            "mode": _MODE,
            "target_canister": Types.Principal,
            "store_canister": Types.Opt(Types.Principal),
            "chunk_hashes_list": Types.Vec(Types.Record({"hash": _BLOB})),
            "wasm_module_hash": _BLOB,
            "arg": _BLOB,
        },
        {
            "mode": {"install": None},
            "target_canister": target,
            "store_canister": [],
            "chunk_hashes_list": hashes,
            "wasm_module_hash": hashlib.sha256(module).digest(),
            "arg": encode([]),
        },
        canister,
    )
