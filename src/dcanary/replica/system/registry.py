"""The registry: which subnet a canister is on."""

from __future__ import annotations

from typing import Any

from dcanary.candid.principal import to_text
from dcanary.replica.engine.native import NativeCall

from .ids import REGISTRY
from .service import Service

CANDID = """
service : {
  get_subnet_for_canister : (record { "principal" : opt principal }) -> (
    variant { Ok : record { subnet_id : opt principal }; Err : text }
  ) query;
}
"""


def get_subnet_for_canister(call: NativeCall, arg: dict[str, Any]) -> dict[str, Any]:
    """The one subnet, for canisters that exist."""
    canister_id = arg["principal"]
    if canister_id is None:
        return {"Err": "the principal is missing"}
    if not call.has_canister(canister_id) and not call.is_native(canister_id):
        return {"Err": f"canister {to_text(canister_id)} is not on this network"}
    return {"Ok": {"subnet_id": call.subnet_id}}


class Registry(Service):
    """`rwlgt-iiaaa-aaaaa-aaaaa-cai`."""

    def __init__(self) -> None:
        super().__init__(REGISTRY, CANDID, {"get_subnet_for_canister": get_subnet_for_canister})
