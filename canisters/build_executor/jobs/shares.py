"""Which repository's turn it is: the one with the fewest jobs at work, then the least work done.

Repositories with jobs that wait get equal shares of the slots: with fewer of them than slots, equal
numbers of slots; with more, equal time on them. Work done is kept per repository for ever, so one
that comes back after a pause starts from where the others are: it has no credit to spend.
Rejected: a plain round-robin over repositories, by which the one with the longest jobs has most of
the slots.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.rules.limits import DEFAULT_PRIORITY, MAX_PRIORITY, SECOND_NS

if TYPE_CHECKING:
    from canisters.build_executor.records import JobRow, ShareRecord, StageRecord
    from shared.base.records import Lookup

# (jobs at work, nanoseconds of work done, repository): the lowest is served next.
Rank = tuple[int, int, str]
# (0 for the highest priority, sequence of the run, position in the pipeline, key of the stage).
Place = tuple[int, int, int, str]
# What a job costs its repository when it is leased, however short it is: jobs that end at once
# take turns too.
LEASE_COST_NS = SECOND_NS
# No repository has this name: the work that a repository which comes back is taken to have done.
ALL_REPOSITORIES = ""


def place_of(stage: "StageRecord", key: str) -> Place:
    """The stage's place among those of its repository: priority, then age."""
    priority = stage["priority"]
    urgency = DEFAULT_PRIORITY if priority is None else min(priority, MAX_PRIORITY)
    return MAX_PRIORITY - urgency, stage["run_sequence"], stage["position"], key


def leased(stage: "StageRecord") -> "list[JobRow]":
    """The jobs of a stage that somebody works on."""
    if "Building" not in stage["state"]:
        return []
    return [job for job in stage["jobs"] if "Leased" in job["state"]]


def spent_ns(job: "JobRow", now: int) -> int:
    """What a lease that ends at `now` has still to be charged for."""
    begun_ns = job["leased_ns"]
    return 0 if begun_ns is None else max(0, now - begun_ns - LEASE_COST_NS)


class Shares:
    """The work done for each repository, in nanoseconds of slots, in its stable map.

    `charged` hears of each change.
    """

    def __init__(
        self, stored: "Lookup[str, ShareRecord]", charged: "Callable[[str, int], None]"
    ) -> None:
        self._stored = stored
        self._charged = charged

    def used_ns(self, repository: str) -> int:
        """The work done for a repository so far."""
        share = self._stored.get(repository)
        return 0 if share is None else share["used_ns"]

    def join(self, repository: str) -> None:
        """A repository that had nothing to build starts from where those are that are served."""
        least_ns = self.used_ns(ALL_REPOSITORIES)
        if self.used_ns(repository) < least_ns:
            self._save(repository, least_ns)

    def begin(self, repository: str) -> None:
        """A job of the repository is leased."""
        used_ns = self.used_ns(repository)
        if used_ns > self.used_ns(ALL_REPOSITORIES):
            self._save(ALL_REPOSITORIES, used_ns)
        self._save(repository, used_ns + LEASE_COST_NS)

    def charge(self, stage: "StageRecord", jobs: "list[JobRow]", now: int) -> None:
        """The leases of these jobs of a stage end at `now`."""
        spent = sum(spent_ns(job, now) for job in jobs)
        if spent:
            repository = stage["repository"]
            self._save(repository, self.used_ns(repository) + spent)

    def _save(self, repository: str, used_ns: int) -> None:
        self._stored.insert(repository, {"version": 1, "used_ns": used_ns})
        self._charged(repository, used_ns)
