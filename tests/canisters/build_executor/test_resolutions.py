"""Runs started for a branch or tag: operators read its commit, and build what they agree on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canisters.build_executor.jobs import leases
from shared.rules.limits import MAX_RESOLUTIONS_SEEN, REREAD_NS
from shared.rules.refused import Refused
from tests.canisters.build_executor.helpers.specs import spec, stage
from tests.canisters.build_executor.helpers.world import SECOND, A, B, C, D, World
from tests.examples import examples

ONE, TWO, THREE = "1" * 40, "2" * 40, "3" * 40
OK = {"Ok": None}
REREAD = REREAD_NS // SECOND


@pytest.fixture
def world() -> World:
    world = World()
    world.enqueue(named())
    return world


def named(run: str = "run-1", **changes: Any) -> Any:
    """A run of whatever commit the branch names."""
    made = spec(run, stage("build"), **changes)
    made["source"]["sha"] = ""
    return made


def test_the_commit_that_a_quorum_has_read_is_built(world: World) -> None:
    work = world.lease(A)
    assert work["Resolve"] == {
        "run": "run-1",
        "repository": "counter",
        "clone_url": "http://localhost:7000/counter.git",
        "ref": "refs/heads/main",
    }
    assert world.read_ref(A, ONE) == OK
    run = world.run()
    assert run["state"] == {"Queued": None} and run["source"]["sha"] == ""
    assert world.waits() == [
        "2 operators must read the same commit at refs/heads/main: operator-0 read 111111111111"
    ]
    assert "Resolve" in world.lease(B)
    assert world.read_ref(B, ONE) == OK
    assert world.run()["source"]["sha"] == ONE
    build = world.build(C)
    assert build["source"]["sha"] == ONE
    resolution = world.run()["resolution"]
    assert resolution["commit"] == ONE and resolution["quorum"] == 2
    assert [each["operator"] for each in resolution["reads"]] == ["operator-0", "operator-1"]


def test_a_run_of_a_commit_has_no_resolution(world: World) -> None:
    world.enqueue(spec("run-2", stage("build")))
    assert world.run("run-2")["resolution"] is None


def test_two_keys_of_one_operator_are_one_reading(world: World) -> None:
    world.register(D, "operator-0")
    world.announce(D)
    world.read_ref(A, ONE)
    world.read_ref(D, ONE)
    assert "Queued" in world.run()["state"] and world.run()["source"]["sha"] == ""


def test_a_branch_that_moves_on_meanwhile_is_read_again(world: World) -> None:
    world.read_ref(A, ONE)
    world.read_ref(B, TWO)
    assert not world.has_work(A)
    world.pass_time(REREAD)
    assert "Resolve" in world.lease(A)
    # Its next key is not sent after it at once.
    assert not world.has_work(A)
    world.read_ref(A, TWO)
    assert world.run()["source"]["sha"] == TWO


def test_one_liar_cannot_choose_the_commit(world: World) -> None:
    for _ in range(5):
        world.read_ref(C, THREE)
        world.read_ref(C, TWO)
    world.read_ref(A, ONE)
    assert world.run()["source"]["sha"] == ""
    world.read_ref(B, ONE)
    assert world.run()["source"]["sha"] == ONE


def test_a_ref_that_is_not_there_fails_the_run_when_a_quorum_says_so(world: World) -> None:
    world.read_ref(A, None)
    assert "Queued" in world.run()["state"]
    world.read_ref(B, None)
    assert world.run()["state"] == {
        "Failed": "refs/heads/main is not in the repository, as operator-0, operator-1 read"
    }
    assert not world.maps["open_runs"].entries
    assert world.run()["resolution"]["commit"] == ""
    assert not world.has_work(C)


def test_a_server_that_is_away_is_waited_for(world: World) -> None:
    for executor in (A, B, C):
        world.read_ref(executor, None, "connection refused")
    assert "Queued" in world.run()["state"]
    assert "operator-1 cannot read it: connection refused" in world.waits()[0]
    assert not world.has_work(A)
    world.pass_time(REREAD)
    for executor in (A, B):
        assert "Resolve" in world.lease(executor)
        world.read_ref(executor, ONE)
    assert world.run()["source"]["sha"] == ONE


def test_one_that_dies_over_it_is_asked_again(world: World) -> None:
    assert "Resolve" in world.lease(A)
    assert not world.has_work(A)
    world.pass_time(REREAD)
    assert "Resolve" in world.lease(A)


def test_the_queue_time_ends_it_with_what_is_known() -> None:
    world = World()
    world.enqueue(named(queue_seconds=600))
    world.read_ref(A, ONE)
    world.pass_time(600)
    reason = world.run()["state"]["Inconclusive"]
    assert "operator-0 read 111111111111" in reason
    assert "see that executors of as many operators reach the repository" in reason
    assert not world.maps["open_runs"].entries
    assert world.read_ref(B, ONE)["Err"] == {
        "Conflict": "run-1 has ended: its commit is not asked for any more"
    }


def test_a_run_can_be_cancelled_meanwhile(world: World) -> None:
    world.read_ref(A, ONE)
    assert world.cancel() == OK
    assert "Cancelled" in world.run()["state"]
    assert "Conflict" in world.read_ref(B, ONE)["Err"]
    assert world.waits() == []


def test_the_same_request_again_changes_nothing(world: World) -> None:
    world.read_ref(A, ONE)
    assert world.enqueue(named()) == OK
    world.read_ref(B, ONE)
    assert world.enqueue(named()) == OK
    assert world.run()["source"]["sha"] == ONE
    other = named()
    other["source"]["sha"] = ONE
    assert "Conflict" in world.enqueue(other)["Err"]


def test_an_upgrade_in_between_loses_no_reading(world: World) -> None:
    world.read_ref(A, ONE)
    world.upgrade()
    world.read_ref(B, ONE)
    assert world.build(C)["source"]["sha"] == ONE
    world.upgrade()
    assert world.build(B)["source"]["sha"] == ONE


@pytest.mark.parametrize(
    ("commit", "problem", "said"),
    [
        ("main", None, "commit must be a full commit id"),
        ("A" * 40, None, "commit must be a full commit id"),
        (ONE, "and yet", "a commit or a problem, not both"),
        (None, "x" * 1_001, "problem has 1001 characters"),
    ],
)
def test_readings_that_are_none_are_refused(
    world: World, commit: str | None, problem: str | None, said: str
) -> None:
    (sentence,) = world.read_ref(A, commit, problem)["Err"].values()
    assert said in sentence
    assert world.run()["resolution"]["reads"] == []


def test_strangers_disabled_ones_and_other_runs_are_refused(world: World) -> None:
    assert "Denied" in world.read_ref(D, ONE)["Err"]
    world.enable(A, False)
    assert "Denied" in world.read_ref(A, ONE)["Err"]
    for run in ("run-9", "", "x" * 500, "../run-1"):
        assert "NotFound" in world.read_ref(B, ONE, run=run)["Err"]
    world.enqueue(spec("run-2", stage("build")))
    assert "NotFound" in world.read_ref(B, ONE, run="run-2")["Err"]


def test_what_is_known_already_is_not_changed(world: World) -> None:
    world.read_ref(A, ONE)
    world.read_ref(B, ONE)
    assert world.read_ref(C, TWO)["Err"] == {"Conflict": "the commit of run-1 is known already"}
    assert world.run()["source"]["sha"] == ONE


def test_a_private_repository_gives_its_credential_to_who_may_read_and_no_secrets(
    world: World,
) -> None:
    grant = leases.get(world.book, "run-1", 0, A, world.now)
    assert grant["repository"] == "counter" and grant["secrets"] == []
    assert grant["operator"] == "operator-0"
    for stranger in (D, "aaaaa-aa"):
        with pytest.raises(Refused, match="no executor that is enabled"):
            leases.get(world.book, "run-1", 0, stranger, world.now)
    world.read_ref(A, ONE)
    world.read_ref(B, ONE)
    with pytest.raises(Refused, match="there is no job run-1"):
        leases.get(world.book, "run-1", 0, A, world.now)


def test_all_runs_have_their_turn_whatever_holds_up_the_first() -> None:
    world = World()
    count = MAX_RESOLUTIONS_SEEN + 20
    for number in range(1, count + 1):
        made = named(f"run-{number}")
        made["source"]["repository"] = f"r{number % 40}"
        assert world.enqueue(made) == OK
    seen = set()
    for _ in range(count):
        work = world.lease(A)
        seen.add(work["Resolve"]["run"])
        world.read_ref(A, None, "no route to it", run=work["Resolve"]["run"])
    assert len(seen) == count


@settings(max_examples=examples(40), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([A, B, C]),
            st.sampled_from([ONE, TWO, None, "away"]),
            st.integers(0, 40),
        ),
        max_size=30,
    )
)
def test_a_run_begins_with_a_commit_that_two_have_read_last_and_with_no_other(
    steps: list[tuple[str, str | None, int]],
) -> None:
    world = World()
    world.enqueue(named())
    last: dict[str, str | None] = {}
    for executor, what, seconds in steps:
        if world.run()["source"]["sha"] or "Queued" not in world.run()["state"]:
            break
        problem = "away" if what == "away" else None
        assert world.read_ref(executor, None if problem else what, problem) == OK
        last[executor] = what
        agreed = [each for each in (ONE, TWO) if list(last.values()).count(each) >= 2]
        absent = list(last.values()).count(None) >= 2
        run = world.run()
        assert run["source"]["sha"] == (agreed[0] if agreed else "")
        assert ("Failed" in run["state"]) == absent
        world.pass_time(seconds)
        if seconds % 7 == 0:
            world.upgrade()
