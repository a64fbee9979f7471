"""Stands in for `verification`: keeps the reports that it is told."""

from kybra import StableBTreeMap, Vec, nat64, query, update

from shared.types.errors import Done
from shared.types.release import ReleaseReport

reports = StableBTreeMap[nat64, ReleaseReport](memory_id=0, max_key_size=16, max_value_size=9_000)


@update
def record_release(report: ReleaseReport) -> Done:
    reports.insert(reports.len(), report)
    return {"Ok": None}


@query
def received() -> Vec[ReleaseReport]:
    return reports.values()
