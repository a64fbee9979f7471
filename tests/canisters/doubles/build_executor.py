"""Stands in for build_executor: keeps the runs it is given, or answers as it was told to."""

from kybra import Opt, StableBTreeMap, Vec, ic, nat64, query, text, update, void

from shared.types.errors import Done
from shared.types.run import RunSpec

runs = StableBTreeMap[text, RunSpec](memory_id=0, max_key_size=100, max_value_size=100_000)
calls = StableBTreeMap[text, nat64](memory_id=1, max_key_size=100, max_value_size=100)
answers = StableBTreeMap[text, text](memory_id=2, max_key_size=100, max_value_size=100)


@update
def answer_with(kind: text) -> void:
    """`Ok`, an error kind, or `trap`."""
    answers.insert("answer", kind)


@update
def enqueue_run(spec: RunSpec) -> Done:
    calls.insert("calls", (calls.get("calls") or 0) + 1)
    kind = answers.get("answer") or "Ok"
    if kind == "trap":
        ic.trap("told to trap")
    if kind == "Unavailable":
        return {"Err": {"Unavailable": "told to be unavailable"}}
    if kind == "Exhausted":
        return {"Err": {"Exhausted": "told to be full"}}
    if kind == "Invalid":
        return {"Err": {"Invalid": "told to refuse"}}
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
    return calls.get("calls") or 0
