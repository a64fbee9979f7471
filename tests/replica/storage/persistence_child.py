"""Drives a subnet through a fixed sequence of inputs; may be killed and started again.

Usage, in the project's folder:
    python -m tests.replica.storage.persistence_child STATE CACHE COUNTER_WASM CALLER_WASM STEPS
Prints each step's number when it is done and at last a digest of the whole state.
"""

from __future__ import annotations

import hashlib
import random
import sys
from pathlib import Path
from typing import Any

from dcanary.candid import Codec
from dcanary.replica.api import Ingress
from dcanary.replica.engine import Options, ReplicaEngine
from dcanary.replica.engine.management import types
from dcanary.replica.opening import open_engine
from dcanary.replica.state.principal import FIRST_CANISTER, canister_id
from dcanary.replica.storage import codec
from tests.replica.helpers.candid import PRINCIPAL, encode

START = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
COUNTER, CALLER = canister_id(FIRST_CANISTER), canister_id(FIRST_CANISTER + 1)


def digest(engine: ReplicaEngine) -> str:
    """Over everything that must survive."""
    subnet = engine.core.subnet
    out = hashlib.sha256(codec.encode(subnet))
    for canister in subnet.canisters.values():
        body = engine.core.bodies.get(canister.id)
        if body is not None:
            out.update(body.memory.read_image(0, body.memory.committed_size))
            out.update(body.stable.content())
            out.update(body.globals or b"")
    return out.hexdigest()


def management(method: str, kind: Codec, value: dict[str, Any]) -> tuple[bytes, str, bytes]:
    return b"", method, encode([kind], [value])


def plan(counter: bytes, caller: bytes, steps: int) -> list[tuple[bytes, str, bytes]]:
    """The messages, the same in every process."""
    chosen = random.Random(7)
    create = management("provisional_create_canister_with_cycles", types.PROVISIONAL_CREATE, {})
    out = [create, create]
    for target, wasm in ((COUNTER, counter), (CALLER, caller)):
        fields = {
            "mode": {"install": None},
            "canister_id": target,
            "wasm_module": wasm,
            "arg": b"DIDL\0\0",
        }
        out.append(management("install_code", types.INSTALL_CODE, fields))
    of_counter = encode([PRINCIPAL], [COUNTER])
    snapshot = management("take_canister_snapshot", types.TAKE_SNAPSHOT, {"canister_id": COUNTER})
    choices = [
        (COUNTER, "inc", b"DIDL\0\0"),
        (COUNTER, "fail", b"DIDL\0\0"),
        (CALLER, "twice", of_counter),
        (CALLER, "pay", of_counter),
        (CALLER, "halfway", of_counter),
        snapshot,
        management("upload_chunk", types.UPLOAD_CHUNK, {"canister_id": CALLER, "chunk": b"x" * 99}),
    ]
    while len(out) < steps:
        out.append(chosen.choice(choices))
    return out


def main(state: str, cache: str, counter: str, caller: str, steps: str) -> None:
    engine = open_engine(
        Path(state),
        seed=b"persistence",
        start_time_ns=START,
        cache_dir=Path(cache),
        options=Options(replay_seconds=0.03, log_bytes=20_000),
    )
    messages = plan(Path(counter).read_bytes(), Path(caller).read_bytes(), int(steps))
    for number, (target, method, arg) in enumerate(messages, 1):
        when = START + number * SECOND
        if engine.now() < when:
            request_id = hashlib.sha256(b"%d" % number).digest()
            message = Ingress(request_id, b"\x04", target, method, arg, when + 300 * SECOND)
            engine.submit(message)
            engine.execute_round(when)
        print(number, flush=True)
    print(digest(engine), flush=True)
    # The process ends here without closing the engine.


if __name__ == "__main__":
    main(*sys.argv[1:])
