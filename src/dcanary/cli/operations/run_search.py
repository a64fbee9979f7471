"""Runs that a person looks for, found in the list of all by looking at them here.

The canister lists by repository; what else is asked for is looked at in a bounded number of pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from dcanary.cli.operations.watch import state_of

if TYPE_CHECKING:
    from dcanary.client.system import System
    from dcanary.client.types.build_executor import Run

PAGES = 10
PAGE = 100
STATES = (
    "queued",
    "running",
    "approving",
    "releasing",
    "succeeded",
    "failed",
    "rejected",
    "disagreed",
    "inconclusive",
    "cancelled",
)


@dataclass(frozen=True)
class Filter:
    """What runs must be like; an empty field asks for nothing."""

    states: tuple[str, ...] = ()
    branch: str = ""
    author: str = ""
    since_ns: int = 0

    @property
    def is_empty(self) -> bool:
        return self == Filter()

    def takes(self, found: Run) -> bool:
        """Whether a run is one of those that are looked for."""
        source = found["source"]
        ref = source["ref"].removeprefix("refs/heads/").removeprefix("refs/tags/")
        return (
            (not self.states or state_of(found).lower() in self.states)
            and (not self.branch or fnmatchcase(ref, self.branch))
            and (not self.author or self.author.casefold() in source["author"].casefold())
            and found["created_ns"] >= self.since_ns
        )


@dataclass
class Search:
    """Runs that were found, how many were looked at, and where the list goes on."""

    runs: list[Run]
    looked_at: int
    after: str | None


def search(
    system: System, repository: str | None, wanted: Filter, limit: int, cursor: str | None
) -> Search:
    """Look at pages, the newest runs first, until `limit` runs are found or PAGES are looked at.

    All runs of the last page that fit are given, for a list goes on at pages only.
    """
    made = Search([], 0, cursor)
    for _ in range(PAGES):
        answer = system.build_executor.list_runs(repository, {"cursor": made.after, "limit": PAGE})
        made.runs += [one for one in answer["items"] if wanted.takes(one)]
        made.looked_at += len(answer["items"])
        made.after = answer["next"]
        # Runs are listed as they came: none of the next pages is newer than all of this one.
        if all(one["created_ns"] < wanted.since_ns for one in answer["items"]):
            made.after = None
        if made.after is None or len(made.runs) >= limit:
            break
    return made
