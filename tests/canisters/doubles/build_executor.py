"""Stands in for build_executor: keeps what it is given, and answers as it was told to."""

from kybra import Opt, StableBTreeMap, Vec, blob, ic, nat64, query, text, update, void

from shared.types.attestation import VerdictNotice
from shared.types.errors import Done, Error
from shared.types.job import ChunkRequest, ChunkResult
from shared.types.release import ReleaseNotice
from shared.types.run import RunSpec

answers = StableBTreeMap[text, text](memory_id=0, max_key_size=100, max_value_size=100)
calls = StableBTreeMap[text, nat64](memory_id=1, max_key_size=100, max_value_size=100)
runs = StableBTreeMap[text, RunSpec](memory_id=2, max_key_size=100, max_value_size=100_000)
chunks = StableBTreeMap[text, blob](memory_id=3, max_key_size=300, max_value_size=1_000_100)
verdicts = StableBTreeMap[nat64, VerdictNotice](
    memory_id=4, max_key_size=16, max_value_size=1_000_000
)
released = StableBTreeMap[nat64, ReleaseNotice](memory_id=5, max_key_size=16, max_value_size=9_000)


@update
def answer_with(method: text, kind: text) -> void:
    """How `method` answers from now on: `Ok`, the name of an error, or `trap`."""
    answers.insert(method, kind)


def told(method: str) -> "Error | None":
    """The error to answer with; None for Ok."""
    kind = answers.get(method) or "Ok"
    if kind == "trap":
        ic.trap(f"{method} was told to trap")
    sentence = f"{method} was told to refuse"
    errors: dict[str, Error] = {
        "Conflict": {"Conflict": sentence},
        "Invalid": {"Invalid": sentence},
        "Unavailable": {"Unavailable": sentence},
        "Exhausted": {"Exhausted": sentence},
    }
    return errors.get(kind)


@update
def enqueue_run(spec: RunSpec) -> Done:
    calls.insert("enqueue_run", (calls.get("enqueue_run") or 0) + 1)
    error = told("enqueue_run")
    if error is not None:
        return {"Err": error}
    runs.insert(spec["run"], spec)
    return {"Ok": None}


@query
def enqueued(run: text) -> Opt[RunSpec]:
    return runs.get(run)


@query
def enqueued_runs() -> Vec[text]:
    return runs.keys()


@query
def call_count() -> nat64:
    """Calls of enqueue_run, refused ones too."""
    return calls.get("enqueue_run") or 0


@update
def hold(run: text, path: text, index: text, content: blob) -> void:
    """The chunk that read_chunk serves from now on."""
    chunks.insert(f"{run}/{path}/{index}", content)


@query
def read_chunk(request: ChunkRequest) -> ChunkResult:
    error = told("read_chunk")
    if error is not None:
        return {"Err": error}
    content = chunks.get(f"{request['run']}/{request['path']}/{request['index']}")
    if content is None:
        return {"Err": {"NotFound": "there is no such chunk"}}
    return {"Ok": content}


@update
def record_verdict(notice: VerdictNotice) -> Done:
    """Keeps what it refuses for good: that came as well."""
    error = told("record_verdict")
    if error is None or "Unavailable" not in error:
        verdicts.insert(verdicts.len(), notice)
    return {"Ok": None} if error is None else {"Err": error}


@query
def received() -> Vec[VerdictNotice]:
    return verdicts.values()


@update
def record_release(notice: ReleaseNotice) -> Done:
    released.insert(released.len(), notice)
    return {"Ok": None}


@query
def noticed() -> Vec[ReleaseNotice]:
    return released.values()
