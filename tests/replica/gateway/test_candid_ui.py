"""The Candid page: a canister's methods are listed and called over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from dcanary.candid import parse_interface, principal
from dcanary.candid.text import encode_text
from dcanary.replica.api import Reject, Reply
from dcanary.replica.certification.keys import SubnetKeys
from dcanary.replica.gateway.candid_ui.describe import describe
from dcanary.replica.http.app import create_app
from dcanary.replica.node import Node
from tests.replica.helpers.memory_engine import MemoryCanister, MemoryEngine, canister_id
from tests.replica.helpers.running import serving

A = canister_id(0)
NAME = principal.to_text(A)
PRINTED = "a4gq6-oaaaa-aaaab-qaa4q-cai"
"""Where icp says that the Candid UI is."""
DID = """
type Tree = variant { node : record { Tree; Tree }; leaf };
type Person = record { name : text; "the age" : nat8; tags : vec text; photo : blob };
service : {
  greet : (Person) -> (text) query;
  grow : (Tree, opt nat) -> (Tree);
  add : (nat, int, float64, bool) -> (nat) composite_query;
  who : (principal, func (text) -> () query) -> ();
}
"""
METHODS = parse_interface(DID).methods


@dataclass
class Ui:
    url: str
    engine: MemoryEngine
    canister: MemoryCanister

    def get(self, path: str, host: str = "localhost") -> httpx.Response:
        headers = {"host": f"{host}:{httpx.URL(self.url).port}"}
        return httpx.get(self.url + path, headers=headers)

    def call(self, method: str, arguments: str, canister: str = NAME) -> tuple[int, dict[str, Any]]:
        body = {"canister": canister, "method": method, "arguments": arguments}
        answer = httpx.post(self.url + "/_/candid/call", json=body)
        return answer.status_code, answer.json()


@pytest.fixture
def ui() -> Iterator[Ui]:
    engine, canister = MemoryEngine(time.time_ns()), MemoryCanister()
    canister.public["candid:service"] = DID.encode()
    engine.canisters[A] = canister
    node = Node(engine, SubnetKeys(bytes(32)), live=True, subnet_type="application")
    try:
        with serving(create_app(node, "0")) as url:
            yield Ui(url, engine, canister)
    finally:
        node.stop()


@pytest.mark.parametrize(
    ("path", "host"), [("/_/candid?id=x", "localhost"), (f"/?id={NAME}", f"{PRINTED}.localhost")]
)
def test_the_page_is_at_its_own_address_and_at_the_one_that_icp_prints(
    ui: Ui, path: str, host: str
) -> None:
    page = ui.get(path, host)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "anonymous caller" in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "sha256-" in policy


def test_a_canister_installed_at_the_printed_id_takes_its_place(ui: Ui) -> None:
    ui.engine.canisters[principal.from_text(PRINTED)] = MemoryCanister()
    deadline = time.monotonic() + 10
    while ui.get("/", f"{PRINTED}.localhost").status_code == 200:
        ui.call("grow", "(variant { leaf }, null)")  # a round: the node looks at its canisters
        assert time.monotonic() < deadline
    assert "does not serve HTTP" in ui.get("/", f"{PRINTED}.localhost").text


def test_methods_are_listed_with_types_and_examples(ui: Ui) -> None:
    found = ui.get(f"/_/candid/interface?id={NAME}").json()
    assert found["canister"] == NAME
    assert found["did"] == DID
    methods = {one["name"]: one for one in found["methods"]}
    assert [one["query"] for one in found["methods"]] == [True, True, False, False]
    assert methods["add"]["arguments"] == ["nat", "int", "float64", "bool"]
    assert methods["add"]["example"] == "(0, 0, 0.0, false)"
    assert methods["grow"]["example"] == "(variant { leaf }, null)"
    assert methods["greet"]["example"] == (
        '(record { name = ""; tags = vec {}; "the age" = 0; photo = blob "" })'
    )


@pytest.mark.parametrize("name", METHODS)
def test_every_example_is_a_value_of_its_type(name: str) -> None:
    (one,) = [m for m in describe(NAME, parse_interface(DID))["methods"] if m["name"] == name]
    method = METHODS[name]
    assert method.arguments.decode(encode_text(one["example"], method.arguments.types))


def test_queries_and_updates_are_called_for_the_anonymous_principal(ui: Ui) -> None:
    def answer(text: str) -> Any:
        def method(sender: bytes, arg: bytes) -> Reply | Reject:
            assert sender == principal.ANONYMOUS
            return Reply(encode_text(text, METHODS[name].results.types))

        return method

    name = "greet"
    ui.canister.queries[name] = answer('("hello\\n\\"you\\"")')
    status, found = ui.call(
        name, '(record { name = "x"; "the age" = 3; tags = vec {}; photo = blob "" })'
    )
    assert (status, found["result"]) == (200, '("hello\\n\\"you\\"")')
    name = "grow"
    ui.canister.updates[name] = answer("(variant { leaf })")
    status, found = ui.call(name, "(variant { leaf }, opt 5)")
    assert (status, found["result"]) == (200, "(variant { leaf })")
    assert found["milliseconds"] >= 0


@pytest.mark.parametrize(
    ("method", "arguments", "canister", "why"),
    [
        ("add", '("text", 0, 0.0, true)', NAME, "argument 1"),
        ("add", "(((", NAME, ""),
        ("none", "()", NAME, "no method none"),
        ("add", "(1, 1, 1.0, true)", NAME, "IC0536"),
        ("add", "()", principal.to_text(canister_id(7)), "there is no canister"),
        ("add", "()", "nonsense", "not a canister id"),
    ],
)
def test_what_is_wrong_with_a_call_is_said(
    ui: Ui, method: str, arguments: str, canister: str, why: str
) -> None:
    status, found = ui.call(method, arguments, canister)
    assert status == 400
    assert why in found["error"] and found["error"]


def test_a_canister_without_an_interface_is_named(ui: Ui) -> None:
    ui.engine.canisters[A].public.clear()
    for _ in range(100):
        answer = ui.get(f"/_/candid/interface?id={NAME}")
        if answer.status_code == 404:
            break
        ui.call("grow", "(variant { leaf }, null)")
    assert "publishes no interface" in answer.json()["error"]


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"canister":1,"method":"a","arguments":"()"}'])
def test_a_call_that_is_no_call_is_refused(ui: Ui, body: bytes) -> None:
    kind = {"content-type": "application/json"}
    assert httpx.post(ui.url + "/_/candid/call", content=body, headers=kind).status_code == 400


def test_other_sites_cannot_call_through_a_browser(ui: Ui) -> None:
    """Only a type that browsers ask permission for is taken, and permission is not given."""
    plain = {"content-type": "text/plain", "origin": "https://example.org"}
    assert httpx.post(ui.url + "/_/candid/call", content=b"{}", headers=plain).status_code == 415
    asked = httpx.options(ui.url + "/_/candid/call", headers={"origin": "https://example.org"})
    assert asked.status_code >= 400
    assert "access-control-allow-origin" not in asked.headers
