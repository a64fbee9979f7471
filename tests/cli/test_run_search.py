"""Runs that are looked for by state, branch, author or time, in a bounded number of pages."""

from __future__ import annotations

from typing import Any

import pytest

from dcanary.cli.operations.run_search import PAGE, PAGES, STATES, Filter, search
from dcanary.client.types import build_executor


def made(number: int, **changed: Any) -> Any:
    """A run as the canister lists it; its number is also when it was made."""
    source = {"ref": "refs/heads/main", "author": "Ada <ada@example.org>"}
    source.update({key: changed.pop(key) for key in ("ref", "author") if key in changed})
    found = {"run": f"run-{number}", "state": {"Succeeded": None}, "created_ns": number}
    return {**found, "source": source, **changed}


class Runs:
    """The list of a canister: newest first, in pages."""

    def __init__(self, runs: list[Any]) -> None:
        self.runs, self.pages, self.build_executor = runs, 0, self

    def list_runs(self, repository: str | None, page: dict[str, Any]) -> dict[str, Any]:
        self.pages += 1
        begin = int(page["cursor"] or 0)
        end = begin + page["limit"]
        return {
            "items": self.runs[begin:end],
            "next": str(end) if end < len(self.runs) else None,
        }


def ids(found: Any) -> list[str]:
    return [one["run"] for one in found.runs]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(states=("failed",)), ["run-4"]),
        (Filter(states=("failed", "queued")), ["run-5", "run-4"]),
        (Filter(branch="release/*"), ["run-3"]),
        (Filter(branch="main"), ["run-5", "run-4", "run-1"]),
        (Filter(branch="v1"), ["run-2"]),
        (Filter(author="GRACE"), ["run-1"]),
        (Filter(since_ns=4), ["run-5", "run-4"]),
        (Filter(states=("succeeded",), branch="main", since_ns=2), []),
    ],
)
def test_a_run_is_found_by_all_that_is_asked_for(wanted: Filter, expected: list[str]) -> None:
    system: Any = Runs(
        [
            made(5, state={"Queued": None}),
            made(4, state={"Failed": "command"}),
            made(3, ref="refs/heads/release/1"),
            made(2, ref="refs/tags/v1"),
            made(1, author="Grace"),
        ]
    )
    assert ids(search(system, None, wanted, 20, None)) == expected


def test_states_are_those_of_the_canister() -> None:
    assert set(STATES) == {one.lower() for one in build_executor.RunState.__annotations__}


def test_only_so_many_pages_are_looked_at_and_the_list_goes_on_there() -> None:
    number = PAGE * PAGES + 50
    system: Any = Runs([made(n, author="x" if n > 20 else "y") for n in range(number, 0, -1)])
    wanted = Filter(author="y")
    found = search(system, None, wanted, 20, None)
    assert (found.runs, found.looked_at, system.pages) == ([], PAGE * PAGES, PAGES)
    assert found.after is not None
    rest = search(system, None, wanted, 20, found.after)
    assert (len(rest.runs), rest.after) == (20, None)


def test_enough_runs_end_the_search_and_no_run_of_a_page_is_lost() -> None:
    system: Any = Runs([made(n) for n in range(300, 0, -1)])
    found = search(system, None, Filter(branch="main"), 20, None)
    assert (len(found.runs), system.pages, found.after) == (PAGE, 1, str(PAGE))


def test_a_search_ends_where_all_runs_are_older() -> None:
    system: Any = Runs([made(n) for n in range(300, 0, -1)])
    found = search(system, None, Filter(author="nobody", since_ns=250), 20, None)
    assert (system.pages, found.after) == (2, None)
