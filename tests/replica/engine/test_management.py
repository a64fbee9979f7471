"""The management canister as a user and as a controller sees it."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from dcanary.candid.principal import to_text
from dcanary.replica.api import Reject, Reply
from dcanary.replica.engine.management import types
from dcanary.replica.state import limits
from tests.replica.helpers.candid import decode, encode, kind

OTHER = b"\x07" * 29
ONE = {"canister_id": b""}

MEMORY = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_arg_data_size" (func $size (result i32)))
  (import "ic0" "msg_arg_data_copy" (func $copy (param i32 i32 i32)))
  (import "ic0" "stable64_size" (func $pages (result i64)))
  (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
  (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
  (import "ic0" "stable64_read" (func $read (param i64 i64 i64)))
  (import "ic0" "certified_data_set" (func $certify (param i32 i32)))
  (import "ic0" "trap" (func $trap (param i32 i32)))
  (memory 2)
  (data (i32.const 64) "VERSION")
  (global $n (mut i64) (i64.const 0))
  (func (export "canister_init")
    (drop (call $grow (i64.const 1))))
  (func (export "canister_update put")
    (call $copy (i32.const 0) (i32.const 0) (call $size))
    (call $write (i64.const 0) (i64.const 0) (i64.extend_i32_u (call $size)))
    (call $certify (i32.const 0) (call $size))
    (global.set $n (i64.add (global.get $n) (i64.const 1)))
    (call $reply))
  (func (export "canister_query get")
    (i64.store (i32.const 100) (global.get $n))
    (call $read (i64.const 32) (i64.const 0) (i64.const 8))
    (call $append (i32.const 0) (i32.const 40))
    (call $append (i32.const 64) (i32.const 7))
    (call $append (i32.const 100) (i32.const 8))
    (call $reply))
  (func (export "canister_pre_upgrade") PRE)
  (func (export "canister_post_upgrade") POST)
  (@custom "icp:public note" "shown")
  (@custom "icp:private note2" "hidden"))
"""


def module(
    wat: Callable[[str], bytes], version: str = "v1     ", pre: str = "", post: str = ""
) -> bytes:
    return wat(MEMORY.replace("VERSION", version).replace("PRE", pre).replace("POST", post))


@pytest.fixture
def canister(subnet: Any, wat: Callable[[str], bytes]) -> bytes:
    made: bytes = subnet.deploy(module(wat))
    return made


def test_ids_of_new_canisters_follow_each_other(subnet: Any) -> None:
    ids = [to_text(subnet.create()) for _ in range(2)]
    assert ids == ["lxzze-o7777-77777-aaaaa-cai", "lqy7q-dh777-77777-aaaaq-cai"]


def test_a_canister_can_have_a_specified_id_once(subnet: Any) -> None:
    wanted = bytes.fromhex("00000000000000070101")
    assert subnet.create(specified_id=wanted) == wanted
    again = subnet.try_management(
        "provisional_create_canister_with_cycles",
        types.PROVISIONAL_CREATE,
        {"specified_id": wanted},
    )
    assert isinstance(again, Reject) and again.error_code == "IC0205"


def test_status_tells_everything(subnet: Any, canister: bytes, wat: Callable[[str], bytes]) -> None:
    status = subnet.status(canister)
    assert status["module_hash"] == hashlib.sha256(module(wat)).digest()
    assert status["status"] == {"running": None}
    assert status["settings"]["controllers"] == [b"\x04"]
    assert status["settings"]["freezing_threshold"] == 2_592_000
    assert status["settings"]["wasm_memory_limit"] == 3 * limits.GIB
    assert status["memory_metrics"]["wasm_memory_size"] == 2 * 65536
    assert status["memory_metrics"]["stable_memory_size"] == 65536
    assert 0 < status["cycles"] < 100 * 10**12
    assert status["idle_cycles_burned_per_day"] > 0
    assert status["version"] > 0


def test_status_can_be_queried_by_controllers_only(subnet: Any, canister: bytes) -> None:
    arg = encode([types.CANISTER_ID], [{"canister_id": canister}])
    answer = subnet.engine.query(b"\x04", b"", "canister_status", arg)
    assert isinstance(answer, Reply)
    refused = subnet.engine.query(OTHER, b"", "canister_status", arg)
    assert isinstance(refused, Reject) and refused.error_code == "IC0512"


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("stop_canister", types.CANISTER_ID),
        ("start_canister", types.CANISTER_ID),
        ("delete_canister", types.CANISTER_ID),
        ("uninstall_code", types.CANISTER_AND_VERSION),
        ("clear_chunk_store", types.CANISTER_ID),
        ("list_canister_snapshots", types.CANISTER_ID),
    ],
)
def test_only_controllers_may(subnet: Any, canister: bytes, method: str, kind: Any) -> None:
    refused = subnet.try_management(method, kind, {"canister_id": canister}, OTHER)
    assert isinstance(refused, Reject)
    assert refused.error_code == "IC0512"
    assert subnet.status(canister)["status"] == {"running": None}


def test_unknown_methods_and_bad_arguments_are_told_apart(subnet: Any) -> None:
    assert subnet.call(b"", "no_such_method").error_code == "IC0407"
    later = subnet.call(b"", "sign_with_ecdsa")
    assert later.error_code == "IC0407" and "not supported yet" in later.message
    bad = subnet.call(b"", "stop_canister", b"nonsense")
    assert bad.error_code == "IC0408" and "DIDL" in bad.message
    assert subnet.call(b"", "raw_rand").error_code == "IC0406"


def test_a_module_is_installed_once_and_reinstalled_any_time(
    subnet: Any, canister: bytes, wat: Callable[[str], bytes]
) -> None:
    subnet.call(canister, "put", b"data")
    again = subnet.install(canister, module(wat))
    assert isinstance(again, Reject) and again.error_code == "IC0538"
    fresh = subnet.install(canister, module(wat), "reinstall")
    assert isinstance(fresh, Reply)
    answer = subnet.engine.query(b"\x04", canister, "get", b"")
    assert answer.data == bytes(40) + b"v1     " + bytes(8)
    assert subnet.engine.canister(canister).certified_data == b""


def test_gzip_modules_keep_their_own_hash(subnet: Any, wat: Callable[[str], bytes]) -> None:
    packed = gzip.compress(module(wat), mtime=0)
    canister = subnet.deploy(packed)
    assert subnet.engine.canister(canister).module_hash == hashlib.sha256(packed).digest()
    assert dict(subnet.engine.canister(canister).public_metadata) == {"note": b"shown"}
    assert dict(subnet.engine.canister(canister).private_metadata) == {"note2": b"hidden"}


def test_an_upgrade_keeps_stable_memory_and_runs_both_hooks(
    subnet: Any, wat: Callable[[str], bytes]
) -> None:
    mark = (
        "(i32.store8 (i32.const 0) (i32.const {}))"
        "(call $write (i64.const {}) (i64.const 0) (i64.const 1))"
    )
    old = module(wat, pre=mark.format(65, 33))
    new = module(wat, "v2     ", post=mark.format(66, 34))
    canister = subnet.deploy(old)
    subnet.call(canister, "put", b"data")
    assert isinstance(subnet.install(canister, new, "upgrade"), Reply)
    answer = subnet.engine.query(b"\x04", canister, "get", b"")
    # The heap is new but for the byte that post_upgrade wrote; stable memory stayed.
    assert answer.data[:47] == b"B" + bytes(31) + b"data" + bytes(4) + b"v2     "
    assert subnet.engine.stable_memory(canister)[:35] == b"data" + bytes(29) + b"AB"
    assert subnet.engine.canister(canister).certified_data == b"data"


@pytest.mark.parametrize("where", ["pre", "post"])
def test_a_trapping_upgrade_leaves_module_and_state(
    subnet: Any, wat: Callable[[str], bytes], where: str
) -> None:
    write = (
        "(i32.store8 (i32.const 0) (i32.const 65))"
        "(call $write (i64.const 0) (i64.const 0) (i64.const 1))"
    )
    trap = "(call $trap (i32.const 64) (i32.const 2))"
    old = module(wat, pre=write + (trap if where == "pre" else ""))
    new = module(wat, "v2     ", post=trap if where == "post" else "")
    canister = subnet.deploy(old)
    subnet.call(canister, "put", b"data")
    before = subnet.engine.canister(canister), subnet.engine.query(b"\x04", canister, "get", b"")
    failed = subnet.install(canister, new, "upgrade")
    assert isinstance(failed, Reject)
    assert failed.error_code == "IC0503"
    assert f"'{'v1' if where == 'pre' else 'v2'}'" in failed.message
    after = subnet.engine.canister(canister), subnet.engine.query(b"\x04", canister, "get", b"")
    assert after == before
    assert subnet.engine.stable_memory(canister)[:4] == b"data"
    if where == "pre":
        skipped = subnet.try_management(
            "install_code",
            types.INSTALL_CODE,
            {
                "mode": {"upgrade": {"skip_pre_upgrade": True, "wasm_memory_persistence": None}},
                "canister_id": canister,
                "wasm_module": new,
                "arg": b"",
            },
        )
        assert isinstance(skipped, Reply)


def test_a_chunked_install_recomputes_the_hash(subnet: Any, wat: Callable[[str], bytes]) -> None:
    wasm = module(wat)
    canister = subnet.create()
    half = len(wasm) // 2
    hashes = []
    for part in (wasm[:half], wasm[half:]):
        (record,) = subnet.management(
            "upload_chunk",
            types.UPLOAD_CHUNK,
            {"canister_id": canister, "chunk": part},
            [types.CHUNK_HASH],
        )
        assert record["hash"] == hashlib.sha256(part).digest()
        hashes.append(record)
    (stored,) = subnet.management(
        "stored_chunks", types.CANISTER_ID, {"canister_id": canister}, [types.CHUNK_HASHES]
    )
    assert sorted(item["hash"] for item in stored) == sorted(item["hash"] for item in hashes)
    fields = {
        "mode": {"install": None},
        "target_canister": canister,
        "store_canister": None,
        "chunk_hashes_list": hashes,
        "wasm_module_hash": b"\0" * 32,
        "arg": b"",
    }
    wrong = subnet.try_management("install_chunked_code", types.INSTALL_CHUNKED, fields)
    assert isinstance(wrong, Reject) and "does not match" in wrong.message
    assert subnet.engine.canister(canister).module_hash is None
    fields["wasm_module_hash"] = hashlib.sha256(wasm).digest()
    done = subnet.try_management("install_chunked_code", types.INSTALL_CHUNKED, fields)
    assert isinstance(done, Reply)
    assert subnet.engine.canister(canister).module_hash == fields["wasm_module_hash"]
    subnet.management("clear_chunk_store", types.CANISTER_ID, {"canister_id": canister})
    missing = subnet.try_management("install_chunked_code", types.INSTALL_CHUNKED, fields)
    assert isinstance(missing, Reject) and "was not found" in missing.message


def test_a_stopped_canister_refuses_messages_until_it_is_started(
    subnet: Any, canister: bytes
) -> None:
    one = {"canister_id": canister}
    running = subnet.try_management("delete_canister", types.CANISTER_ID, one)
    assert isinstance(running, Reject) and running.error_code == "IC0510"
    subnet.management("stop_canister", types.CANISTER_ID, one)
    assert subnet.status(canister)["status"] == {"stopped": None}
    assert subnet.call(canister, "put", b"x").error_code == "IC0508"
    assert subnet.engine.query(b"\x04", canister, "get", b"").error_code == "IC0508"
    subnet.management("start_canister", types.CANISTER_ID, one)
    assert isinstance(subnet.call(canister, "put", b"x"), Reply)
    subnet.management("stop_canister", types.CANISTER_ID, one)
    subnet.management("delete_canister", types.CANISTER_ID, one)
    assert subnet.engine.canister(canister) is None
    assert subnet.call(canister, "put", b"x").error_code == "IC0301"


def test_uninstalled_code_is_gone_with_its_state(subnet: Any, canister: bytes) -> None:
    subnet.call(canister, "put", b"data")
    subnet.management("uninstall_code", types.CANISTER_AND_VERSION, {"canister_id": canister})
    view = subnet.engine.canister(canister)
    assert (view.module_hash, view.certified_data) == (None, b"")
    assert subnet.engine.stable_memory(canister) == b""
    assert subnet.call(canister, "put", b"x").error_code == "IC0537"


def test_a_snapshot_brings_back_module_heap_globals_and_stable_memory(
    subnet: Any, canister: bytes, wat: Callable[[str], bytes]
) -> None:
    subnet.call(canister, "put", b"first")
    before = subnet.engine.query(b"\x04", canister, "get", b"")
    view = subnet.engine.canister(canister)
    (taken,) = subnet.management(
        "take_canister_snapshot",
        types.TAKE_SNAPSHOT,
        {"canister_id": canister},
        [types.SNAPSHOT],
    )
    subnet.install(canister, module(wat, "v2     "), "reinstall")
    subnet.call(canister, "put", b"second")
    load = {"canister_id": canister, "snapshot_id": taken["id"]}
    subnet.management("load_canister_snapshot", types.LOAD_SNAPSHOT, load)
    assert subnet.engine.query(b"\x04", canister, "get", b"") == before
    assert subnet.engine.canister(canister) == view
    (listed,) = subnet.management(
        "list_canister_snapshots",
        types.CANISTER_ID,
        {"canister_id": canister},
        [types.SNAPSHOTS],
    )
    assert listed == [taken]
    subnet.management("delete_canister_snapshot", types.DELETE_SNAPSHOT, load)
    gone = subnet.try_management("load_canister_snapshot", types.LOAD_SNAPSHOT, load)
    assert isinstance(gone, Reject) and gone.error_code == "IC0305"


def test_snapshots_are_limited_and_can_be_replaced(subnet: Any, canister: bytes) -> None:
    ids = []
    for _ in range(limits.MAX_SNAPSHOTS):
        (taken,) = subnet.management(
            "take_canister_snapshot",
            types.TAKE_SNAPSHOT,
            {"canister_id": canister},
            [types.SNAPSHOT],
        )
        ids.append(taken["id"])
    full = subnet.try_management(
        "take_canister_snapshot", types.TAKE_SNAPSHOT, {"canister_id": canister}
    )
    assert isinstance(full, Reject) and "maximum number of snapshots" in full.message
    replaced = subnet.try_management(
        "take_canister_snapshot",
        types.TAKE_SNAPSHOT,
        {"canister_id": canister, "replace_snapshot": ids[0]},
    )
    assert isinstance(replaced, Reply)


def test_settings_are_checked_and_kept(subnet: Any, canister: bytes) -> None:
    def update(**settings: Any) -> Reply | Reject:
        fields = {"canister_id": canister, "settings": settings}
        answer: Reply | Reject = subnet.try_management(
            "update_settings", types.UPDATE_SETTINGS, fields
        )
        return answer

    assert isinstance(
        update(
            controllers=[b"\x04", OTHER],
            freezing_threshold=7,
            log_visibility={"allowed_viewers": [OTHER]},
            environment_variables=[{"name": "PUBLIC_CANISTER_ID:a", "value": "b"}],
        ),
        Reply,
    )
    settings = subnet.status(canister)["settings"]
    assert sorted(settings["controllers"]) == [b"\x04", OTHER]
    assert settings["freezing_threshold"] == 7
    assert settings["log_visibility"] == {"allowed_viewers": [OTHER]}
    assert settings["environment_variables"] == [{"name": "PUBLIC_CANISTER_ID:a", "value": "b"}]
    for wrong in (
        {"compute_allocation": 101},
        {"controllers": [bytes((n,)) for n in range(11)]},
        {"environment_variables": [{"name": "a", "value": "x" * 129}]},
    ):
        refused = update(**wrong)
        assert isinstance(refused, Reject) and refused.error_code == "IC0408"
    assert isinstance(update(controllers=[OTHER]), Reply)
    assert isinstance(update(freezing_threshold=8), Reject)


def test_top_ups_and_balances(subnet: Any) -> None:
    canister = subnet.create(amount=10**12)
    assert subnet.engine.cycles(canister) == 10**12
    top_up = {"canister_id": canister, "amount": 5}
    subnet.management("provisional_top_up_canister", types.PROVISIONAL_TOP_UP, top_up)
    assert 10**12 - 10**9 < subnet.engine.cycles(canister) < 10**12
    balance = subnet.engine.cycles(canister)
    assert subnet.engine.add_cycles(canister, 3) == balance + 3
    with pytest.raises(KeyError):
        subnet.engine.cycles(b"none")


def test_a_balance_never_grows_beyond_what_a_canister_can_read(
    subnet: Any, wat: Callable[[str], bytes]
) -> None:
    canister = subnet.create(amount=limits.MAX_CYCLES)
    reader = """(module (import "ic0" "canister_cycle_balance128" (func $balance (param i32)))
      (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
      (import "ic0" "msg_reply" (func $reply)) (memory 1)
      (func (export "canister_query balance")
        (call $balance (i32.const 0)) (call $append (i32.const 0) (i32.const 16)) (call $reply)))"""
    assert isinstance(subnet.install(canister, wat(reader)), Reply)
    top_up = {"canister_id": canister, "amount": limits.MAX_CYCLES}
    subnet.management("provisional_top_up_canister", types.PROVISIONAL_TOP_UP, top_up)
    assert subnet.engine.add_cycles(canister, limits.MAX_CYCLES) == limits.MAX_CYCLES
    answer = subnet.engine.query(b"\x04", canister, "balance", b"")
    assert answer.data == limits.MAX_CYCLES.to_bytes(16, "little")
    top_up["amount"] += 1
    for method, codec, arg in (
        ("provisional_top_up_canister", types.PROVISIONAL_TOP_UP, top_up),
        (
            "provisional_create_canister_with_cycles",
            types.PROVISIONAL_CREATE,
            {"amount": limits.MAX_CYCLES + 1},
        ),
    ):
        refused = subnet.try_management(method, codec, arg)
        assert isinstance(refused, Reject) and refused.error_code == "IC0408"


def test_installing_needs_cycles(subnet: Any, wat: Callable[[str], bytes]) -> None:
    canister = subnet.create(amount=1_000_000_000)
    refused = subnet.install(canister, module(wat))
    assert isinstance(refused, Reject) and refused.error_code == "IC0207"
    assert subnet.engine.canister(canister).module_hash is None


def test_a_canister_that_cannot_pay_for_its_memory_is_emptied(subnet: Any, canister: bytes) -> None:
    costly = {"canister_id": canister, "settings": {"compute_allocation": 100}}
    subnet.management("update_settings", types.UPDATE_SETTINGS, costly)
    subnet.engine.execute_round(subnet.engine.now() + 200_000 * limits.SECOND)
    assert subnet.engine.cycles(canister) == 0
    assert subnet.engine.canister(canister).module_hash is None


def test_logs_hold_what_the_canister_printed(subnet: Any, wat: Callable[[str], bytes]) -> None:
    canister = subnet.deploy(
        wat(
            """(module (import "ic0" "debug_print" (func $print (param i32 i32)))
            (import "ic0" "msg_reply" (func $reply))
            (memory 1) (data (i32.const 0) "hello")
            (func (export "canister_update say")
              (call $print (i32.const 0) (i32.const 5)) (call $reply))
            (func (export "canister_update fail") unreachable))"""
        )
    )
    subnet.call(canister, "say")
    subnet.call(canister, "fail")
    arg = encode([types.CANISTER_ID], [{"canister_id": canister}])
    answer = subnet.engine.query(b"\x04", b"", "fetch_canister_logs", arg)
    (logs,) = decode([types.LOGS_REPLY], answer.data)
    contents = [record["content"] for record in logs["canister_log_records"]]
    assert contents == [b"hello", b"[TRAP]: Canister trapped: unreachable"]
    refused = subnet.engine.query(OTHER, b"", "fetch_canister_logs", arg)
    assert isinstance(refused, Reject)


RESULT = "record { status : nat; headers : vec record { name : text; value : text }; body : blob }"


@pytest.mark.parametrize(
    ("signature", "fits"),
    [
        (f"func (record {{ response : {RESULT}; context : blob }}) -> ({RESULT}) query", True),
        (f"func (record {{ response : {RESULT} }}) -> ({RESULT}) query", True),
        (f"func (record {{ response : {RESULT}; context : blob }}) -> ({RESULT})", False),
        ("func (text) -> (text) query", False),
    ],
)
def test_a_transform_function_is_taken_when_its_signature_fits(signature: str, fits: bool) -> None:
    sent = kind(
        "record { url : text; method : variant { get; head; post }; "
        "headers : vec record { name : text; value : text }; "
        f"transform : opt record {{ function : {signature}; context : blob }} }}"
    ).encode(
        (
            {
                "url": "https://example.org",
                "method": {"get": None},
                "headers": [],
                "transform": {"function": (b"\x01", "clean"), "context": b"c"},
            },
        )
    )
    (request,) = types.HTTP_REQUEST.decode(sent)
    assert request["method"] == {"get": None}
    # An option that does not fit reads as none (Candid specification, "Coercion").
    expected = {"function": (b"\x01", "clean"), "context": b"c"} if fits else None
    assert request["transform"] == expected
