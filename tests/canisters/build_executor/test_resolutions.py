"""Runs started for a branch or tag: operators read its commit, and build what they agree on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canisters.build_executor.executors import service as executors
from canisters.build_executor.jobs import leases
from canisters.build_executor.resolutions.agenda import Agenda, backoff_ns
from shared.rules.limits import MAX_REREAD_NS, READ_NS, REREAD_NS
from shared.rules.refused import Refused
from tests.canisters.build_executor.helpers.specs import spec, stage
from tests.canisters.build_executor.helpers.world import SECOND, A, B, C, D, World
from tests.examples import examples

ONE, TWO, THREE = "1" * 40, "2" * 40, "3" * 40
OK = {"Ok": None}
REREAD, MAX_REREAD = REREAD_NS // SECOND, MAX_REREAD_NS // SECOND
READ = READ_NS // SECOND
JOBS_ONLY, REFS_ONLY = {"builds": True, "reads": False}, {"builds": False, "reads": True}


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
    world.pass_time(READ - 1)
    assert not world.has_work(A)
    world.pass_time(1)
    assert "Resolve" in world.lease(A)
    # The second time it is left alone for longer.
    world.pass_time(READ + REREAD - 1)
    assert not world.has_work(A)
    world.pass_time(1)
    assert "Resolve" in world.lease(A)


def test_an_operator_asks_a_server_that_fails_ever_less_often(world: World) -> None:
    pauses = []
    for _ in range(7):
        assert "Resolve" in world.lease(A)
        world.read_ref(A, None, "no route to it")
        began = world.now
        while not world.has_work(A):
            world.pass_time(10)
        pauses.append((world.now - began) // SECOND)
    assert pauses == [30, 60, 120, 240, 480, MAX_REREAD, MAX_REREAD]
    # The others are asked as before, and one good answer is enough.
    assert "Resolve" in world.lease(B)
    assert "Resolve" in world.lease(A)
    world.read_ref(A, ONE)
    world.pass_time(REREAD)
    assert "Resolve" in world.lease(A)


def test_whoever_could_not_read_is_asked_again_when_secrets_were_set(world: World) -> None:
    for _ in range(5):
        world.read_ref(A, None, "there is no secret TOKEN")
    world.pass_time(REREAD)
    assert not world.has_work(A)
    executors.forget_unable(world.book)
    assert "Resolve" in world.lease(A)
    # Not while a read is under way.
    executors.forget_unable(world.book)
    world.pass_time(REREAD)
    assert not world.has_work(A)


def test_two_runs_of_one_repository_are_read_one_after_the_other() -> None:
    world = World()
    for run in ("run-1", "run-2"):
        world.enqueue(named(run))
    assert world.lease(A)["Resolve"]["run"] == "run-1"
    assert not world.has_work(A)
    assert world.lease(B)["Resolve"]["run"] == "run-1"
    world.read_ref(A, ONE)
    assert world.lease(A)["Resolve"]["run"] == "run-2"
    # What one of them failed at is not tried with the other.
    world.read_ref(A, None, "no route to it", run="run-2")
    world.read_ref(B, None, "no route to it")
    assert not world.has_work(B)


def test_refs_and_jobs_take_turns(world: World) -> None:
    for number in (2, 3):
        made = named(f"run-{number}")
        made["source"]["repository"] = f"other-{number}"
        world.enqueue(made)
    for number in (4, 5, 6):
        world.enqueue(spec(f"run-{number}", stage("build"), repository="built"))
    kinds = [next(iter(world.lease(A))) for _ in range(6)]
    assert kinds == ["Resolve", "Build", "Resolve", "Build", "Resolve", "Build"]


def test_an_executor_is_given_what_it_has_room_for(world: World) -> None:
    world.enqueue(spec("run-2", stage("build"), repository="other"))
    full = {"builds": False, "reads": False}
    assert world.lease(A, room=full) is None
    assert "Build" in world.lease(A, room=JOBS_ONLY)
    assert world.lease(A, room=JOBS_ONLY) is None
    assert "Resolve" in world.lease(A, room=REFS_ONLY)
    assert "Resolve" in world.lease(B, room=REFS_ONLY)
    assert world.lease(B, room=REFS_ONLY) is None
    assert "Build" in world.lease(B)


@pytest.mark.parametrize("slots", [1, 2])
@pytest.mark.parametrize("seconds", [31, 300])
def test_a_server_that_hangs_does_not_delay_the_builds_of_other_repositories(
    slots: int, seconds: int
) -> None:
    """Two runs by branch of it wait; reads take a job's slot, as those of older executors do."""
    world = World()
    for each in (A, B, C):
        world.announce(each, slots=slots)
    for number in (1, 2):
        made = named(f"run-{number}")
        made["source"]["repository"] = "hangs"
        world.enqueue(made)
    began, built, pushed = world.now, 0, 0
    busy: dict[str, list[tuple[int, Any]]] = {each: [] for each in (A, B, C)}
    while world.now - began < 2 * 3_600 * SECOND:
        if world.now - began >= pushed * 600 * SECOND:
            pushed += 1
            world.enqueue(spec(f"run-{10 + pushed}", stage("build"), repository="other"))
        for each, work in busy.items():
            for until, leased in [at for at in work if at[0] <= world.now]:
                work.remove((until, leased))
                if "Build" in leased:
                    job = leased["Build"]
                    assert world.commit(each, job["job"], job["attempt"]) == OK
                    built += 1
                else:
                    world.read_ref(each, None, "no answer", run=leased["Resolve"]["run"])
            while len(work) < slots and (given := world.lease(each)) is not None:
                takes = 10 if "Build" in given else seconds
                work.append((world.now + takes * SECOND, given))
        world.pass_time(5)
    # Two of three make a quorum; the third vote is for whoever has time.
    assert built >= 2 * (pushed - 1)


def test_many_runs_of_a_server_that_hangs_do_not_delay_the_refs_of_others() -> None:
    world = World()
    for number in range(1, 101):
        made = named(f"run-{number}")
        made["source"]["repository"] = "hangs"
        world.enqueue(made)
    assert "Resolve" in world.lease(A)
    made = named("run-200")
    made["source"]["repository"] = "other"
    world.enqueue(made)
    assert world.lease(A)["Resolve"]["run"] == "run-200"


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
    count = 84
    for number in range(1, count + 1):
        made = named(f"run-{number}")
        made["source"]["repository"] = f"r{number % 40}"
        assert world.enqueue(made) == OK
    seen = set()
    # Three runs of each repository: they take turns at its pauses, which double.
    for pause in (0, 1, 2):
        world.pass_time(pause * REREAD)
        while (work := world.lease(A)) is not None:
            seen.add(work["Resolve"]["run"])
            world.read_ref(A, None, "no route to it", run=work["Resolve"]["run"])
    assert len(seen) == count


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "drop", "begin", "fail", "answered", "forget", "time"]),
            st.integers(0, 5),
            st.integers(0, 90),
        ),
        max_size=60,
    )
)
def test_an_agenda_names_what_a_look_at_all_would_find(steps: list[tuple[str, int, int]]) -> None:
    agenda, now = Agenda(), 1_000 * SECOND
    runs: dict[str, tuple[int, str]] = {}
    # Failures in a row, until when it is held, whether a read is under way.
    holds: dict[str, tuple[int, int, bool]] = {}
    for what, number, seconds in steps:
        run, repository = f"run-{number}", f"repository-{number % 3}"
        failures, _, under_way = holds.get(repository, (0, 0, False))
        if what == "put":
            runs[run] = (now + (seconds - 45) * SECOND, repository)
            agenda.put(run, repository, runs[run][0])
        elif what == "drop":
            runs.pop(run, None)
            agenda.drop(run)
        elif what == "begin":
            agenda.begin(repository, now)
            failures += under_way
            holds[repository] = (failures, now + READ_NS + backoff_ns(failures), True)
        elif what == "fail":
            agenda.fail(repository, now)
            holds[repository] = (failures + 1, now + backoff_ns(failures + 1), False)
        elif what == "answered":
            agenda.answered(repository)
            holds.pop(repository, None)
        elif what == "forget":
            agenda.forget_failures()
            holds = {name: hold for name, hold in holds.items() if hold[2]}
        else:
            now += seconds * SECOND
        first = {
            of: min(each for each in runs.values() if each[1] == of)[0] for _, of in runs.values()
        }
        due = [(max(at, holds.get(of, (0, 0))[1]), of) for of, at in first.items()]
        _, chosen = min([each for each in due if each[0] <= now], default=(0, ""))
        mine = [(at, name) for name, (at, of) in runs.items() if of == chosen]
        assert agenda.next(now) == min(mine, default=(0, None))[1]


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
