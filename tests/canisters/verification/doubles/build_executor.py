"""Stands in for `build_executor`: keeps what it is told, or behaves badly when told to."""

from kybra import StableBTreeMap, Vec, ic, nat64, query, text, update, void

from shared.types.attestation import VerdictNotice
from shared.types.errors import Done
from shared.types.release import ReleaseNotice

notices = StableBTreeMap[nat64, VerdictNotice](
    memory_id=0, max_key_size=16, max_value_size=1_000_000
)
released = StableBTreeMap[nat64, ReleaseNotice](memory_id=2, max_key_size=16, max_value_size=9_000)
behaviour = StableBTreeMap[text, text](memory_id=1, max_key_size=40, max_value_size=40)


@update
def behave(how: text) -> void:
    behaviour.insert("how", how)


@update
def record_verdict(notice: VerdictNotice) -> Done:
    how = behaviour.get("how")
    if how == "trap":
        ic.trap("told to trap")
    if how == "unavailable":
        return {"Err": {"Unavailable": "told to be unavailable"}}
    notices.insert(notices.len(), notice)
    if how == "refuse":
        return {"Err": {"Conflict": "told to refuse"}}
    return {"Ok": None}


@update
def record_release(notice: ReleaseNotice) -> Done:
    released.insert(released.len(), notice)
    return {"Ok": None}


@query
def noticed() -> Vec[ReleaseNotice]:
    return released.values()


@query
def received() -> Vec[VerdictNotice]:
    return notices.values()
