"""The management canister as canisters use it: paying, refunds, only-for-canisters methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dcanary.replica.state.costs import APPLICATION
from tests.replica.helpers.candid import BLOB, BOOL, NAT, NAT64, PRINCIPAL, TEXT, kind

pytestmark = pytest.mark.replica

FACTORY = """
import Error "mo:core/Error";
import Cycles "mo:core/Cycles";
persistent actor {
  type Id = { canister_id : Principal };
  type Management = actor {
    create_canister : { settings : ?{ controllers : ?[Principal] } } -> async Id;
    deposit_cycles : Id -> async ();
    canister_status : Id -> async { status : { #running; #stopping; #stopped }; cycles : Nat };
    canister_info : { canister_id : Principal; num_requested_changes : ?Nat64 } -> async {
      total_num_changes : Nat64; controllers : [Principal];
      recent_changes : [{ canister_version : Nat64;
        details : ?{ #creation : { controllers : [Principal] }; #code_uninstall } }] };
    stop_canister : Id -> async ();
    start_canister : Id -> async ();
    delete_canister : Id -> async ();
    install_code : { mode : { #install }; canister_id : Principal; wasm_module : Blob;
      arg : Blob } -> async ();
    raw_rand : () -> async Blob;
  };
  transient let ic = actor "aaaaa-aa" : Management;

  public func create(cycles : Nat) : async { #ok : Principal; #err : Text } {
    try {
      #ok((await (with cycles = cycles) ic.create_canister({ settings = null })).canister_id)
    } catch (e) { #err(Error.message(e)) }
  };
  public func deposit(id : Principal, amount : Nat) : async Nat {
    await (with cycles = amount) ic.deposit_cycles({ canister_id = id });
    Cycles.refunded()
  };
  public func cycles(id : Principal) : async Nat {
    (await ic.canister_status({ canister_id = id })).cycles
  };
  public func changes(id : Principal) : async (Nat64, Bool) {
    let info = await ic.canister_info({ canister_id = id; num_requested_changes = ?5 });
    let created = switch (info.recent_changes[0].details) {
      case (? #creation _) true; case _ false };
    (info.total_num_changes, created)
  };
  public func remove(id : Principal) : async () {
    await ic.stop_canister({ canister_id = id });
    await ic.delete_canister({ canister_id = id });
  };
  public func install(id : Principal, code : Blob) : async Text {
    try {
      await ic.install_code({
        mode = #install; canister_id = id; wasm_module = code; arg = "" });
      ""
    } catch (e) { Error.message(e) }
  };
}
"""

RESULT = kind("variant { ok : principal; err : text }")
TERA = 10**12


@pytest.fixture
def factory(subnet: Any, motoko: Callable[[str], bytes]) -> bytes:
    canister: bytes = subnet.deploy(motoko(FACTORY))
    return canister


def test_a_canister_creates_funds_and_deletes_another(subnet: Any, factory: bytes) -> None:
    before = subnet.engine.cycles(factory)
    (made,) = subnet.update(factory, "create", [NAT], [2 * TERA], [RESULT])
    child = made["ok"]
    assert subnet.engine.cycles(child) == 2 * TERA - APPLICATION.create_canister
    assert list(subnet.engine.canister(child).controllers) == [factory]
    spent = before - subnet.engine.cycles(factory)
    assert 2 * TERA < spent < 2 * TERA + TERA // 10
    assert subnet.update(factory, "deposit", [PRINCIPAL, NAT], [child, 7], [NAT]) == [0]
    assert subnet.update(factory, "cycles", [PRINCIPAL], [child], [NAT]) == [
        subnet.engine.cycles(child)
    ]
    assert subnet.update(factory, "changes", [PRINCIPAL], [child], [NAT64, BOOL]) == [1, True]
    subnet.update(factory, "remove", [PRINCIPAL], [child])
    assert subnet.engine.canister(child) is None


def test_creating_without_enough_cycles_refunds_them(subnet: Any, factory: bytes) -> None:
    before = subnet.engine.cycles(factory)
    (made,) = subnet.update(factory, "create", [NAT], [1000], [RESULT])
    assert "requires a fee" in made["err"]
    assert before - subnet.engine.cycles(factory) < TERA // 10


def test_a_canister_installs_code_into_its_child_only(
    subnet: Any, factory: bytes, wat: Callable[[str], bytes]
) -> None:
    (made,) = subnet.update(factory, "create", [NAT], [2 * TERA], [RESULT])
    code = wat('(module (func (export "canister_update f")))')
    kinds = [PRINCIPAL, BLOB]
    assert subnet.update(factory, "install", kinds, [made["ok"], code], [TEXT]) == [""]
    assert subnet.engine.canister(made["ok"]).module_hash is not None
    foreign = subnet.create()
    (refused,) = subnet.update(factory, "install", kinds, [foreign, code], [TEXT])
    assert "Only controllers" in refused
    (invalid,) = subnet.update(factory, "install", kinds, [made["ok"], b"junk"], [TEXT])
    assert "not empty" in invalid
