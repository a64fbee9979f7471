"""The canister's rules on maps in memory, and a clock that only tests move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from canisters.build_executor import deadlines
from canisters.build_executor.artifacts import service as artifacts
from canisters.build_executor.book import Book
from canisters.build_executor.executors import service as executors
from canisters.build_executor.jobs import service as jobs
from canisters.build_executor.jobs import views as job_views
from canisters.build_executor.resolutions import service as resolutions
from canisters.build_executor.rounds import service as rounds
from canisters.build_executor.runs import service as runs
from canisters.build_executor.runs import views as run_views
from canisters.build_executor.usage import views as usage_views
from shared.base.results import error_of
from shared.rules.refused import Refused
from tests.canisters.build_executor.helpers.memory import MemoryMap
from tests.canisters.build_executor.helpers.specs import offer, principal, spec, verdict

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND

A, B, C, D = (principal(number) for number in range(4))
MAPS = (
    "runs",
    "specs",
    "stages",
    "open_runs",
    "run_index",
    "repository_index",
    "repository_runs",
    "contents",
    "chunks",
    "log_blocks",
    "executors",
    "executor_index",
    "offers",
    "shares",
    "certified",
    "usage",
    "usage_days",
    "resolutions",
)


def answer(work: Callable[[], Any]) -> Any:
    """What a caller gets: `Ok` of what the work returns, `Err` of how it is refused."""
    try:
        return {"Ok": work()}
    except Refused as refused:
        return {"Err": error_of(refused)}


class World:
    """`A`, `B`, `C` are executors of three operators; `now` is the canister's time."""

    def __init__(self) -> None:
        self.maps: dict[str, MemoryMap[Any, Any]] = {name: MemoryMap() for name in MAPS}
        self.outgoing: MemoryMap[str, Any] = MemoryMap()
        self.now = START
        self.upgrade()
        for number, executor in enumerate((A, B, C)):
            self.register(executor, f"operator-{number}")
            self.announce(executor)

    def upgrade(self) -> None:
        """Memory is empty, the maps stay."""
        meter: Any = iter(range(0, 1 << 40, 1_000)).__next__
        self.certified_data = b""
        self.book = Book(**self.maps, meter=meter, publish=self._publish)
        self.book.reload()

    def of_maps(self) -> Book:
        """Another book on the same maps: what an upgrade would make of them now."""
        meter: Any = iter(range(0, 1 << 40, 1_000)).__next__
        book = Book(**self.maps, meter=meter, publish=self._publish)
        book.reload()
        return book

    def _publish(self, root: bytes) -> None:
        self.certified_data = root

    def operations(self) -> int:
        return sum(each.operations for each in self.maps.values())

    def register(self, executor: str, operator: str, *runtimes: str) -> Any:
        chosen: Any = [{name: None} for name in runtimes or ("Shell", "Motoko")]
        return answer(lambda: executors.register(self.book, executor, operator, chosen, self.now))

    def executor(self, executor: str) -> Any:
        """The record of a registered executor."""
        found = self.book.executors.get(executor)
        assert found is not None
        return found

    def enable(self, executor: str, enabled: bool) -> Any:
        return answer(lambda: executors.set_enabled(self.book, executor, enabled, self.now))

    def cancel(self, run: str = "run-1", caller: str = "someone") -> Any:
        return answer(lambda: runs.cancel(self.book, run, caller, self.now))

    def announce(self, executor: str, runtimes: Any = ("Shell", "Motoko"), **changes: Any) -> Any:
        """Offer plenty of everything, but for the changes."""
        made = offer(**changes)
        made["runtimes"] = [{name: None} for name in runtimes]
        return answer(lambda: executors.announce(self.book, executor, made, self.now))

    def enqueue(self, wanted: Any = None) -> Any:
        return answer(lambda: runs.enqueue(self.book, wanted or spec(), self.now))

    def request(self, *holds: str, room: Any = None) -> Any:
        return {"holds": list(holds), "room": room}

    def has_work(self, executor: str, *holds: str, room: Any = None) -> bool:
        return jobs.has_work(self.book, executor, self.request(*holds, room=room), self.now)

    def lease(self, executor: str, *holds: str, room: Any = None) -> Any:
        """The work, None, or the error; has_work must have said the same of work."""
        expected = self.has_work(executor, *holds, room=room)
        request = self.request(*holds, room=room)
        result = answer(lambda: jobs.lease_work(self.book, executor, request, self.now))
        if "Err" in result:
            return result["Err"]
        assert expected == (result["Ok"] is not None)
        return result["Ok"]

    def read_ref(
        self, executor: str, commit: str | None, problem: str | None = None, run: str = "run-1"
    ) -> Any:
        """Report what stands at the ref of a run; no commit and no problem: nothing."""
        reading: Any = {"run": run, "commit": commit, "problem": problem}
        return answer(lambda: resolutions.report(self.book, executor, reading, self.now))

    def build(self, executor: str) -> Any:
        """Lease a build that must be there."""
        work = self.lease(executor)
        assert work is not None and "Build" in work, work
        return work["Build"]

    def beat(
        self,
        executor: str,
        job: str,
        attempt: int = 1,
        offset: int = 0,
        log: bytes = b"",
        phase: str | None = None,
    ) -> Any:
        beat: Any = {"job": job, "attempt": attempt, "offset": offset, "log": log, "phase": phase}
        return answer(lambda: jobs.heartbeat(self.book, executor, beat, self.now))

    def commit(
        self,
        executor: str,
        job: str,
        attempt: int = 1,
        commitment: bytes = b"c" * 32,
        reused: str | None = None,
        **used: int,
    ) -> Any:
        given: Any = {
            "job": job,
            "attempt": attempt,
            "commitment": commitment,
            "wall_ns": 5,
            "peak_memory_bytes": 7,
            "reused": reused,
            "cpu_ns": None,
            "storage_bytes": None,
            "fetched_bytes": None,
            "log_sha256": None,
            "log_total": None,
            **used,
        }
        return answer(lambda: jobs.commit(self.book, executor, given, self.now))

    def release(
        self,
        executor: str,
        job: str,
        attempt: int = 1,
        reason: str = "tired",
        cause: str = "Weather",
    ) -> Any:
        given: Any = {"job": job, "attempt": attempt, "cause": {cause: None}, "reason": reason}
        return answer(lambda: jobs.release(self.book, executor, given, self.now))

    def decide(
        self,
        kind: str,
        files: list[Any] | None = None,
        jobs: list[str] | None = None,
        reason: str = "because",
        run: str = "run-1",
        stage: str = "build",
    ) -> Any:
        made = verdict(kind, files or [], jobs or [], reason)
        notice: Any = {"run": run, "stage": stage, "verdict": made}
        return answer(lambda: rounds.record_verdict(self.book, notice, self.now))

    def upload(
        self,
        executor: str,
        path: str,
        index: int,
        content: bytes,
        run: str = "run-1",
        stage: str = "build",
    ) -> Any:
        chunk: Any = {"run": run, "stage": stage, "path": path, "index": index, "content": content}
        return answer(lambda: artifacts.upload_chunk(self.book, executor, chunk, self.now))

    def finish(self, executor: str, path: str, run: str = "run-1", stage: str = "build") -> Any:
        return answer(
            lambda: artifacts.finish_upload(self.book, executor, run, stage, path, self.now)
        )

    def read(self, path: str, index: int = 0, run: str = "run-1", stage: str = "build") -> Any:
        request: Any = {"run": run, "stage": stage, "path": path, "index": index}
        return answer(lambda: artifacts.read_chunk(self.book, request))

    def log(self, job: str, offset: int = 0) -> Any:
        return answer(lambda: job_views.get_log(self.book, job, offset))

    def usage(self, cursor: str | None = None, limit: int = 0, **of: str) -> Any:
        """The days of a list, by `Repository=` or `Operator=`."""
        whose: Any = of
        request: Any = {"cursor": cursor, "limit": limit}
        return answer(lambda: usage_views.page(self.book, whose, request))

    def run(self, run: str = "run-1") -> Any:
        return run_views.get(self.book, self.outgoing, run, self.now)

    def waits(self, run: str = "run-1") -> list[str]:
        """The reasons of what a run waits for."""
        return [each["reason"] for each in self.run(run)["waiting_for"]]

    def jobs(self, run: str = "run-1") -> dict[str, Any]:
        """All jobs of a run by name."""
        found: dict[str, Any] = {}
        cursor = None
        while True:
            page: Any = job_views.page(self.book, run, {"cursor": cursor, "limit": 7}, self.now)
            found.update({job["job"]: job for job in page["items"]})
            cursor = page["next"]
            if cursor is None:
                return found

    def pass_time(self, seconds: float, tick: bool = True) -> None:
        self.now += int(seconds * SECOND)
        if tick:
            deadlines.pass_due(self.book, self.now)

    def all_commit(self, run: str = "run-1", stage: str = "build") -> list[str]:
        """The three executors lease and commit; the jobs' names."""
        names = []
        for executor in (A, B, C):
            work = self.build(executor)
            assert (work["run"], work["stage"]["name"]) == (run, stage)
            assert self.commit(executor, work["job"], work["attempt"]) == {"Ok": None}
            names.append(work["job"])
        return names
