"""Stands in for `webhook`: keeps the reports that it is sent, and answers as it was told to."""

from kybra import StableBTreeMap, Vec, ic, nat64, query, text, update, void

from shared.types.errors import Done
from shared.types.report import RunReport

reports = StableBTreeMap[nat64, RunReport](memory_id=0, max_key_size=16, max_value_size=100_000)
answers = StableBTreeMap[text, text](memory_id=1, max_key_size=40, max_value_size=40)


@update
def answer_with(method: text, kind: text) -> void:
    """How `report_run` answers from now on: `Ok`, `Unavailable`, or `trap`."""
    answers.insert(method, kind)


@update
def report_run(report: RunReport) -> Done:
    kind = answers.get("report_run") or "Ok"
    if kind == "trap":
        ic.trap("report_run was told to trap")
    if kind == "Unavailable":
        return {"Err": {"Unavailable": "told to refuse"}}
    reports.insert(reports.len(), report)
    return {"Ok": None}


@query
def reported() -> Vec[RunReport]:
    return [report for _, report in sorted(reports.items())]
