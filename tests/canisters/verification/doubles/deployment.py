"""Stands in for `deployment`: plans the mode it is told, keeps the orders it gets."""

from kybra import StableBTreeMap, Vec, ic, nat64, query, text, update, void

from shared.types.errors import conflict, not_found, unavailable
from shared.types.release import ModeResult, ReleaseOrder, TextResult

orders = StableBTreeMap[nat64, ReleaseOrder](memory_id=0, max_key_size=16, max_value_size=100_000)
behaviour = StableBTreeMap[text, text](memory_id=1, max_key_size=40, max_value_size=40)


@update
def behave(what: text, how: text) -> void:
    behaviour.insert(what, how)


@update
def plan_mode(target: text, repository: text) -> ModeResult:
    how = behaviour.get("plan")
    if how == "trap":
        ic.trap("told to trap")
    if how == "unknown":
        return {"Err": not_found(f"there is no target {target} of {repository}")}
    if how == "upgrade":
        return {"Ok": {"Upgrade": None}}
    return {"Ok": {"Install": None}}


@update
def start_release(order: ReleaseOrder) -> TextResult:
    how = behaviour.get("release")
    if how == "trap":
        ic.trap("told to trap")
    if how == "unavailable":
        return {"Err": unavailable("told to be unavailable")}
    if how == "refuse":
        return {"Err": conflict("told to refuse")}
    for number, known in orders.items():
        if known["approval"] == order["approval"]:
            return {"Ok": f"release-{number + 1}"}
    orders.insert(orders.len(), order)
    return {"Ok": f"release-{orders.len()}"}


@query
def received() -> Vec[ReleaseOrder]:
    return orders.values()
