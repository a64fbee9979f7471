"""Runs that start by the clock: schedules of pipelines, kept in the order in which they are due."""

from heapq import heapify, heappop, heappush

from kybra import ic

from canisters.webhook.repositories import views as repository_views
from canisters.webhook.schedules import rules
from canisters.webhook.store import instruction_totals, schedules
from canisters.webhook.triggers import service as triggering
from shared.base.clock import WakeUp
from shared.base.metering import counted
from shared.rules.cutting import cut
from shared.rules.limits import MAX_SCHEDULES, MAX_SCHEDULES_PER_PIPELINE, MAX_TEXT_CHARS
from shared.rules.refused import Refused, exhausted
from shared.types.pipeline import Trigger
from shared.types.repository import ScheduleStatus

STARTS_AT_ONCE = 20
"""Runs that one message starts: 1,000 schedules may be due in the same minute."""


class Due:
    """(when, key) of all schedules, the next first; read from the map once after an upgrade."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str]] | None = None

    def heap(self) -> "list[tuple[int, str]]":
        """Entries may be of schedules that were changed since: their record has another time."""
        if self._heap is None:
            self._heap = []
            for key, record in schedules.items():
                if record["next_ns"] != rules.NEVER_NS:
                    self._heap.append((record["next_ns"], key))
            heapify(self._heap)
        return self._heap


_due = Due()


def _key(repository: str, number: int) -> str:
    return f"{repository}/{number}"


def sync(repository: str, triggers: "list[Trigger]", now: int) -> None:
    """Keep the schedules of a repository's pipeline. What is the same as before goes on as it was.

    Raises Exhausted, and keeps those of before, when there are too many of all repositories.
    """
    wanted = rules.schedules_of(triggers)[:MAX_SCHEDULES_PER_PIPELINE]
    heap = _due.heap()
    known = []
    for number in range(MAX_SCHEDULES_PER_PIPELINE):
        record = schedules.get(_key(repository, number))
        if record is not None:
            known.append(record)
    if len(wanted) > len(known) and schedules.len() + len(wanted) - len(known) > MAX_SCHEDULES:
        raise exhausted(f"{MAX_SCHEDULES} schedules are there (MAX_SCHEDULES)")
    for number in range(MAX_SCHEDULES_PER_PIPELINE):
        key = _key(repository, number)
        if number >= len(wanted):
            schedules.remove(key)
            continue
        record = rules.planned(repository, wanted[number], known, now)
        schedules.insert(key, record)
        if record["next_ns"] != rules.NEVER_NS:
            heappush(heap, (record["next_ns"], key))
    wake()


def pass_due(now: int) -> int:
    """Start what is due; returns when the next is (0: nothing is planned)."""
    return counted(instruction_totals, "timer schedules", _pass_due(now))


def _pass_due(now: int) -> int:
    heap, starts = _due.heap(), 0
    while heap and heap[0][0] <= now:
        if starts == STARTS_AT_ONCE:
            return now + 1
        due_ns, key = heappop(heap)
        record = schedules.get(key)
        if record is None or record["next_ns"] != due_ns:
            continue
        starts += 1
        schedule = record["schedule"]
        try:
            run = triggering.start_by_clock(record["repository"], schedule["ref"], now)
        except Refused as refused:
            rules.put_off(record, cut(refused.sentence, MAX_TEXT_CHARS), now)
        else:
            rules.started(record, run, now)
        schedules.insert(key, record)
        if record["next_ns"] != rules.NEVER_NS:
            heappush(heap, (record["next_ns"], key))
    return heap[0][0] if heap else 0


clock = WakeUp(pass_due)


def wake() -> None:
    """See that the next schedule is kept."""
    heap = _due.heap()
    clock.at(max(heap[0][0], ic.time()) if heap else 0)


def of(repository: str) -> "list[ScheduleStatus]":
    """The schedules of a repository, in the order of its pipeline. Raises NotFound."""
    repository_views.get(repository)
    found: list[ScheduleStatus] = []
    for number in range(MAX_SCHEDULES_PER_PIPELINE):
        record = schedules.get(_key(repository, number))
        if record is None:
            continue
        next_ns = record["next_ns"]
        found.append(
            {
                "schedule": record["schedule"],
                "next_ns": None if next_ns == rules.NEVER_NS else next_ns,
                "last_ns": record["last_ns"],
                "last_run": record["last_run"],
                "problem": record["problem"],
            }
        )
    return found
