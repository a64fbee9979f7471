"""The guest package inside CPython for WebAssembly, on the embedded replica.

The same canisters as in the native tests; arguments and results are encoded by their native twins.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcanary.replica.api import Ingress, Reject, Reply
from dcanary.replica.engine import ReplicaEngine
from dcanary.replica.engine.management import types
from dcanary.replica.opening import open_engine
from dcanary.testing.native import NativeCanister, NativeNetwork, user_principal
from dcanary.wasm import build_canister
from tests.replica.helpers.candid import decode, encode

pytestmark = pytest.mark.replica

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dcanary"
OWNER = user_principal(1)
CHUNK = 1_000_000
SECOND = 1_000_000_000
Principal = type(OWNER)


class Installed:
    """A built canister on the engine, with its native twin for the types."""

    def __init__(self, engine: ReplicaEngine, main: Path, *args: Any) -> None:
        self.engine = engine
        self._sent = 0
        self.module = build_canister(main).wasm_gz
        self.twin: NativeCanister = NativeNetwork().install(main, args)
        created = self._management(
            "provisional_create_canister_with_cycles", types.PROVISIONAL_CREATE, {}
        )
        (record,) = decode([types.CANISTER_ID], created)
        self.id = Principal(record["canister_id"])
        self.install("install", self.twin.lifecycle_arguments("init", args))

    def install(self, mode: str, arg: bytes = b"DIDL\0\0") -> None:
        hashes = []
        for start in range(0, len(self.module), CHUNK):
            chunk = self.module[start : start + CHUNK]
            self._management(
                "upload_chunk", types.UPLOAD_CHUNK, {"canister_id": self.id.bytes, "chunk": chunk}
            )
            hashes.append({"hash": hashlib.sha256(chunk).digest()})
        self._management(
            "install_chunked_code",
            types.INSTALL_CHUNKED,
            {
                "mode": {mode: None},
                "target_canister": self.id.bytes,
                "chunk_hashes_list": hashes,
                "wasm_module_hash": hashlib.sha256(self.module).digest(),
                "arg": arg,
            },
        )

    def _management(self, method: str, kind: Any, value: dict[str, Any]) -> bytes:
        answer = self._send(b"", method, encode([kind], [value]))
        assert isinstance(answer, Reply), answer
        return bytes(answer.data)

    def _submit(self, canister: bytes, method: str, arg: bytes) -> bytes:
        self._sent += 1
        name = hashlib.sha256(b"%d %d" % (id(self), self._sent)).digest()
        expiry = self.engine.now() + 300 * SECOND
        refused = self.engine.submit(Ingress(name, OWNER.bytes, canister, method, arg, expiry))
        assert refused is None, refused
        return name

    def answer(self, request: bytes) -> Reply | Reject | None:
        status = self.engine.request_status(request)
        return None if status is None else status.result

    def _send(self, canister: bytes, method: str, arg: bytes) -> Reply | Reject:
        name = self._submit(canister, method, arg)
        for _ in range(200):
            self.engine.execute_round()
            answer = self.answer(name)
            if answer is not None:
                return answer
        raise AssertionError(f"{method} was not answered")

    def submit(self, method: str, *args: Any) -> bytes:
        """Send an update and run until it waits for something; its request id."""
        arg = self.twin.encode_arguments(method, args)
        request = self._submit(self.id.bytes, method, arg)
        for _ in range(5):
            self.engine.execute_round()
        return request

    def update(self, method: str, *args: Any) -> Any:
        answer = self._send(self.id.bytes, method, self.twin.encode_arguments(method, args))
        if isinstance(answer, Reject):
            return answer
        return self.twin.decode_result(method, answer.data)

    def query(self, method: str, *args: Any) -> Any:
        answer = self.engine.query(
            OWNER.bytes, self.id.bytes, method, self.twin.encode_arguments(method, args)
        )
        if isinstance(answer, Reject):
            return answer
        return self.twin.decode_result(method, answer.data)


@pytest.fixture(scope="module")
def engine() -> Iterator[ReplicaEngine]:
    made = open_engine(None, cache_dir=CACHE / "test-modules")
    yield made
    made.close()


@pytest.fixture(scope="module")
def counter(engine: ReplicaEngine, canisters: Path) -> Installed:
    return Installed(engine, canisters / "counter" / "main.py", 5)


@pytest.fixture(scope="module")
def caller(engine: ReplicaEngine, canisters: Path) -> Installed:
    return Installed(engine, canisters / "caller" / "main.py")


def test_the_interface_is_that_of_the_native_twin(counter: Installed, canisters: Path) -> None:
    built = build_canister(canisters / "counter" / "main.py")
    assert built.did.strip() == counter.twin.did.strip()


def test_values_of_all_kinds_go_in_and_out(counter: Installed) -> None:
    person: dict[str, Any] = {
        "name": "Zoë",
        "from_": None,
        "colour": {"Mixed": [{"Red": None}, {"Mixed": []}]},
        "parent": {
            "name": "",
            "from_": "x",
            "colour": {"Red": None},
            "parent": None,
            "pairs": [],
            "photo": b"",
        },
        "pairs": [("a", 1), ("b", 1 << 70)],
        "photo": bytes(5_000),
    }
    assert counter.update("set_person", person) is None
    assert counter.update("set_person", person) == person
    assert counter.query("get_person", OWNER) == person
    assert counter.query("whoami") == OWNER


def test_a_trap_shows_its_traceback_and_undoes_everything(counter: Installed) -> None:
    before = (counter.query("read", "main"), counter.query("heap_size"))
    answer = counter.update("fail")
    assert isinstance(answer, Reject)
    assert 'File "main.py", line' in answer.message
    assert "ValueError: a bug" in answer.message
    assert (counter.query("read", "main"), counter.query("heap_size")) == before


def test_calls_resume_and_traps_keep_what_was_before_the_await(
    counter: Installed, caller: Installed
) -> None:
    start = counter.query("read", "main")
    assert caller.update("add", counter.id, 2) == {"Ok": start + 2}
    answer = caller.update("add", counter.id, 2_000)
    assert answer["Err"].startswith("Rejection code 5, ")
    assert "more than a hundred" in answer["Err"]
    answer = caller.update("add_then_trap", counter.id)
    assert isinstance(answer, Reject) and "afterwards" in answer.message
    assert caller.query("notes") == [
        "before 2", "after 2", "before 2000", "after 2000", "before the call",
    ]  # fmt: skip
    assert counter.query("read", "main") == start + 3
    assert caller.query("composite", counter.id, "main") == start + 3
    assert len(caller.update("random")) == 32
    assert caller.update("code_after", counter.id) != {"NoError": None}


def test_a_call_with_a_timeout_ends_at_its_deadline(
    engine: ReplicaEngine, counter: Installed, caller: Installed
) -> None:
    assert "Ok" in caller.update("add_in_time", counter.id, 1, 60)
    asked = caller.submit("ask_the_world", 60)
    engine.set_time(engine.now() + 59 * SECOND)
    for _ in range(5):
        engine.execute_round()
    assert caller.answer(asked) is None
    (outcall,) = engine.http_outcalls()
    engine.set_time(engine.now() + SECOND)
    for _ in range(5):
        engine.execute_round()
    answer = caller.answer(asked)
    assert isinstance(answer, Reply)
    assert caller.twin.decode_result("ask_the_world", answer.data).startswith("Rejection code 6, ")
    known = len(caller.query("notes"))
    late = {"status": 200, "headers": [], "body": b""}
    engine.answer_http_outcall(outcall.request_id, Reply(encode([types.HTTP_RESULT], [late])))
    for _ in range(5):
        engine.execute_round()
    assert len(caller.query("notes")) == known, "the late answer is dropped"


def test_timers_run_and_one_that_traps_harms_no_other(
    engine: ReplicaEngine, caller: Installed
) -> None:
    known = len(caller.query("notes"))
    caller.update("start", 2, 0)
    timer = caller.update("start", 0, 10)
    caller.update("start_failing")
    for _ in range(35):
        engine.execute_round(engine.now() + SECOND)
    caller.update("stop", timer)
    notes = caller.query("notes")[known:]
    assert len(notes) == 4, notes
    assert all(note.startswith("tick at ") for note in notes)


def test_stable_maps_survive_an_upgrade(counter: Installed) -> None:
    before = counter.query("read", "main")
    counter.install("upgrade")
    assert counter.query("read", "main") == before
    assert counter.query("read", "upgrades") == 1
    assert counter.query("heap_size") == 0
    assert counter.update("increment", 1) == before + 1
