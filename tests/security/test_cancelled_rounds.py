"""Runs that are cancelled take their rounds with them: they do not use up the open ones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.canisters.installation import ok
from tests.security.system import EXECUTORS, System


def open_rounds(system: System) -> int:
    """Open rounds and messages of verification."""
    return int(system.canisters["verification"].query("health")["open"])


def run_until_idle(system: System) -> None:
    for _ in range(3):
        system.network.advance(2)


@pytest.mark.parametrize("committed", [0, 1, 2, 3])
@pytest.mark.parametrize("later", [0, 120], ids=["at once", "after the grace"])
def test_a_cancelled_run_leaves_no_open_round(committed: int, later: int) -> None:
    system = System()
    system.prepare()
    run = system.push()
    for executor in EXECUTORS[:committed]:
        job = system.lease(executor)["Build"]["job"]
        ok(system.commit(executor, job, system.commitment(job)))
    system.network.advance(later)
    # What waits in the queue has no round: one is opened with the first lease.
    assert open_rounds(system) == (1 if committed else 0)
    assert system.own("build_executor", "cancel_run", run) == {"Ok": None}
    run_until_idle(system)
    assert open_rounds(system) == 0
    assert "Cancelled" in system.run(run)["state"]
    if not committed:
        return
    round: Any = ok(system.canisters["verification"].query("get_round", run, "build"))
    assert round["phase"] == {"Closed": None}
    assert "ended before there was a verdict" in round["verdict"]["reason"]
