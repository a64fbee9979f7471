"""Whatever is called, in whatever order, however late or often: the invariants hold.

The machine plays executors (honest, late, of one operator, disabled), verification (with lost
replies and repeated notices), time, upgrades and people who cancel.
"""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from canisters.build_executor.keys import is_open
from canisters.build_executor.rounds import rules as round_rules
from canisters.build_executor.rounds import service as rounds
from canisters.build_executor.runs import approval as approvals
from canisters.build_executor.runs import releasing
from shared.rules.limits import MAX_ATTEMPT
from tests.canisters.build_executor.helpers.specs import deploy, file, spec, stage
from tests.canisters.build_executor.helpers.world import A, B, C, D, World
from tests.examples import examples

EXECUTORS = st.sampled_from([A, B, C, D])
NAMES = ("one", "two", "three")
CONTENTS = {"out.wasm": b"module", "log.txt": b"text", "empty": b""}
KINDS = st.sampled_from(["Agreed", "Agreed", "Agreed", "Failed", "Disagreed", "Inconclusive"])
ENDED = ("Succeeded", "Failed", "Disagreed", "Inconclusive", "Cancelled", "Skipped")


def name_of(variant: Any) -> str:
    return str(next(iter(variant)))


class BuildExecutor(RuleBasedStateMachine):
    causes = ("Weather", "Unable", "Stopping")

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.register(D, "operator-0")
        self.world.announce(D)
        self.pending: dict[str, None] = {}
        self.rounds: dict[str, Any] = {}
        self.ended: dict[str, str] = {}
        self.verdicts: dict[str, str] = {}
        self.works: list[tuple[str, Any]] = []
        self.started = 0

    # What people and pipelines do

    @initialize()
    def first_run(self) -> None:
        self.enqueue([], False)

    @rule(edges=st.lists(st.booleans(), max_size=3), deployed=st.booleans())
    def enqueue(self, edges: list[bool], deployed: bool) -> None:
        if self.started >= 3:
            return
        self.started += 1
        stages = []
        for number, name in enumerate(NAMES[: 1 + len(edges)][:3]):
            after = [NAMES[number - 1]] if number and edges[number - 1] else []
            replicas = 3 - number
            quorum = replicas // 2 + 1
            stages.append(stage(name, depends_on=after, replicas=replicas, quorum=quorum))
        run = f"run-{self.started}"
        wanted = spec(run, *stages, deploy=deploy("one") if deployed else None)
        assert self.world.enqueue(wanted) == {"Ok": None}
        assert self.world.enqueue(wanted) == {"Ok": None}

    @rule(number=st.integers(1, 3))
    def cancel(self, number: int) -> None:
        if number == 3:  # rarely
            self.world.cancel(f"run-{number}")

    @rule(executor=EXECUTORS, enabled=st.sampled_from([True, True, False]))
    def enable(self, executor: str, enabled: bool) -> None:
        self.world.enable(executor, enabled)

    # What executors do

    @rule(executor=EXECUTORS)
    def lease(self, executor: str) -> None:
        holds = [work["Build"]["job"] for who, work in self.works if "Build" in work][-50:]
        work = self.world.lease(executor, *holds)
        if work is not None and "Denied" not in work:
            self.works.append((executor, work))

    @rule(data=st.data(), caller=EXECUTORS, own=st.booleans())
    def act(self, data: st.DataObject, caller: str, own: bool) -> None:
        if not self.works:
            return
        holder, work = data.draw(st.sampled_from(self.works))
        who = holder if own else caller
        if "Upload" in work:
            self.upload(data, who, work["Upload"])
            return
        job, attempt = work["Build"]["job"], work["Build"]["attempt"]
        what = data.draw(st.sampled_from(["beat", "commit", "commit", "release"]))
        if what == "beat":
            answer = self.world.beat(who, job, attempt, 0, b"line\n")
        elif what == "commit":
            commitment = bytes([data.draw(st.integers(0, 1))]) * 32
            answer = self.world.commit(who, job, attempt, commitment)
        else:
            answer = self.world.release(who, job, attempt)
        assert who == holder or "Err" in answer or (who, attempt) in self.holders(job)

    def holders(self, job: str) -> set[tuple[str, int]]:
        return {
            (who, work["Build"]["attempt"])
            for who, work in self.works
            if "Build" in work and work["Build"]["job"] == job
        }

    def upload(self, data: st.DataObject, who: str, work: Any) -> None:
        path = data.draw(st.sampled_from([each["path"] for each in work["files"]]))
        content = CONTENTS[path]
        if data.draw(st.integers(0, 5)) == 0:
            content = content[::-1]
        if content:
            self.world.upload(who, path, 0, content, work["run"], work["stage"])
        self.world.finish(who, path, work["run"], work["stage"])

    @rule()
    def honest_round(self) -> None:
        """All that can be done without trouble is done: it leads to the later states."""
        for executor in (A, B, C):
            for _ in range(4):
                self.lease(executor)
        for who, work in list(self.works):
            if "Build" in work:
                self.world.commit(who, work["Build"]["job"], work["Build"]["attempt"])
        self.collect()
        for key in list(self.pending):
            for _ in range(6):
                if key in self.pending:
                    self.send(key, lost=False)
        for key in list(self.rounds):
            self.verdict(key, "Agreed", early=False)

    @rule(data=st.data(), right=st.integers(0, 3))
    def bring(self, data: st.DataObject, right: int) -> None:
        """An executor with an upload sends all its files, now and then wrong ones."""
        uploads = [(who, work["Upload"]) for who, work in self.works if "Upload" in work]
        for who, work in uploads[-3:]:
            for each in work["files"]:
                content = CONTENTS[each["path"]]
                sent = content if right else content[::-1]
                if sent:
                    self.world.upload(who, each["path"], 0, sent, work["run"], work["stage"])
                self.world.finish(who, each["path"], work["run"], work["stage"])

    @rule(times=st.integers(1, 6), executor=EXECUTORS)
    def give_up(self, times: int, executor: str) -> None:
        """An executor that leases and gives back, again and again."""
        for _ in range(times):
            work = self.world.lease(executor)
            if work is None or "Build" not in work:
                return
            build = work["Build"]
            cause = self.causes[len(self.works) % 3]
            given = self.world.release(executor, build["job"], build["attempt"], cause=cause)
            assert given == {"Ok": None}
            self.world.pass_time(10)

    # What verification does

    @rule(data=st.data(), lost=st.booleans())
    def deliver(self, data: st.DataObject, lost: bool) -> None:
        self.collect()
        if self.pending:
            self.send(data.draw(st.sampled_from(sorted(self.pending))), lost)

    def collect(self) -> None:
        for key in self.world.book.take_outgoing():
            self.pending[key] = None

    def send(self, key: str, lost: bool) -> None:
        """One message of the outbox: verification has it, the reply may get lost."""
        kind, _, name = key.partition(":")
        book, now = self.world.book, self.world.now
        if kind == "approval":
            run, _, target = name.partition("/")
            request = approvals.request_of(book, run, target, now)
            if request is not None:
                assert request["artifact"] == "out.wasm"
                if lost:
                    return
                releasing.approval_made(book, run, target, f"approval of {name}", now)
            releasing.withdrawn(book, run, target, now)
            self.pending.pop(key)
            return
        found: Any = book.stage(name)
        message = round_rules.next_message(found)
        if message is None:
            self.pending.pop(key)
            return
        if message == "open":
            self.rounds.setdefault(name, {"votes": {}, "closed": False, "cancelled": False})
        elif isinstance(message, int):
            job, _, operator, commitment = round_rules.commitment_of(found, message)
            votes = self.rounds[name]["votes"]
            assert votes.setdefault(operator, (job, commitment)) == (job, commitment)
        elif name in self.rounds:
            self.rounds[name]["closed"] = True
            self.rounds[name]["cancelled"] = message == "cancel"
        if lost:
            return
        if message == "open":
            rounds.opened(book, found, None, "", now)
        elif isinstance(message, int):
            rounds.recorded(book, found, found["jobs"][message], None, "", now)
        elif message == "cancel":
            rounds.cancelled(book, found)
        else:
            rounds.closed(book, found, None, "", now)
        self.collect()

    @rule(data=st.data(), kind=KINDS, early=st.booleans())
    def decide(self, data: st.DataObject, kind: str, early: bool) -> None:
        if not self.rounds:
            return
        key = data.draw(st.sampled_from(sorted(self.rounds)))
        self.verdict(key, kind, early)

    def verdict(self, key: str, kind: str, early: bool) -> None:
        told = self.rounds[key]
        found: Any = self.world.book.stage(key)
        if not (early or told["closed"] or len(told["votes"]) == found["replicas"]):
            return
        run, _, name = key.partition("/")
        jobs = [job for job, _ in told["votes"].values()]
        if kind == "Agreed" and not jobs:
            kind = "Inconclusive"
        kind = self.verdicts.setdefault(key, kind)  # verification decides once
        files = [file(path, content) for path, content in CONTENTS.items()]
        agreed = files if kind == "Agreed" else []
        assert self.world.decide(kind, agreed, jobs, "so", run, name) == {"Ok": None}

    # What time and people with shovels do

    @rule(seconds=st.sampled_from([0, 1, 5, 29, 31, 61]), tick=st.booleans())
    def pass_time(self, seconds: int, tick: bool) -> None:
        self.world.pass_time(seconds, tick)

    @rule()
    def upgrade(self) -> None:
        self.collect()
        self.world.upgrade()

    # What must always be so

    @invariant()
    def the_round_of_what_has_ended_is_cancelled_or_that_is_under_way(self) -> None:
        self.collect()
        for key, told in self.rounds.items():
            stage: Any = self.world.book.stage(key)
            if stage["verdict"] is None and not is_open(stage) and not told["cancelled"]:
                assert f"round:{key}" in self.pending

    @invariant()
    def memory_says_what_the_maps_say(self) -> None:
        stages = self.world.maps["stages"].entries
        expected = [copy.deepcopy(each) for each in stages.values() if is_open(each)]
        expected.sort(key=lambda each: (each["run_sequence"], each["position"]))
        assert self.world.book.open_stages() == expected
        again = self.world.of_maps()
        now = self.world.now
        assert self.world.book.queue_described(now) == again.queue_described(now)
        open_now = self.world.book.open_runs.keys()
        sources = [self.world.maps["runs"].entries[run]["source"] for run in open_now]
        for repository in {source["repository"] for source in sources}:
            counted = sum(source["repository"] == repository for source in sources)
            assert self.world.book.open_runs_of(repository) == counted

    @invariant()
    def what_has_ended_stays_as_it_is(self) -> None:
        states = {key: each["state"] for key, each in self.world.maps["stages"].entries.items()} | {
            key: each["state"] for key, each in self.world.maps["runs"].entries.items()
        }
        for key, state in states.items():
            if name_of(state) in ENDED:
                assert self.ended.setdefault(key, str(state)) == str(state)
            else:
                assert key not in self.ended

    @invariant()
    def no_stage_has_two_verdicts(self) -> None:
        for key, each in self.world.maps["stages"].entries.items():
            if each["verdict"] is not None:
                assert self.verdicts[key] == each["verdict"]

    @invariant()
    def runs_are_open_until_they_end(self) -> None:
        for run, each in self.world.maps["runs"].entries.items():
            is_listed = run in self.world.maps["open_runs"].entries
            assert is_listed == (name_of(each["state"]) in ("Queued", "Running"))
            if not is_listed:
                for opened in each["opened"]:
                    assert not is_open(self.world.maps["stages"].entries[f"{run}/{opened['name']}"])

    @invariant()
    def jobs_are_never_lost_and_attempts_are_bounded(self) -> None:
        for each in self.world.maps["stages"].entries.values():
            assert [job["replica"] for job in each["jobs"]] == list(range(each["replicas"]))
            operators = []
            for job in each["jobs"]:
                assert 1 <= job["attempt"] <= MAX_ATTEMPT
                assert ("Committed" in job["state"]) <= (job["commitment"] is not None)
                if "Committed" in job["state"] or (
                    "Leased" in job["state"] and job["lease_until_ns"] > self.world.now
                ):
                    operators.append(job["operator"])
            assert len(operators) == len(set(operators))

    @invariant()
    def stored_bytes_are_the_agreed_ones(self) -> None:
        for each in self.world.maps["stages"].entries.values():
            for row in each["files"]:
                if row["stored"]:
                    answer = self.world.read(row["path"], 0, each["run"], each["name"])
                    assert answer == {"Ok": CONTENTS[row["path"]]}

    def teardown(self) -> None:
        """Executors go away, verification answers: every run ends, no chunk is left over."""
        self.collect()
        for _ in range(80):
            for key in list(self.pending):
                for _ in range(6):
                    if key in self.pending:
                        self.send(key, lost=False)
            for key in list(self.rounds):
                self.verdict(key, "Agreed", early=False)
            self.collect()
            if not self.world.maps["open_runs"].entries:
                break
            self.world.pass_time(86_400)
        assert self.world.maps["open_runs"].entries == {}
        assert self.world.book.open_stages() == []
        known = {each["location"] for each in self.world.maps["contents"].entries.values()}
        left = {key.partition("#")[0] for key in self.world.maps["chunks"].entries}
        assert left <= known


BuildExecutor.TestCase.settings = settings(
    max_examples=examples(60), stateful_step_count=40, deadline=None
)
TestAnyOrderOfCalls = BuildExecutor.TestCase
