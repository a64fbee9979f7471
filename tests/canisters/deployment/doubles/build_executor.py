"""Stands in for `build_executor`: serves the chunks it was given, takes notices."""

from kybra import StableBTreeMap, blob, ic, query, text, update, void

from shared.types.attestation import VerdictNotice
from shared.types.errors import Done
from shared.types.release import ReleaseNotice
from shared.types.run import ChunkRequest, ChunkResult

chunks = StableBTreeMap[text, blob](memory_id=0, max_key_size=300, max_value_size=1_000_100)
behaviour = StableBTreeMap[text, text](memory_id=1, max_key_size=40, max_value_size=40)


@update
def behave(how: text) -> void:
    behaviour.insert("how", how)


@update
def hold(run: text, path: text, index: text, content: blob) -> void:
    chunks.insert(f"{run}/{path}/{index}", content)


@update
def record_verdict(notice: VerdictNotice) -> Done:
    return {"Ok": None}


@update
def record_release(notice: ReleaseNotice) -> Done:
    return {"Ok": None}


@query
def read_chunk(request: ChunkRequest) -> ChunkResult:
    how = behaviour.get("how")
    if how == "trap":
        ic.trap("told to trap")
    if how == "unavailable":
        return {"Err": {"Unavailable": "told to be unavailable"}}
    content = chunks.get(f"{request['run']}/{request['path']}/{request['index']}")
    if content is None:
        return {"Err": {"NotFound": "there is no such chunk"}}
    return {"Ok": content}
