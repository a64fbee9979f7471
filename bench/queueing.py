"""Measures what the queue costs with 10, 100 and 1,000 open runs, and how fair it is.

Usage: python -m bench.queueing. The rules of `build_executor` on maps in memory that keep bytes, as
stable maps do, with three executors of three operators. Processor time of one enqueue, one question
(`has_work`), one lease and one commitment, medians. Then 1,000 runs of 100 repositories, of which
one has half, are given out, and the leases of each repository are counted while all of them wait.
Last, what an upgrade costs each open run. Rejected: the canister run natively, which copies its
whole memory for each message, so that everything costs more with each run.
"""

from __future__ import annotations

import pickle
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.figures import Ratio, ratio_of
from bench.report import ratio_lines
from bench.runs import offer_of, spec_of
from canisters.build_executor.book import Book
from canisters.build_executor.executors import service as executors
from canisters.build_executor.jobs import service as jobs
from canisters.build_executor.runs import service as runs
from dcanary.testing.native import user_principal

SIZES = (10, 100, 1_000)
REPOSITORIES = 100
SAMPLES = 60
OPERATIONS = ("enqueue_run", "has_work", "lease_work", "submit_commitment")
SLOTS = 16
SECOND = 1_000_000_000
EXECUTORS = [user_principal(10 + number).to_str() for number in range(3)]
HOLDS: Any = {"holds": [], "room": None}


class StoredMap:
    """A map that keeps its values as bytes, so that each use costs reading or writing them."""

    def __init__(self) -> None:
        self._stored: dict[Any, bytes] = {}

    def get(self, key: Any) -> Any:
        found = self._stored.get(key)
        return None if found is None else pickle.loads(found)

    def insert(self, key: Any, value: Any) -> Any:
        self._stored[key] = pickle.dumps(value)
        return None

    def remove(self, key: Any) -> Any:
        self._stored.pop(key, None)

    def contains_key(self, key: Any) -> bool:
        return key in self._stored

    def len(self) -> int:
        return len(self._stored)

    def keys(self) -> list[Any]:
        return list(self._stored)


@dataclass
class Costs:
    """Processor seconds of each operation."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def timed(self, operation: str, work: Callable[..., Any], *given: Any) -> Any:
        """Do it, and note what it took."""
        begun = time.process_time()
        answer = work(*given)
        self.seconds.setdefault(operation, []).append(time.process_time() - begun)
        return answer

    def median(self, operation: str) -> float:
        """The median of an operation, in seconds."""
        return statistics.median(self.seconds[operation])


class Queue:
    """The canister's rules, and a clock that goes on by a second with each call."""

    def __init__(self) -> None:
        names = Book.__init__.__annotations__.keys() - {"meter", "return"}
        self._maps: dict[str, Any] = {name: StoredMap() for name in names}
        self._now = SECOND
        self._runs = 0
        self.book = self._made()
        for number, executor in enumerate(EXECUTORS):
            operator = f"operator-{number}"
            executors.register(self.book, executor, operator, [{"Shell": None}], self._now)
            offer: Any = offer_of(SLOTS)
            executors.announce(self.book, executor, offer, self._now)

    def _made(self) -> Book:
        return Book(**self._maps, meter=lambda: 0)

    def enqueue(self, repository: str) -> None:
        """A run of one stage, which one operator builds alone."""
        spec: Any = spec_of(f"run-{self._runs}", repository)
        spec["pipeline"]["stages"][0].update(replicas=1, quorum=1)
        self._runs += 1
        runs.enqueue(self.book, spec, self._now)

    def has_work(self, executor: str) -> bool:
        """Ask."""
        return jobs.has_work(self.book, executor, HOLDS, self._now)

    def lease(self, executor: str) -> Any:
        """Lease a build that must be there."""
        work = jobs.lease_work(self.book, executor, HOLDS, self._now)
        assert work is not None
        return work["Build"]

    def commit(self, executor: str, work: Any) -> None:
        """Commit to it, a second later."""
        self._now += SECOND
        given: Any = {
            "job": work["job"],
            "attempt": work["attempt"],
            "commitment": bytes(32),
            "wall_ns": 1,
            "peak_memory_bytes": 1,
            "reused": None,
            "cpu_ns": None,
            "storage_bytes": None,
            "fetched_bytes": None,
            "log_sha256": None,
            "log_total": None,
        }
        jobs.commit(self.book, executor, given, self._now)

    def upgrade(self) -> float:
        """Processor seconds of making the queue anew from the maps."""
        begun = time.process_time()
        self.book = self._made()
        self.book.reload()
        return time.process_time() - begun


def costs_at(size: int) -> tuple[Costs, float]:
    """Costs of each operation with so many open runs, and the seconds of an upgrade."""
    queue, costs = Queue(), Costs()
    names = [f"repository-{number}" for number in range(min(size, REPOSITORIES))]
    for number in range(size):
        queue.enqueue(names[number % len(names)])
    for number in range(SAMPLES):
        executor = EXECUTORS[number % len(EXECUTORS)]
        costs.timed("enqueue_run", queue.enqueue, names[number % len(names)])
        costs.timed("has_work", queue.has_work, executor)
        work = costs.timed("lease_work", queue.lease, executor)
        costs.timed("submit_commitment", queue.commit, executor, work)
    return costs, queue.upgrade()


def leases(total: int = SIZES[-1], repositories: int = REPOSITORIES) -> Counter[str]:
    """Leases of each repository while all of them wait; the first has half of the runs."""
    queue = Queue()
    names = [f"repository-{number}" for number in range(repositories)]
    each = total // 2 // (repositories - 1)
    for _ in range(total - each * (repositories - 1)):
        queue.enqueue(names[0])
    for _ in range(each):
        for name in names[1:]:
            queue.enqueue(name)
    taken: Counter[str] = Counter()
    for number in range(each * repositories):
        executor = EXECUTORS[number % len(EXECUTORS)]
        work = queue.lease(executor)
        taken[work["source"]["repository"]] += 1
        queue.commit(executor, work)
    return taken


def deviation(taken: Counter[str], repositories: int = REPOSITORIES) -> float:
    """How far the repository that is farthest off its equal share is off, as a fraction of it."""
    share = taken.total() / repositories
    counts = [*taken.values(), *[0] * (repositories - len(taken))]
    return max(abs(count - share) for count in counts) / share


def ratios(costs: dict[int, Costs]) -> list[Ratio]:
    """Each operation with the most open runs against the same with the fewest."""
    few, many = min(costs), max(costs)
    return [
        Ratio(
            f"queue_{operation}",
            f"{operation} with {many:,} open runs",
            ratio_of(costs[many].median(operation), costs[few].median(operation), operation),
            f"the same with {few}",
            ", ".join(f"{size:,}: {costs[size].median(operation) * 1e6:,.0f} µs" for size in costs),
        )
        for operation in OPERATIONS
    ]


def measure(progress: Callable[[str], None]) -> list[Ratio]:
    """Costs, fairness and the upgrade."""
    costs, upgrades = {}, {}
    for size in SIZES:
        progress(f"the queue with {size:,} open runs")
        costs[size], upgrades[size] = costs_at(size)
    progress(f"shares of {REPOSITORIES} repositories")
    taken = leases()
    counted = f"{min(taken.values())} to {max(taken.values())} leases each, of {taken.total():,}"
    many = SIZES[-1]
    return [
        *ratios(costs),
        Ratio(
            "queue_share",
            f"farthest share of {REPOSITORIES} repositories, one with half of {many:,} runs",
            1 + deviation(taken),
            "the equal share",
            counted,
        ),
        Ratio(
            "queue_upgrade",
            f"upgrade with {many:,} open runs, for each run",
            ratio_of(upgrades[many] / many, upgrades[100] / 100, "an upgrade"),
            "the same with 100",
            f"{upgrades[many]:.2f} s in all, on this machine",
        ),
    ]


def main() -> int:
    """Measure and print."""
    measured = measure(lambda text: print(f"bench: {text}", file=sys.stderr, flush=True))
    print("\n".join(ratio_lines(measured)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
