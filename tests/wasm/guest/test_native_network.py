"""The native harness: isolation, rollback, upgrades, inspection, HTTP."""

from __future__ import annotations

import importlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dcanary.testing.native import (
    CanisterReject,
    CanisterTrap,
    NativeCanister,
    NativeNetwork,
    user_principal,
)

HEAD = "from kybra import *\n"


def install(folder: Path, source: str, *args: Any, **modules: str) -> NativeCanister:
    folder.mkdir(exist_ok=True)
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(HEAD + text)
    (folder / "main.py").write_text(HEAD + source)
    return NativeNetwork().install(folder / "main.py", args)


def test_canisters_with_the_same_module_names_do_not_meet(tmp_path: Path) -> None:
    import kybra

    before = {name: id(module) for name, module in sys.modules.items()}
    source = "import store\n@query\ndef name() -> str: return store.NAME\n"
    first = install(tmp_path / "a", source, store="NAME = 'first'\n")
    second = install(tmp_path / "b", source, store="NAME = 'second'\n")
    assert (first.query("name"), second.query("name")) == ("first", "second")
    assert sys.modules["kybra"] is kybra
    assert "store" not in sys.modules
    after = {name: id(module) for name, module in sys.modules.items()}
    assert {name: after[name] for name in before} == before


def test_other_threads_import_what_they_like_while_a_canister_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "late_import.py").write_text("NAME = 'late'\n")
    monkeypatch.syspath_prepend(str(tmp_path / "host"))
    canister = install(tmp_path / "canister", "")
    with canister.looking():
        with pytest.raises(ModuleNotFoundError, match="not imported when the canister was loaded"):
            importlib.import_module("late_import")
        with ThreadPoolExecutor() as pool:
            assert pool.submit(importlib.import_module, "late_import").result().NAME == "late"
    del sys.modules["late_import"]


HEAP = """
number = 0
names: Vec[str] = []
nested = {"list": names, "deep": {"set": {1}}}
class Box:
    def __init__(self) -> None:
        self.items = {}
box = Box()

def change() -> None:
    global number
    number += 1
    names.append("x")
    nested["deep"]["set"].add(2)
    nested["new"] = 1
    box.items["a"] = 1
    globals()["added"] = 1

@query
def state() -> str: return repr((number, names, nested, box.items, "added" in globals()))
@update
def keep() -> str:
    change()
    return state()
@query
def look() -> str:
    change()
    return state()
@update
def fail() -> void:
    change()
    raise ValueError("no")
@query
def same_list() -> bool: return nested["list"] is names
"""


def test_a_query_and_a_trap_leave_the_heap_as_it_was(tmp_path: Path) -> None:
    canister = install(tmp_path, HEAP)
    for _ in range(2):
        before = canister.query("state")
        changed = canister.query("look")
        assert changed != before
        assert canister.query("state") == before
        with pytest.raises(CanisterTrap, match="ValueError: no"):
            canister.update("fail")
        assert canister.query("state") == before
        assert canister.query("same_list")
        assert canister.update("keep") == changed == canister.query("state")


def test_an_upgrade_keeps_stable_memory_and_loses_the_heap(tmp_path: Path) -> None:
    source = (
        "m = StableBTreeMap[str, nat](memory_id=3, max_key_size=50, max_value_size=50)\nheap = []\n"
        "@update\ndef put(k: str, v: nat) -> Opt[nat]:\n    heap.append(k)\n"
        "    return m.insert(k, v)\n"
        "@query\ndef get(k: str) -> Opt[nat]: return m.get(k)\n"
        "@query\ndef size() -> nat: return len(heap)\n"
    )
    canister = install(tmp_path, source)
    canister.update("put", "a", 1)
    version = canister.version
    canister.upgrade()
    assert canister.version > version
    assert (canister.query("get", "a"), canister.query("size")) == (1, 0)
    (tmp_path / "main.py").write_text(
        HEAD
        + source
        + "@post_upgrade\ndef after() -> void:\n    m.insert('b', 1)\n    ic.trap('no')\n"
    )
    with pytest.raises(CanisterTrap, match="no"):
        canister.upgrade()
    assert (canister.query("get", "a"), canister.query("get", "b")) == (1, None)
    (tmp_path / "main.py").write_text(HEAD + source.replace("[str, nat](", "[nat, nat]("))
    with pytest.raises(CanisterTrap, match="the keys of memory_id=3 were stored with another type"):
        canister.upgrade()
    assert canister.query("get", "a") == 1
    canister.update("put", "a", 2)
    (tmp_path / "main.py").write_text(HEAD + source)
    canister.reinstall()
    assert canister.query("get", "a") is None


def test_a_pre_upgrade_that_traps_leaves_all_as_it_was(tmp_path: Path) -> None:
    canister = install(
        tmp_path,
        "seen = []\n@pre_upgrade\ndef p() -> void:\n    seen.append(1)\n"
        "    raise ValueError('no')\n"
        "@query\ndef count() -> nat: return len(seen)\n",
    )
    with pytest.raises(CanisterTrap, match="ValueError: no"):
        canister.upgrade()
    assert canister.query("count") == 0


def test_a_canister_id_is_taken_once(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(HEAD)
    network = NativeNetwork()
    first = network.install(tmp_path / "main.py", canister_id="rrkah-fqaaa-aaaaa-aaaaq-cai")
    with pytest.raises(ValueError, match="there is already a canister rrkah"):
        network.install(tmp_path / "main.py", canister_id=first)


def test_init_and_post_upgrade_take_their_own_arguments(tmp_path: Path) -> None:
    canister = install(
        tmp_path,
        "seen = []\n@init\ndef i(a: nat, b: str) -> void: seen.append(f'{a}{b}')\n"
        "@post_upgrade\ndef p(a: Opt[str]) -> void: seen.append(str(a))\n"
        "@query\ndef get() -> Vec[str]: return seen\n",
        1,
        "x",
    )
    assert canister.query("get") == ["1x"]
    canister.upgrade(arg=("later",))
    assert canister.query("get") == ["later"]
    with pytest.raises(CanisterTrap, match="p: the argument cannot be read: not a Candid message"):
        canister.upgrade(arg=b"")
    assert canister.query("get") == ["later"]


def test_inspect_message_decides_on_what_comes_from_outside(tmp_path: Path) -> None:
    canister = install(
        tmp_path,
        "@inspect_message\ndef inspect() -> void:\n"
        "    if ic.method_name() == 'open' or ic.caller().to_str() != '2vxsx-fae':\n"
        "        ic.accept_message()\n"
        "@update\ndef open() -> void: ...\n@update\ndef closed() -> void: ...\n",
    )
    canister.update("open")
    canister.update("closed", caller=user_principal(1))
    with pytest.raises(CanisterReject, match="did not accept the call of 'closed'"):
        canister.update("closed")


def test_http_requests_are_upgraded_to_updates(tmp_path: Path) -> None:
    canister = install(
        tmp_path,
        "Header = Tuple[str, str]\n"
        "class Request(Record):\n    method: str\n    url: str\n    headers: Vec[Header]\n"
        "    body: blob\n    certificate_version: Opt[nat16]\n"
        "class Answer(Record):\n    status_code: nat16\n    headers: Vec[Header]\n    body: blob\n"
        "    upgrade: Opt[bool]\n"
        "count = 0\n"
        "@query\ndef http_request(r: Request) -> Answer:\n"
        "    return {'status_code': 200, 'headers': [], 'body': str(count).encode(), "
        "'upgrade': r['method'] == 'POST'}\n"
        "@update\ndef http_request_update(r: Request) -> Answer:\n    global count\n"
        "    count += 1\n"
        "    return {'status_code': 201, 'headers': r['headers'], "
        "'body': r['body'], 'upgrade': None}\n",
    )
    assert canister.http("GET", "/")["body"] == b"0"
    answer = canister.http("POST", "/x", [("a", "b")], b"body")
    assert (answer["status_code"], answer["headers"], answer["body"]) == (
        201,
        [("a", "b")],
        b"body",
    )
    assert canister.http_query({"url": "/"})["body"] == b"1"


def test_wrong_calls_are_explained(tmp_path: Path) -> None:
    canister = install(
        tmp_path,
        "@update\ndef f(a: nat) -> nat: return a\n@update\ndef silent() -> Manual[nat]: ...\n"
        "@update\ndef twice() -> Manual[nat]:\n    ic.reply(1)\n    ic.reply(2)\n"
        "@query\ndef writes() -> NotifyResult: return ic.notify_raw(ic.id(), 'f', b'', 0)\n"
        "@update\ndef lazy() -> void:\n    import ensurepip\n",
    )
    with pytest.raises(CanisterReject, match="has no update method 'g'"):
        canister.update("g")
    with pytest.raises(CanisterReject, match="has no query method 'f'"):
        canister.query("f", 1)
    with pytest.raises(Exception, match="value: expected nat, got str 'x'"):
        canister.update("f", "x")
    with pytest.raises(Exception, match="expected 1 values, got 2"):
        canister.update("f", 1, 2)
    with pytest.raises(CanisterReject, match="did not reply"):
        canister.update("silent")
    with pytest.raises(CanisterTrap, match="the call is already answered"):
        canister.update("twice")
    with pytest.raises(CanisterTrap, match="a call cannot be sent in query"):
        canister.query("writes")
    with pytest.raises(CanisterTrap, match="'ensurepip' was not imported when the canister"):
        canister.update("lazy")


def test_the_rest_of_ic_answers(tmp_path: Path) -> None:
    canister = install(
        tmp_path,
        "@update\ndef all() -> Vec[str]:\n"
        "    ic.print('a', 1)\n    ic.set_certified_data(b'c' * 32)\n"
        "    grown = ic.stable_grow(2)\n    ic.stable_write(65530, b'over the edge')\n"
        "    return [str(v) for v in (ic.id(), ic.caller(), ic.time(),"
        " ic.canister_balance128() > 0,"
        " grown, ic.stable64_size(), ic.stable64_read(65530, 13), len(ic.stable_bytes()),"
        " ic.data_certificate(), ic.msg_cycles_available128(), ic.arg_data_raw_size(),"
        " ic.performance_counter(0) > 0, ic.stable_grow(100_000))]\n"
        "@query\ndef certificate() -> Opt[blob]: return ic.data_certificate()\n"
        "@update\ndef beyond() -> blob: return ic.stable_read(1 << 20, 1)\n"
        "@heartbeat\ndef beat() -> void: ic.print('beat')\n",
    )
    user = user_principal(1)
    assert canister.update("all", caller=user) == [
        str(canister.id), str(user), str(canister.network.time_ns), "True", "{'Ok': 0}", "2",
        "b'over the edge'", "131072", "None", "0", "6", "True", "{'Err': {'OutOfMemory': None}}",
    ]  # fmt: skip
    assert canister.printed == ["a 1"]
    assert canister.certified_data == b"c" * 32
    assert canister.query("certificate") == canister.certificate
    with pytest.raises(CanisterTrap, match="out of bounds"):
        canister.update("beyond")
    canister.network.canisters[canister.id.bytes] = canister
    canister.network.tick()
    assert canister.printed[-1] == "beat"


def test_types_of_a_canister_encode_and_decode_for_tests(tmp_path: Path) -> None:
    canister = install(tmp_path, "class R(Record):\n    a: nat\n@query\ndef f() -> nat: return 1\n")
    record = canister.module("main").R
    assert canister.decode(record, canister.encode(record, {"a": 5})) == {"a": 5}
