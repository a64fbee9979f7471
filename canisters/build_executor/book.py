"""The canister's records as the rules see them, and the open work kept ready in memory.

Executors ask for work several times a second, so the stages that are not at an end are kept
decoded. They are written to the stable map on every change and read from it again after an
upgrade: memory holds nothing that the maps do not.
"""

from bisect import insort
from collections.abc import Callable
from typing import Protocol

from canisters.build_executor.dag import is_name
from canisters.build_executor.records import (
    ContentRecord,
    ExecutorRecord,
    JobRow,
    OfferRecord,
    RunRecord,
    SpecRecord,
    StageRecord,
)
from shared.base.records import Lookup
from shared.rules.limits import MAX_NAME_CHARS

MAX_STAGE_KEY_CHARS = 2 * MAX_NAME_CHARS + 1


class OpenRunMap(Lookup[str, int], Protocol):
    """Runs not at an end: bounded by MAX_OPEN_RUNS, so that it may be scanned."""

    def keys(self) -> "list[str]": ...


def stage_key(run: str, stage: str) -> str:
    return f"{run}/{stage}"


def key_of(stage: StageRecord) -> str:
    return stage_key(stage["run"], stage["name"])


def job_name(stage: StageRecord, replica: int) -> str:
    return f"{stage['run']}/{stage['name']}/{replica}"


def is_open(stage: StageRecord) -> bool:
    return "Building" in stage["state"] or "Storing" in stage["state"]


def due_ns(stage: StageRecord) -> int:
    """When time alone next changes an open stage."""
    due = stage["end_by_ns"]
    if "Storing" in stage["state"]:
        if stage["upload_until_ns"] > 0:
            due = min(due, stage["upload_until_ns"])
        return due
    for job in stage["jobs"]:
        if "Leased" in job["state"]:
            due = min(due, job["lease_until_ns"], stage["commit_until_ns"])
        elif "Queued" in job["state"]:
            due = min(due, stage["commit_until_ns"])
    return due


class Book:
    """All maps, the open stages, and what the entry point must still do after a rule has run.

    `outgoing` names messages to send to `verification`; `wake_ns` is the earliest time at which
    an open stage changes by itself (0: none was touched). `meter` reads the instruction counter.
    """

    def __init__(
        self,
        runs: "Lookup[str, RunRecord]",
        specs: "Lookup[str, SpecRecord]",
        stages: "Lookup[str, StageRecord]",
        open_runs: OpenRunMap,
        run_index: "Lookup[int, str]",
        repository_index: "Lookup[str, str]",
        repository_runs: "Lookup[str, int]",
        contents: "Lookup[str, ContentRecord]",
        chunks: "Lookup[str, bytes]",
        log_blocks: "Lookup[str, bytes]",
        executors: "Lookup[str, ExecutorRecord]",
        executor_index: "Lookup[int, str]",
        offers: "Lookup[str, OfferRecord]",
        meter: "Callable[[], int]",
    ) -> None:
        self.runs = runs
        self.specs = specs
        self.stages = stages
        self.open_runs = open_runs
        self.run_index = run_index
        self.repository_index = repository_index
        self.repository_runs = repository_runs
        self.contents = contents
        self.chunks = chunks
        self.log_blocks = log_blocks
        self.executors = executors
        self.executor_index = executor_index
        self.offers = offers
        self.outgoing: list[str] = []
        self.wake_ns = 0
        self._meter = meter
        self._metered = 0
        self._open: dict[str, StageRecord] | None = None
        self._order: list[tuple[int, int, str]] = []

    def _load(self) -> "dict[str, StageRecord]":
        if self._open is None:
            self._open = {}
            self._order = []
            for run in self.open_runs.keys():  # noqa: SIM118 - a stable map is no dict
                record = self.runs.get(run)
                for opened in record["opened"] if record is not None else []:
                    stage = self.stages.get(stage_key(run, opened["name"]))
                    if stage is not None and is_open(stage):
                        self._open[key_of(stage)] = stage
                        self._order.append(
                            (stage["run_sequence"], stage["position"], key_of(stage))
                        )
            self._order.sort()
        return self._open

    def reload(self) -> None:
        """Read the open stages from the stable maps again (after an upgrade)."""
        self._open = None
        for stage in self.open_stages():
            self._wake_at(due_ns(stage))

    def open_stages(self) -> "list[StageRecord]":
        """Stages that are Building or Storing: older runs first, then by place in the pipeline."""
        stages = self._load()
        return [stages[key] for _, _, key in self._order]

    def run(self, run: str) -> "RunRecord | None":
        """A run by an id from anyone: what cannot be an id is not looked up."""
        return self.runs.get(run) if is_name(run) else None

    def stage(self, key: str) -> "StageRecord | None":
        """A stage that was opened, at an end or not. Changes count only after `save`."""
        if len(key) > MAX_STAGE_KEY_CHARS or not key.isascii():
            return None
        found = self._load().get(key)
        return found if found is not None else self.stages.get(key)

    def job(self, name: str) -> "tuple[StageRecord, JobRow] | None":
        """The job `<run>/<stage>/<replica>` and its stage."""
        key, _, number = name.rpartition("/")
        if not number.isascii() or not number.isdigit() or len(number) > 3:
            return None
        stage = self.stage(key) if key else None
        if stage is None or int(number) >= len(stage["jobs"]) or str(int(number)) != number:
            return None
        return stage, stage["jobs"][int(number)]

    def begin(self) -> None:
        """A new message started: its instruction counter runs from zero."""
        self._metered = 0

    def save(self, stage: StageRecord) -> None:
        """Write a stage, with the instructions this message spent since the last one written."""
        spent = self._meter()
        stage["instructions"] += max(0, spent - self._metered)
        self._metered = spent
        key = key_of(stage)
        stages = self._load()
        if is_open(stage):
            if key not in stages:
                insort(self._order, (stage["run_sequence"], stage["position"], key))
            stages[key] = stage
            self._wake_at(due_ns(stage))
        elif stages.pop(key, None) is not None:
            self._order.remove((stage["run_sequence"], stage["position"], key))
        self.stages.insert(key, stage)

    def tell_round(self, stage: StageRecord) -> None:
        """`verification` must hear news of this stage's round."""
        self.outgoing.append(f"round:{key_of(stage)}")

    def ask_approval(self, run: str) -> None:
        self.outgoing.append(f"approval:{run}")

    def take_outgoing(self) -> "list[str]":
        taken = list(dict.fromkeys(self.outgoing))
        self.outgoing.clear()
        return taken

    def take_wake_ns(self) -> int:
        taken = self.wake_ns
        self.wake_ns = 0
        return taken

    def _wake_at(self, due: int) -> None:
        if self.wake_ns == 0 or due < self.wake_ns:
            self.wake_ns = due
