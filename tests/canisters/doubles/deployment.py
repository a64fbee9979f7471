"""Stands in for `deployment`: plans what it is told, keeps the orders it gets."""

from kybra import Principal, StableBTreeMap, Vec, ic, nat64, query, text, update, void

from shared.types.release import PlanRequest, PlanResult, ReleaseOrder, TextResult

orders = StableBTreeMap[nat64, ReleaseOrder](memory_id=0, max_key_size=16, max_value_size=100_000)
answers = StableBTreeMap[text, text](memory_id=1, max_key_size=40, max_value_size=40)


@update
def answer_with(method: text, kind: text) -> void:
    """How `start_release` answers from now on: `Ok`, the name of an error, or `trap`.

    `plan_release`: `Ok` (an install), `trap`, `NotFound`, `Conflict`, `upgrade`,
    `not wasm`, or `seven cycles` (which the new canister would get);
    `earlier version`, which did not say what that would get.
    """
    answers.insert(method, kind)


@update
def plan_release(request: PlanRequest) -> PlanResult:
    how = answers.get("plan_release")
    target, repository = request["target"], request["repository"]
    if how == "trap":
        ic.trap("told to trap")
    if how == "NotFound":
        return {"Err": {"NotFound": f"there is no target {target} of {repository}"}}
    if how == "Conflict":
        return {"Err": {"Conflict": "the target has no module to upgrade or reinstall"}}
    return {
        "Ok": {
            "canister": None,
            "network": "local",
            "mode": {"Upgrade": None} if how == "upgrade" else {"Install": None},
            "replaces": b"old" if how == "upgrade" else None,
            "gates": [
                {
                    "gate": {"ModuleKind": None},
                    "passed": how != "not wasm",
                    "detail": "the artifact is not a WebAssembly module"
                    if how == "not wasm"
                    else "the artifact is a WebAssembly module",
                }
            ],
            "creates": None
            if how == "earlier version"
            else {
                "controllers": [Principal(b"controller")],
                "cycles": 7 if how == "seven cycles" else 3_000_000_000_000,
            },
            "canisters": None
            if how == "earlier version"
            else [
                {
                    "target": name,
                    "canister": Principal(bytes(8) + b"\1\1" if how != "moved" else b"\7" * 10),
                }
                for name in request["references"] or []
            ],
        }
    }


@update
def start_release(order: ReleaseOrder) -> TextResult:
    how = answers.get("start_release")
    if how == "trap":
        ic.trap("told to trap")
    if how == "Unavailable":
        return {"Err": {"Unavailable": "told to be unavailable"}}
    if how == "Conflict":
        return {"Err": {"Conflict": "told to refuse"}}
    for number, known in orders.items():
        same = known["approval"] == order["approval"]
        if same and known["attempt"] == order["attempt"]:
            return {"Ok": f"release-{number + 1}"}
    orders.insert(orders.len(), order)
    return {"Ok": f"release-{orders.len()}"}


@query
def received() -> Vec[ReleaseOrder]:
    return orders.values()
