"""The canister's records as the rules see them, and the open work kept ready in memory.

Executors ask for work several times a second, so the stages that are not at an end, and the
executors, are kept decoded. They are written to the stable maps on every change and read from them
again after an upgrade: memory holds nothing that the maps do not.
"""

from bisect import bisect_left, insort
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Protocol

from canisters.build_executor.artifacts import uploads
from canisters.build_executor.artifacts.hashing import Hashes
from canisters.build_executor.executors import rules as executor_rules
from canisters.build_executor.jobs import rules
from canisters.build_executor.jobs.queue import Queue
from canisters.build_executor.jobs.shares import Shares
from canisters.build_executor.keys import (
    approval_message,
    is_open,
    key_of,
    report_message,
    stage_key,
)
from canisters.build_executor.records import (
    CertifiedRecord,
    ContentRecord,
    ExecutorRecord,
    JobRow,
    OfferRecord,
    ResolutionRecord,
    RunRecord,
    ShareRecord,
    SpecRecord,
    StageRecord,
    UsageRecord,
)
from canisters.build_executor.resolutions.open import OpenResolutions
from canisters.build_executor.runs.graph import is_name
from canisters.build_executor.serving.shelf import Shelf
from shared.base.records import Lookup
from shared.rules.limits import MAX_NAME_CHARS
from shared.types.executor import ExecutorOffer

MAX_STAGE_KEY_CHARS = 2 * MAX_NAME_CHARS + 1


class OpenRunMap(Lookup[str, int], Protocol):
    """Runs not at an end: bounded by MAX_OPEN_RUNS, so that it may be scanned."""

    def keys(self) -> "list[str]": ...


def due_ns(stage: StageRecord) -> int:
    """When time alone next changes an open stage."""
    return uploads.due_ns(stage) if "Storing" in stage["state"] else rules.due_ns(stage)


class Book:
    """All maps, the open stages, and what must still be done after a rule has run.

    `outgoing` names messages to send to `verification`, `reporting` those to `webhook`. `meter`
    reads the instruction counter, `publish` sets the canister's certified data.
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
        shares: "Lookup[str, ShareRecord]",
        certified: "Lookup[int, CertifiedRecord]",
        usage: "Lookup[str, UsageRecord]",
        usage_days: "Lookup[str, int]",
        resolutions: "Lookup[str, ResolutionRecord]",
        publish: "Callable[[bytes], None]",
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
        self.uploads = Hashes(chunks)
        self.log_blocks = log_blocks
        self.executors = executors
        self.executor_index = executor_index
        self.offers = offers
        self.shares = Shares(shares, lambda *charged: self._queue.set_used(*charged))
        self.shelf = Shelf(certified)
        self.usage = usage
        self.usage_days = usage_days
        self._resolutions = OpenResolutions(resolutions)
        self.publish = publish
        self.outgoing: list[str] = []
        self.reporting: list[str] = []
        self._meter = meter
        self._metered = 0
        self._open: dict[str, StageRecord] | None = None
        self._open_runs: dict[str, set[str]] = {}
        self._order: list[tuple[int, int, str]] = []
        self._due: dict[str, int] = {}
        self._deadlines: list[tuple[int, str]] = []
        self._leases: dict[str, dict[str, int]] = {}
        self._holders: dict[str, set[str]] = {}
        self._storing: dict[str, set[str]] = {}
        self._keepers: dict[str, set[str]] = {}
        self._queue = Queue(self.shares.used_ns)
        self._known: dict[str, tuple[ExecutorRecord, ExecutorOffer | None]] = {}
        self._all_known = False

    def _load(self) -> "dict[str, StageRecord]":
        if self._open is None:
            self._open = {}
            for run in self.open_runs.keys():  # noqa: SIM118 - a stable map is no dict
                record = self.runs.get(run)
                if record is not None:
                    self._note_open(run, record)
                    if not record["source"]["sha"]:
                        self._resolutions.load(run)
                for opened in record["opened"] if record is not None else []:
                    stage = self.stages.get(stage_key(run, opened["name"]))
                    if stage is not None and is_open(stage):
                        self._open[key_of(stage)] = stage
                        self._order.append(
                            (stage["run_sequence"], stage["position"], key_of(stage))
                        )
                        self._index(stage)
            self._order.sort()
            for principal, executor, offer in self.all_executors():
                self._set_lane(principal, executor, offer)
        return self._open

    def reload(self) -> None:
        """Read the open stages and the executors from the stable maps again (after an upgrade)."""
        self._open = None
        self._open_runs = {}
        self._resolutions.forget()
        self._order = []
        self._due = {}
        self._deadlines = []
        self._leases = {}
        self._holders = {}
        self._storing = {}
        self._keepers = {}
        self._queue = Queue(self.shares.used_ns)
        self._known = {}
        self._all_known = False
        self.uploads = Hashes(self.chunks)
        self._load()
        self.all_executors()

    # Runs

    def _note_open(self, run: str, record: RunRecord) -> None:
        self._open_runs.setdefault(record["source"]["repository"], set()).add(run)

    def open_runs_of(self, repository: str) -> int:
        """How many runs of a repository are not at an end."""
        self._load()
        return len(self._open_runs.get(repository, ()))

    def open_run(self, run: str, record: RunRecord) -> None:
        """The run counts as open from now on."""
        self._load()
        self.open_runs.insert(run, record["sequence"])
        self._note_open(run, record)

    def close_run(self, run: str, record: RunRecord) -> None:
        """The run has ended, or nothing of it is left to build."""
        self._load()
        self.open_runs.remove(run)
        repository = record["source"]["repository"]
        left = self._open_runs.get(repository, set())
        left.discard(run)
        if not left:
            self._open_runs.pop(repository, None)
        self._resolutions.drop(run)

    # Runs whose commit is to be read

    @property
    def resolutions(self) -> OpenResolutions:
        """The runs that were started for a branch or tag."""
        self._load()
        return self._resolutions

    # Stages

    def open_stages(self) -> "list[StageRecord]":
        """Stages that are Building or Storing: older runs first, then by place in the pipeline."""
        stages = self._load()
        return [stages[key] for _, _, key in self._order]

    def open_stage_count(self) -> int:
        return len(self._load())

    def open_stage_at(self, number: int) -> StageRecord:
        """One of `open_stages`, by its place there."""
        return self._load()[self._order[number][2]]

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
        elif stages.pop(key, None) is not None:
            del self._order[
                bisect_left(self._order, (stage["run_sequence"], stage["position"], key))
            ]
        repository = stage["repository"]
        if "Building" in stage["state"] and not self._queue.is_known(repository):
            self.shares.join(repository)
        self._index(stage)
        self.stages.insert(key, stage)

    def _index(self, stage: StageRecord) -> None:
        """Keep the deadline and the holders of leases of a stage ready."""
        key = key_of(stage)
        for holder in self._holders.pop(key, ()):
            self._leases[holder].pop(key, None)
        for keeper in self._keepers.pop(key, ()):
            self._storing[keeper].discard(key)
        if "Building" not in stage["state"]:
            self._queue.drop(key)
        if not is_open(stage):
            self._due.pop(key, None)
            return
        due = due_ns(stage)
        if self._due.get(key) != due:
            self._due[key] = due
            heappush(self._deadlines, (due, key))
        if "Building" in stage["state"]:
            holders: set[str] = set()
            for job in stage["jobs"]:
                executor = job["executor"]
                if executor is not None and "Leased" in job["state"]:
                    self._leases.setdefault(executor, {})[key] = job["lease_until_ns"]
                    holders.add(executor)
            if holders:
                self._holders[key] = holders
            self._queue.put(key, stage)
            return
        keepers = {stage["jobs"][replica]["executor"] or "" for replica in stage["agreeing"]}
        for keeper in keepers:
            self._storing.setdefault(keeper, set()).add(key)
        self._keepers[key] = keepers

    def stored_by(self, executor: str) -> "list[StageRecord]":
        """The stages that are Storing whose bytes the executor has, those of older runs first."""
        stages = self._load()
        found = [stages[key] for key in self._storing.get(executor, ())]
        return sorted(found, key=lambda each: (each["run_sequence"], each["position"]))

    def has_open_work(self) -> bool:
        """Whether any stage is open, or the commit of any run is to be read."""
        return bool(self._load()) or self._resolutions.any()

    # The queue

    def next_build(
        self, executor: str, operator: str, now: int
    ) -> "tuple[StageRecord, int] | None":
        """The stage and replica that the executor is given next, if it has a slot free."""
        stages = self._load()
        for key in self._queue.candidates(executor, self._overdue(now), now):
            job = rules.free_job(stages[key], operator, executor, now)
            if job is not None:
                return stages[key], job["replica"]
        return None

    def begin_build(self, stage: StageRecord, now: int) -> None:
        """A job of the stage is given out: its repository is charged for it, and comes later."""
        self.shares.begin(stage["repository"])
        self._queue.promote(now)

    def barred_from(self, executor: str) -> "list[StageRecord]":
        """Stages that the executor itself, and not its operator, was not able to build."""
        stages = self._load()
        return [stages[key] for key in self._queue.barred(executor)]

    def held_up(self, stage: StageRecord) -> int:
        """How many jobs are at work in the stage's group when its bound lets no more; else 0."""
        self._load()
        key = key_of(stage)
        return 0 if self._queue.has_room(key) else self._queue.at_work(key)

    def sharing(self, stage: StageRecord) -> "list[StageRecord]":
        """The other stages that are Building and share the stage's bound of jobs at work: at most
        those of one pipeline."""
        stages = self._load()
        return [stages[key] for key in self._queue.sharing(key_of(stage), stage)]

    def queue_described(self, now: int) -> "dict[str, object]":
        """What the queue holds at `now`; see `Queue.described`."""
        self._load()
        self._queue.promote(now)
        return self._queue.described()

    def _overdue(self, now: int) -> "list[str]":
        """Stages whose deadline has passed and that the timer has not come to."""
        found: list[str] = []
        places = [0]
        while places:
            place = places.pop()
            if place < len(self._deadlines) and self._deadlines[place][0] <= now:
                due, key = self._deadlines[place]
                if self._due.get(key) == due:
                    found.append(key)
                places += [2 * place + 1, 2 * place + 2]
        return found

    def slots_taken(self, executor: str, now: int) -> int:
        """How many jobs the executor holds leases of at `now`."""
        self._load()
        return sum(until_ns > now for until_ns in self._leases.get(executor, {}).values())

    def last_beat_ns(self, executor: str) -> int:
        """The latest end of the leases that the executor holds; 0 when it holds none."""
        self._load()
        return max(self._leases.get(executor, {}).values(), default=0)

    # Deadlines

    def next_due_ns(self) -> int:
        """The earliest time at which something changes by itself; 0 when nothing is open."""
        times = (self._next_stage_ns(), self.resolutions.next_end_ns())
        return min((each for each in times if each), default=0)

    def _next_stage_ns(self) -> int:
        self._load()
        heap = self._deadlines
        while heap and self._due.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else 0

    def take_due(self, now: int) -> "StageRecord | None":
        """The stage whose deadline passed first; the caller saves it, with a later deadline."""
        due = self._next_stage_ns()
        if due == 0 or due > now:
            return None
        _, key = heappop(self._deadlines)
        self._due.pop(key, None)
        return self._load().get(key)

    # Executors

    def executor(self, principal: str) -> "tuple[ExecutorRecord, ExecutorOffer | None] | None":
        """A registered executor and the offer that it announced last."""
        found = self._known.get(principal)
        if found is None and not self._all_known:
            record = self.executors.get(principal)
            if record is None:
                return None
            offered = self.offers.get(principal)
            found = (record, None if offered is None else offered["offer"])
            self._known[principal] = found
        return found

    def _set_lane(
        self, principal: str, record: ExecutorRecord, offer: "ExecutorOffer | None"
    ) -> None:
        runtimes = executor_rules.runtimes_of(record, offer)
        operator, is_active = record["operator"], record["enabled"]
        self._queue.set_lane(principal, operator, runtimes, offer, is_active)

    def save_executor(self, principal: str, record: ExecutorRecord) -> None:
        known = self.executor(principal)
        offer = None if known is None else known[1]
        self.executors.insert(principal, record)
        self._known[principal] = (record, offer)
        self._load()
        self._set_lane(principal, record, offer)

    def save_offer(self, principal: str, record: ExecutorRecord, offer: ExecutorOffer) -> None:
        self.offers.insert(principal, {"version": 1, "offer": offer})
        self.executors.insert(principal, record)
        self._known[principal] = (record, offer)
        self._load()
        self._set_lane(principal, record, offer)

    def all_executors(self) -> "list[tuple[str, ExecutorRecord, ExecutorOffer | None]]":
        """All registered executors (at most MAX_EXECUTORS), registered first, first."""
        if not self._all_known:
            for number in range(self.executor_index.len()):
                self.executor(self.executor_index.get(number) or "")
            self._all_known = True
        return [(principal, record, offer) for principal, (record, offer) in self._known.items()]

    # Messages

    def tell_round(self, stage: StageRecord) -> None:
        """`verification` must hear news of this stage's round."""
        self.outgoing.append(f"round:{key_of(stage)}")

    def ask_approval(self, run: str, target: str) -> None:
        """`verification` must be asked for the approval of a target, or to withdraw the request."""
        self.outgoing.append(approval_message(run, target))

    def report(self, run: str) -> None:
        """`webhook` must hear where the run stands, for those outside who are told of it."""
        self.reporting.append(report_message(run))

    def take_reports(self) -> "list[str]":
        taken = list(dict.fromkeys(self.reporting))
        self.reporting.clear()
        return taken

    def take_outgoing(self) -> "list[str]":
        taken = list(dict.fromkeys(self.outgoing))
        self.outgoing.clear()
        return taken
