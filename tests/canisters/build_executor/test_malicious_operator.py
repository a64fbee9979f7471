"""One malicious operator of three never makes a run of the honest two end otherwise.

The rules of both canisters play together: leases and deadlines of `build_executor`, rounds and
verdicts of `verification`. Only the messages between them are delivered by the test, at once.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kybra import Principal

from canisters.build_executor.rounds import rules as messages
from canisters.build_executor.rounds import service as rounds
from canisters.verification.rounds import rules as round_rules
from canisters.verification.rounds.verdicts import outcome_text
from shared.rules.digests import commitment, manifest_digest
from shared.rules.limits import BUILD_MARGIN_NS, MIN_GRACE_NS, REOPEN_NS, REVEAL_GRACE_NS
from tests.canisters.build_executor.helpers.specs import file, spec, stage
from tests.canisters.build_executor.helpers.world import SECOND, A, B, C, World, answer
from tests.examples import examples

OUT = file("out.wasm", b"module")
WRONG = file("out.wasm", b"backdoor")
TIMEOUT = 60
# Nearly as long as a lease may last.
HELD_NS = TIMEOUT * SECOND + BUILD_MARGIN_NS - 5 * SECOND
KINDS = (
    "lease burner",
    "heartbeat holder",
    "gives back",
    "wrong bytes",
    "equivocator",
    "silent",
    "slow",
    "liar about offers",
    "changes its offer",
    "holds and gives back",
    "holds and stops",
)
# Those that keep a job to the end of its lease, by heartbeats, and what they give it back as.
HOLDERS = {"holds and gives back": "Weather", "holds and stops": "Stopping"}
# They look for the next job at once, before anybody else.
GREEDY = ("changes its offer", *HOLDERS)


class Operator:
    """One executor: takes work, builds for `pace` seconds, commits, reveals, uploads."""

    def __init__(self, key: str, pace: int, kind: str = "honest") -> None:
        self.key, self.pace, self.kind = key, pace, kind
        self.busy_until = 0
        self.leased_ns = 0
        self.offers = 0
        self.work: Any = None
        self.reveals: list[Any] = []

    def is_honest(self) -> bool:
        return self.kind == "honest"


class Play:
    """A world of three operators and one run, of one stage or of several of one matrix."""

    def __init__(
        self, operators: list[Operator], parallel: int | None = None, stages: int = 1
    ) -> None:
        self.world = World()
        self.names = ["build"] if stages == 1 else [f"build-{number}" for number in range(stages)]
        self.operators = operators
        self.rounds: dict[str, Any] = {}
        for each in operators:
            self.world.announce(each.key, slots=16 if each.kind == "liar about offers" else 1)
        made = [stage(name, parallel=parallel, group="build") for name in self.names]
        self.world.enqueue(spec("run-1", *made))

    def step(self) -> None:
        """One second: everyone acts, messages arrive, deadlines pass."""
        for each in self.operators:
            self.act(each)
            if each.kind in GREEDY and each.work is None:
                self.act(each)
        self.deliver()
        self.world.pass_time(1)
        for key, record in self.rounds.items():
            round_rules.advance(record, self.world.now)
            self.tell_verdict(key, record)
        self.deliver()

    def act(self, who: Operator) -> None:
        if who.work is not None:
            self.go_on(who)
        if who.work is None and who.busy_until <= self.world.now:
            holds = [reveal["job"] for reveal in who.reveals]
            work = self.world.lease(who.key, *holds)
            if work is not None and "Build" in work:
                who.work, who.leased_ns = work["Build"], self.world.now
                who.busy_until = self.world.now + who.pace * SECOND
            elif work is not None and "Upload" in work and who.is_honest():
                upload = work["Upload"]
                name = stage_of(upload["job"])
                self.world.upload(who.key, "out.wasm", 0, b"module", stage=name)
                assert upload["files"] == [OUT]
                self.world.finish(who.key, "out.wasm", stage=name)
        for reveal in who.reveals:
            if who.kind != "silent":
                self.reveal(who, reveal)

    def go_on(self, who: Operator) -> None:
        job, attempt = who.work["job"], who.work["attempt"]
        if who.kind == "lease burner":
            who.work = None
            return
        if who.kind in ("gives back", "liar about offers"):
            cause = "Unable" if who.kind == "liar about offers" else "Weather"
            self.world.release(who.key, job, attempt, cause=cause)
            who.work = None
            return
        if who.kind == "changes its offer" and self.world.now >= who.busy_until:
            # Held as long as it likes, then given back by one that says it may be able now.
            self.world.release(who.key, job, attempt, cause="Unable")
            who.offers += 1
            self.world.announce(who.key, cpus=8 + who.offers % 2)
            who.work = None
            return
        if who.kind in HOLDERS and self.world.now >= who.leased_ns + HELD_NS:
            self.world.release(who.key, job, attempt, cause=HOLDERS[who.kind])
            who.work, who.busy_until = None, 0
            return
        if self.world.now < who.busy_until or who.kind in ("heartbeat holder", *HOLDERS):
            answer = self.world.beat(who.key, job, attempt)
            if "Err" in answer or answer["Ok"]["cancelled"]:
                who.work = None
            return
        made = WRONG if who.kind == "wrong bytes" else OUT
        reveal = {
            "job": job,
            "run": "run-1",
            "stage": stage_of(job),
            "outcome": {"Succeeded": None},
            "environment": "e" * 64,
            "files": [made],
            "nonce": who.key.encode()[:32],
            "commit": None,
            "tests": None,
        }
        if "Ok" in self.world.commit(who.key, job, attempt, sealed(reveal)):
            who.reveals.append(reveal)
            if who.kind == "equivocator":
                second = {**reveal, "files": [WRONG]}
                assert "Err" in self.world.commit(who.key, job, attempt, sealed(second))
                who.reveals.append(second)
        who.work = None

    def reveal(self, who: Operator, reveal: Any) -> None:
        record = self.rounds.get(f"run-1/{reveal['stage']}")
        if record is not None:
            answer(lambda: round_rules.reveal(record, reveal, who.key, self.world.now))
            round_rules.advance(record, self.world.now)

    def deliver(self) -> None:
        """All that `build_executor` has to tell arrives; what must wait is told again."""
        self.world.book.take_outgoing()
        for name in self.names:
            self.deliver_of(name)

    def deliver_of(self, name: str) -> None:
        book, now, key = self.world.book, self.world.now, f"run-1/{name}"
        found: Any = book.stage(key)
        while (message := messages.next_message(found)) is not None:
            refusal: Any = None
            if message == "open":
                request = messages.round_input(found)
                self.rounds[key] = round_rules.opened(request)
                rounds.opened(book, found, None, "", now)
            elif isinstance(message, int):
                job, executor, operator, given = messages.commitment_of(found, message)
                record: Any = {
                    "run": "run-1",
                    "stage": name,
                    "job": job,
                    "executor": Principal.from_str(executor),
                    "operator": operator,
                    "commitment": given,
                }
                refusal = self.refusal(key, record)
                if refusal is not None and "Unavailable" in refusal:
                    return
                row = found["jobs"][message]
                rounds.recorded(book, found, row, refusal, str(refusal), now)
                round_rules.advance(self.rounds[key], now)
            else:
                round_rules.advance(self.rounds[key], now, commits_closed=True)
                rounds.closed(book, found, None, "", now)

    def refusal(self, key: str, record: Any) -> Any:
        """What verification answers to a commitment: an error, or None."""
        told = self.rounds[key]
        return answer(lambda: round_rules.commit(told, record, self.world.now)).get("Err")

    def tell_verdict(self, key: str, record: Any) -> None:
        verdict = record["verdict"]
        if verdict is not None:
            kind = next(iter(verdict["kind"]))
            files = [OUT] if verdict["manifest"] == manifest_of([OUT]) else [WRONG]
            agreed = files if kind == "Agreed" else []
            name = key.partition("/")[2]
            self.world.decide(kind, agreed, verdict["jobs"], verdict["reason"], stage=name)


def stage_of(job: str) -> str:
    return job.split("/")[1]


def manifest_of(files: list[Any]) -> str:
    return manifest_digest([(each["path"], each["size"], each["sha256"]) for each in files])


def sealed(reveal: Any) -> bytes:
    return commitment(
        reveal["job"],
        outcome_text(reveal["outcome"]),
        reveal["environment"],
        manifest_of(reveal["files"]),
        "",
        reveal["nonce"],
    )


@settings(max_examples=examples(25), deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    paces=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    bad_pace=st.integers(0, 55),
    absent=st.sampled_from([0, 0, 30, 200]),
    place=st.integers(0, 2),
)
def test_a_run_of_the_honest_two_succeeds_in_bounded_time(
    kind: str, paces: tuple[int, int], bad_pace: int, absent: int, place: int
) -> None:
    keys = [A, B, C]
    bad = Operator(keys.pop(place), 600 if kind == "slow" else bad_pace, kind)
    honest = [Operator(key, pace) for key, pace in zip(keys, paces, strict=True)]
    # One of the honest is busy elsewhere at first, as long as the grace and longer.
    play = Play([bad, *honest])
    honest[1].busy_until = play.world.now + absent * SECOND
    began = play.world.now
    bound = (absent + 2 * TIMEOUT) * SECOND + MIN_GRACE_NS + REVEAL_GRACE_NS + BUILD_MARGIN_NS
    if kind in ("wrong bytes", "silent"):
        # It was among the first quorum: the operators that were cut off are asked after all.
        bound += REOPEN_NS
    while play.world.now - began < bound and play.world.maps["open_runs"].entries:
        play.step()
    assert play.world.run()["state"] == {"Succeeded": None}, (kind, play.world.waits())
    assert play.world.read("out.wasm") == {"Ok": b"module"}


@settings(max_examples=examples(10), deadline=None)
@given(kind=st.sampled_from(KINDS), paces=st.tuples(st.integers(1, 50), st.integers(1, 50)))
def test_with_both_honest_ones_free_it_costs_the_grace_at_most(
    kind: str, paces: tuple[int, int]
) -> None:
    bad = Operator(C, 600 if kind == "slow" else 2, kind)
    play = Play([bad, Operator(A, paces[0]), Operator(B, paces[1])])
    began = play.world.now
    while play.world.maps["open_runs"].entries:
        play.step()
        took = play.world.now - began
        assert took <= TIMEOUT * SECOND + MIN_GRACE_NS + REVEAL_GRACE_NS + 10 * SECOND, kind
    assert play.world.run()["state"] == {"Succeeded": None}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=examples(5), deadline=None)
@given(
    paces=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    bad_pace=st.integers(0, 55),
    place=st.integers(0, 2),
)
def test_a_stage_that_lets_one_job_at_a_time_is_not_held_by_the_dishonest_one(
    kind: str, paces: tuple[int, int], bad_pace: int, place: int
) -> None:
    honest = [Operator(key, pace) for key, pace in zip((A, B), paces, strict=True)]
    bad = Operator(C, 600 if kind == "slow" else bad_pace, kind)
    honest.insert(place, bad)
    play = Play(honest, parallel=1)
    began = play.world.now
    # It may have its whole time before each of them, and once more for what it is asked again.
    bound = 5 * (TIMEOUT * SECOND + BUILD_MARGIN_NS) + MIN_GRACE_NS + REVEAL_GRACE_NS
    if kind in ("wrong bytes", "silent"):
        bound += REOPEN_NS
    while play.world.now - began < bound and play.world.maps["open_runs"].entries:
        play.step()
    assert play.world.run()["state"] == {"Succeeded": None}, (kind, play.world.waits())
    assert play.world.read("out.wasm") == {"Ok": b"module"}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=examples(5), deadline=None)
@given(
    paces=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    bad_pace=st.integers(0, 55),
    place=st.integers(0, 2),
    stages=st.integers(2, 4),
)
def test_a_matrix_that_lets_one_job_at_a_time_is_not_held_by_the_dishonest_one(
    kind: str, paces: tuple[int, int], bad_pace: int, place: int, stages: int
) -> None:
    honest = [Operator(key, pace) for key, pace in zip((A, B), paces, strict=True)]
    bad = Operator(C, 600 if kind == "slow" else bad_pace, kind)
    honest.insert(place, bad)
    play = Play(honest, parallel=1, stages=stages)
    began = play.world.now
    # It may have its whole time before each job of the honest ones, and once more at each stage.
    bound = 3 * stages * (TIMEOUT * SECOND + BUILD_MARGIN_NS) + MIN_GRACE_NS + REVEAL_GRACE_NS
    if kind in ("wrong bytes", "silent"):
        bound += stages * REOPEN_NS
    while play.world.now - began < bound and play.world.maps["open_runs"].entries:
        play.step()
    assert play.world.run()["state"] == {"Succeeded": None}, (kind, play.world.waits())
