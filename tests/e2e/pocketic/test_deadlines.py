"""What only time decides, on the compiled canisters: rounds without an answer, old questions."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.canisters.installation import FIRST_PAGE
from tests.e2e.pocketic.installed import (
    APPROVAL_SECONDS,
    APPROVER,
    PATH,
    QUEUE_SECONDS,
    UNMEASURED,
    Installed,
    executor,
)
from tests.replica.pocketic.conftest import binary  # noqa: F401

pytestmark = [
    # The client keeps its HTTP session open for the life of the process.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]

MINUTE = 60
# The stage's timeout, and the margin for checkout and inputs.
LONGEST_LEASE = 60 + 10 * MINUTE
REVEAL_WINDOW = 5 * MINUTE


@pytest.fixture(scope="module")
def installed(binary: Path) -> Iterator[Installed]:  # noqa: F811
    made = Installed()
    yield made
    made.pocket.close()
    gc.collect()


def assert_nothing_came_of(installed: Installed, run: str) -> None:
    assert installed.query("build_executor", "get_run", run)["approval"] is None
    asked = installed.query("verification", "list_approvals", FIRST_PAGE)["items"]
    assert run not in [each["request"]["run"] for each in asked]
    releases = installed.query("deployment", "list_releases", None, FIRST_PAGE)["items"]
    assert run not in [each["order"]["run"] for each in releases]


def test_two_disagree_and_the_third_is_waited_for_until_the_queue_time_ends(
    installed: Installed,
) -> None:
    run = installed.push("d-absent")
    reveals = [
        installed.commit(number, installed.lease(number), content)
        for number, content in enumerate([b"one", b"other"])
    ]
    silent = installed.lease(2)
    # Its lease runs out, nobody else may take the job, and commitments close after the grace.
    installed.pocket.run(2 * MINUTE)
    value = {"job": silent["job"], "attempt": 1, "commitment": b"\1" * 32}
    value = {**value, "wall_ns": 1, "peak_memory_bytes": 1, **UNMEASURED}
    kind, sentence = installed.refused(
        "build_executor", "submit_commitment", value, caller=executor(2)
    )
    assert kind == "Conflict"
    assert "lease" in sentence or "lost" in sentence
    for number, reveal in enumerate(reveals):
        installed.reveal(number, reveal)
    installed.pocket.run(1)
    found = installed.query("verification", "get_round", run, "build")
    assert found["verdict"] is None
    # What was revealed could be copied by the third: it is not shown before the verdict.
    assert [vote["manifest"] for vote in found["votes"]] == ["", ""]
    installed.pocket.run(REVEAL_WINDOW + MINUTE)
    (waiting,) = installed.query("build_executor", "get_run", run)["waiting_for"]
    assert "further votes are awaited" in waiting["reason"]
    installed.pocket.run(QUEUE_SECONDS + LONGEST_LEASE + REVEAL_WINDOW)
    verdict = installed.query("verification", "get_round", run, "build")["verdict"]
    assert verdict["kind"] == {"Inconclusive": None}
    state = installed.query("build_executor", "get_run", run)["state"]
    assert "Inconclusive" in state, state
    assert state["Inconclusive"]
    installed.pocket.run(MINUTE)
    assert_nothing_came_of(installed, run)


def test_two_disagree_and_the_third_never_reveals_so_the_run_is_inconclusive(
    installed: Installed,
) -> None:
    run = installed.push("d-silent")
    reveals = [
        installed.commit(number, installed.lease(number), content)
        for number, content in enumerate([b"one", b"other", b"one"])
    ]
    for number in (0, 1):
        installed.reveal(number, reveals[number])
    found = installed.query("verification", "get_round", run, "build")
    assert found["phase"] == {"Reveal": None}
    assert found["verdict"] is None
    installed.pocket.run(REVEAL_WINDOW + 1)
    found = installed.query("verification", "get_round", run, "build")
    assert found["verdict"]["kind"] == {"Inconclusive": None}
    assert "Inconclusive" in installed.query("build_executor", "get_run", run)["state"]
    # Its reveal would have decided; now it is too late, and nothing changes.
    kind, sentence = installed.refused("verification", "reveal", reveals[2], caller=executor(2))
    assert kind == "Conflict"
    assert "late" in sentence
    assert installed.query("verification", "get_round", run, "build") == found
    assert_nothing_came_of(installed, run)


def test_an_approval_after_its_time_is_refused_and_deploys_nothing(installed: Installed) -> None:
    run = installed.push("d-late")
    content = b"\0asm\1\0\0\0"
    reveals = [installed.commit(n, installed.lease(n), content) for n in range(3)]
    for number, reveal in enumerate(reveals):
        installed.reveal(number, reveal)
    installed.upload(0, reveals[0], content)
    installed.pocket.run(2)
    found = installed.query("build_executor", "get_run", run)
    assert found["state"] == {"Approving": None}
    approval = installed.query("verification", "get_approval", found["approval"])
    assert approval["request"]["artifact"] == PATH
    assert approval["state"] == {"Pending": None}
    installed.pocket.run(APPROVAL_SECONDS)
    decision = {
        "approval": approval["approval"],
        "digest": approval["digest"],
        "approve": True,
        "comment": "",
    }
    kind, sentence = installed.refused("verification", "decide_approval", decision, caller=APPROVER)
    assert kind == "Conflict"
    assert "expired" in sentence.lower()
    shown = installed.query("verification", "get_approval", approval["approval"])
    assert shown["state"] == {"Expired": None}
    assert shown["votes"] == []
    installed.pocket.run(2)
    ended = installed.query("build_executor", "get_run", run)["state"]
    assert "expired" in ended["Rejected"]
    releases = installed.query("deployment", "list_releases", None, FIRST_PAGE)["items"]
    assert run not in [each["order"]["run"] for each in releases]
