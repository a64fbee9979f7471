"""The executor's loop, with real checkouts and sandboxes, against the real canisters."""

import hashlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import psutil
import pytest

from dcanary.client.errors import RefusedError
from dcanary.client.types.build_executor import (
    ChunkInput,
    CommitmentInput,
    ExecutorOffer,
    LeaseRequest,
    Work,
)
from dcanary.client.types.verification import RevealInput, Round, Verdict
from dcanary.executor.checkout import CheckoutLimits
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.executor import Executor
from dcanary.executor.sandbox import BubblewrapSandbox
from dcanary.executor.state import State
from dcanary.testing.dishonest import (
    LyingExecutor,
    TamperingExecutor,
    UncommittingExecutor,
    UnrevealingExecutor,
)
from tests.executor.chain import LEASE_SECONDS, ExecutorsChain, NativeChain, offer
from tests.executor.remote import serve
from tests.executor.repositories import COMMIT_TIME, make_repository, source_record, stage_record

COPY = ["mkdir build", "cp hello.txt build/out"]
HELLO = hashlib.sha256(b"hello").hexdigest()


class Site:
    """A repository, a chain, and executors, each with its own folder."""

    def __init__(self, folder: Path, sandbox: BubblewrapSandbox) -> None:
        self.folder, self.sandbox = folder, sandbox
        self.chain = NativeChain()
        sha = make_repository(folder / "repository", {"hello.txt": "hello"})
        self.source = source_record(folder / "repository", sha)
        self.lines: list[str] = []
        self.executors: list[Executor] = []

    def add(self, stage: dict[str, Any], run: str = "run-1", **more: Any) -> None:
        self.chain.add_stage(run, stage, self.source, **more)

    def executor(
        self,
        name: str = "alice",
        kind: type[Executor] = Executor,
        chain: ExecutorsChain | None = None,
        **more: Any,
    ) -> Executor:
        config = ExecutorConfig(
            self.folder / name,
            self.sandbox,
            runtimes=("shell",),
            report=self.lines.append,
            **{
                "poll_seconds": 0.01,
                "checkout": CheckoutLimits(schemes=("file",)),
                "patience_seconds": 0.0,
                "log_seconds": 0.05,
                "heartbeat_seconds": 0.2,
                **more,
            },
        )
        made = kind(chain or self.chain.view(name), config)
        self.executors.append(made)
        return made

    def close(self, executor: Executor) -> None:
        self.executors.remove(executor)
        executor.close()

    def verdict(self) -> Verdict:
        found = self.chain.verdict()
        assert found is not None, self.lines
        return found


@pytest.fixture
def site(tmp_path: Path, sandbox: BubblewrapSandbox) -> Iterator[Site]:
    made = Site(tmp_path, sandbox)
    yield made
    for executor in made.executors:
        executor.close()


def wait_until(condition: Callable[[], Any]) -> None:
    """Wait until the condition holds; executors work in other threads."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.02)


def until(condition: Callable[[], Any], *executors: Executor) -> None:
    """Let the executors work in turns until the condition holds."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        for executor in executors:
            executor.run_once()
        time.sleep(0.005)


def test_three_executors_build_agree_and_one_uploads(site: Site) -> None:
    site.add(stage_record(COPY, ["build/out"], replicas=3, quorum=2))
    executors = [site.executor(name) for name in ("alice", "bob", "carol")]
    until(site.chain.stored, *executors)
    verdict = site.verdict()
    assert verdict["kind"] == {"Agreed": None}
    assert len(verdict["jobs"]) == 3
    assert verdict["files"] == [{"path": "build/out", "size": 5, "sha256": HELLO}]
    assert site.chain.stored() == {"build/out": b"hello"}
    assert site.chain.calls.count("finish_upload") == 1
    log = site.chain.log("run-1/build/0").decode()
    assert log.startswith(f"[dcanary] commit {site.source['sha']}, runtime shell, bubblewrap\n")
    assert log.endswith("$ mkdir build\n$ cp hello.txt build/out\n[dcanary] succeeded\n")


@pytest.mark.parametrize(
    ("commands", "reason"),
    [
        (["false"], "command"),
        (["sleep 100"], "time_limit"),
        (["cat /dev/zero > x"], "storage_limit"),
        (["yes"], "output_limit"),
        (["for i in $(seq 200); do sleep 9 & done; wait"], "process_limit"),
        (["ln -s /etc/passwd out"], "artifact"),
    ],
)
def test_a_stage_that_fails_is_attested_to_with_its_reason_and_the_executor_goes_on(
    site: Site, commands: list[str], reason: str
) -> None:
    site.add(stage_record(commands, ["out"], timeout_seconds=1))
    executor = site.executor()
    until(site.chain.verdict, executor)
    assert site.verdict()["kind"] == {"Failed": None}
    said = f"1 of 1 operators report that the stage failed: {reason}"
    assert site.verdict()["reason"] == said
    site.add(stage_record(COPY, ["build/out"]), "run-2")
    until(lambda: site.chain.stored("run-2"), executor)


def test_a_failing_command_is_tried_again_as_often_as_the_stage_says(site: Site) -> None:
    site.add(stage_record(["echo once; false"], retries=2))
    executor = site.executor()
    until(site.chain.verdict, executor)
    log = site.chain.log("run-1/build/0").decode()
    assert log.count("\nonce\n") == 3
    assert "[dcanary] retry 2 of 2" in log


def test_a_build_sees_its_variables_the_commit_time_and_earlier_artifacts(site: Site) -> None:
    commands = ['echo "$NAME $SOURCE_DATE_EPOCH"', "cat build/lib", "cat hello.txt build/lib > out"]
    site.add(
        stage_record(commands, ["out"], environment={"NAME": "value", "SOURCE_DATE_EPOCH": "1"}),
        inputs=[("compile", "build/lib", b"lib")],
    )
    until(site.chain.stored, site.executor())
    assert f"value {COMMIT_TIME}\n" in site.chain.log("run-1/build/0").decode()
    assert site.chain.stored() == {"out": b"hellolib"}


def test_large_artifacts_travel_in_chunks(site: Site) -> None:
    site.add(stage_record(["head -c 2500000 /dev/zero > out"], ["out"]))
    until(site.chain.stored, site.executor())
    assert site.chain.calls.count("upload_chunk") == 3
    assert len(site.chain.stored()["out"]) == 2_500_000


def test_an_executor_killed_in_an_upload_sends_only_the_rest(site: Site) -> None:
    site.add(stage_record(["head -c 3500000 /dev/zero > out"], ["out"]))
    first = site.executor(chain=Breaking(site.chain, "upload_chunk", True, skip=2))
    with pytest.raises(Killed):
        until(lambda: False, first)
    site.close(first)
    site.chain.network.speed = 20
    until(site.chain.stored, site.executor())
    # Three had arrived.
    assert site.chain.calls.count("upload_chunk") == 4
    assert site.chain.stored()["out"] == bytes(3_500_000)


def test_secrets_are_masked_in_the_log(site: Site) -> None:
    site.add(stage_record(["echo hush-hush"]))
    until(
        site.chain.verdict,
        site.executor(secrets=("hush-hush",)),
    )
    log = site.chain.log("run-1/build/0")
    assert b"hush-hush" not in log
    assert log.count(b"***") == 2


def test_the_log_is_sent_and_the_lease_kept_while_a_stage_runs(site: Site) -> None:
    job = "run-1/build/0"
    site.chain.network.speed = 20
    site.add(stage_record(["echo started", f"sleep {2 * LEASE_SECONDS / 20}"]))
    executor = site.executor()
    thread = threading.Thread(target=executor.run_once)
    thread.start()
    deadline = time.monotonic() + 10
    while not site.chain.calls.count("heartbeat") or b"started" not in site.chain.log(job):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert b"succeeded" not in site.chain.log(job)
    thread.join()
    assert site.chain.is_committed(job)
    assert site.chain.job(job)["attempt"] == 1


def test_work_that_cannot_be_done_here_is_given_back(site: Site) -> None:
    job = "run-1/build/0"
    executor = site.executor()
    executor.run_once()
    site.add(stage_record(["true"], network=True))
    assert not executor.run_once()
    assert site.chain.job(job)["operator"] is None
    # Its machine has changed since it said what it can do.
    site.chain.view("alice").announce_offer(offer())
    until(lambda: site.chain.causes(job), executor)
    assert site.chain.causes(job) == ["Unable"]
    assert site.chain.reasons(job) == [
        "the stage asks for the network, which this executor gives none"
    ]
    assert not site.chain.is_committed(job)
    assert not executor.run_once()


def test_a_commit_that_is_not_on_its_ref_is_a_failure_that_operators_agree_on(site: Site) -> None:
    sha = "0" * 40
    site.source = {**site.source, "sha": sha}
    site.add(stage_record(["true"], replicas=3, quorum=2))
    executors = [site.executor(name) for name in ("alice", "bob", "carol")]
    until(site.chain.verdict, *executors)
    assert site.verdict()["kind"] == {"Failed": None}
    reason = f"source: commit {sha} is not on refs/heads/main"
    assert site.verdict()["reason"].endswith(f" operators report that the stage failed: {reason}")
    for number in range(3):
        job = site.chain.job(f"run-1/build/{number}")
        assert (job["attempt"], job["failures"]) == (1, [])


def test_what_the_commit_says_of_itself_is_revealed(site: Site) -> None:
    site.source = {**site.source, "author": "Mallory", "message": "an invented message"}
    site.add(stage_record(["true"]))
    until(site.chain.verdict, site.executor())
    assert site.verdict()["commit"] == {"author": "A", "message": "change"}
    source = site.chain.owner.build_executor.get_run("run-1")["source"]
    assert (source["author"], source["message"]) == ("A", "change")


def test_a_git_server_that_does_not_answer_is_weather(site: Site) -> None:
    site.source = {**site.source, "clone_url": "file:///no/such/repository"}
    site.add(stage_record(["true"]))
    site.executor().run_once()
    job = "run-1/build/0"
    assert site.chain.causes(job) == ["Weather"]
    assert "does not appear to be a git repository" in site.chain.reasons(job)[0]
    assert not site.chain.is_committed(job)


def test_a_clone_url_that_this_executor_does_not_take_is_given_back_for_good(site: Site) -> None:
    site.source = {**site.source, "clone_url": "https://example.org/x"}
    site.add(stage_record(["true"]))
    site.executor().run_once()
    assert site.chain.causes("run-1/build/0") == ["Unable"]


def test_a_sandbox_that_does_not_start_is_no_vote(site: Site, tmp_path: Path) -> None:
    site.sandbox = BubblewrapSandbox("/bin/false")
    site.add(stage_record(["true"]))
    site.executor().run_once()
    assert "the sandbox does not start" in site.chain.reasons("run-1/build/0")[0]
    assert not site.chain.is_committed("run-1/build/0")


def test_a_cancelled_run_stops_its_build(site: Site) -> None:
    site.add(stage_record(["sleep 19"]))
    timer = threading.Timer(0.5, lambda: site.chain.cancel("run-1"))
    timer.start()
    started = time.monotonic()
    site.executor().run_once()
    timer.join()
    assert time.monotonic() - started < 10
    assert not site.chain.is_committed("run-1/build/0")
    assert any("cancelled" in line for line in site.lines)


def test_a_cancelled_build_and_all_its_processes_end_within_five_seconds(site: Site) -> None:
    """By default heartbeats are 8 s apart: a query tells of it before."""
    mark = f"19{time.time_ns() % 1_000_000_007}"
    site.add(stage_record([f"sh -c 'sleep {mark} & sleep {mark}' & sleep {mark}"]))
    executor = site.executor(heartbeat_seconds=8.0, log_seconds=60.0, wanted_seconds=2.0)

    def sleepers() -> int:
        lines = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
        return sum(mark in line[-1:] for line in lines)

    thread = threading.Thread(target=executor.run_once)
    thread.start()
    wait_until(lambda: sleepers() == 3)
    cancelled = time.monotonic()
    site.chain.cancel("run-1")
    wait_until(lambda: sleepers() == 0)
    took = time.monotonic() - cancelled
    thread.join()
    assert took < 5
    assert not site.chain.is_committed("run-1/build/0")


def test_a_query_that_wrongly_says_dropped_ends_no_build(site: Site) -> None:
    class Wrong(ExecutorsChain):
        def is_wanted(self, job: str, attempt: int) -> bool:
            return False

    site.add(stage_record(["sleep 1.5"]))
    site.executor(chain=Wrong(site.chain, "alice"), wanted_seconds=0.2).run_once()
    assert site.chain.is_committed("run-1/build/0")


def test_a_build_whose_lease_is_lost_is_stopped_and_not_committed(site: Site) -> None:
    site.add(stage_record(["sleep 19"]))
    executor = site.executor()
    timer = threading.Timer(0.5, lambda: site.chain.disable("alice"))
    timer.start()
    executor.run_once()
    timer.join()
    assert any("the lease is lost" in line for line in site.lines)
    assert not site.chain.is_committed("run-1/build/0")


def test_stopping_gives_the_running_build_back(site: Site) -> None:
    site.add(stage_record(["sleep 19"]))
    executor = site.executor()
    threading.Timer(0.5, executor.stop).start()
    started = time.monotonic()
    executor.run_once()
    assert time.monotonic() - started < 10
    assert site.chain.reasons("run-1/build/0") == ["the executor is stopping"]
    assert site.chain.causes("run-1/build/0") == ["Stopping"]


def test_a_silent_network_does_not_stop_a_build(site: Site) -> None:
    site.add(stage_record(["sleep 1"]))
    executor = site.executor()

    def silence() -> None:
        time.sleep(0.4)
        site.chain.unreachable = True
        time.sleep(0.4)
        site.chain.unreachable = False

    thread = threading.Thread(target=silence)
    thread.start()
    executor.run_once()
    thread.join()
    assert site.chain.is_committed("run-1/build/0")


class Killed(BaseException):
    """What ends the executor in the middle of a call."""


class Breaking(ExecutorsChain):
    """Breaks off at one call, before or after it has had its effect, as a kill -9 does.

    So many calls of that name before it pass.
    """

    def __init__(self, chain: NativeChain, call: str, after: bool, skip: int = 0) -> None:
        super().__init__(chain, "alice")
        self._call, self._after, self._skip = call, after, skip

    def _break(self, call: str, effect: Callable[[], Any]) -> Any:
        if call != self._call:
            return effect()
        if self._skip:
            self._skip -= 1
            return effect()
        self._call = ""
        if self._after:
            effect()
        raise Killed

    def submit_commitment(self, commitment: CommitmentInput) -> None:
        self._break(
            "submit_commitment", lambda: super(Breaking, self).submit_commitment(commitment)
        )

    def reveal(self, attestation: RevealInput) -> None:
        self._break("reveal", lambda: super(Breaking, self).reveal(attestation))

    def upload_chunk(self, chunk: ChunkInput) -> None:
        self._break("upload_chunk", lambda: super(Breaking, self).upload_chunk(chunk))

    def finish_upload(self, run: str, stage: str, path: str) -> None:
        self._break("finish_upload", lambda: super(Breaking, self).finish_upload(run, stage, path))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", ["submit_commitment", "reveal", "upload_chunk", "finish_upload"])
def test_an_executor_that_breaks_off_goes_on_from_its_folder(
    site: Site, call: str, after: bool
) -> None:
    site.add(stage_record(COPY, ["build/out"]))
    first = site.executor(chain=Breaking(site.chain, call, after))
    with pytest.raises(Killed):
        until(lambda: False, first)
    site.close(first)
    # The lease of an upload that was broken off ends first, and then the pause after it.
    site.chain.network.speed = 20
    second = site.executor()
    until(site.chain.stored, second)
    assert site.chain.job("run-1/build/0")["attempt"] == 1


class Early(ExecutorsChain):
    """A chain that answers wrong about rounds: its `answer` says how, for some times."""

    def __init__(self, chain: NativeChain, answer: str, times: int) -> None:
        super().__init__(chain, "alice")
        self.answer, self.times = answer, times

    def get_round(self, run: str, stage: str) -> Round:
        found = super().get_round(run, stage)
        if self.times <= 0 or not found["votes"]:
            return found
        self.times -= 1
        if self.answer == "NotFound":
            raise RefusedError("NotFound", "there is no round yet", "test")
        return {**found, "phase": {"Reveal": None}}


@pytest.mark.parametrize("answer", ["NotFound", "Reveal"])
def test_a_vote_survives_a_round_that_is_not_open_yet_or_is_shown_too_far(
    site: Site, answer: str
) -> None:
    site.add(stage_record(commands=COPY, artifacts=["build/out"], replicas=2, quorum=2))
    chain = Early(site.chain, answer, 3)
    early = site.executor(chain=chain)
    until(lambda: chain.times == 0, early)
    until(site.chain.verdict, early, site.executor("bob"))
    assert len(site.verdict()["jobs"]) == 2


def test_a_commitment_that_came_too_late_is_forgotten(site: Site) -> None:
    site.add(stage_record(COPY, ["build/out"]))
    executor = site.executor(chain=Breaking(site.chain, "submit_commitment", False))
    with pytest.raises(Killed):
        executor.run_once()
    site.chain.advance(LEASE_SECONDS + 1)
    bob = site.chain.view("bob")
    bob.announce_offer(offer())
    work = bob.lease_work({"holds": [], "room": None})
    assert work is not None
    assert work["Build"]["attempt"] == 2
    until(lambda: not list((site.folder / "alice" / "jobs").iterdir()), executor)
    assert any("the commitment is refused" in line for line in site.lines)


def test_bytes_that_one_executor_changed_are_not_agreed_on(site: Site) -> None:
    site.add(stage_record(COPY, ["build/out"], replicas=3, quorum=2))
    executors = [
        site.executor("alice"),
        site.executor("bob"),
        site.executor("mallory", TamperingExecutor),
    ]
    until(site.chain.stored, *executors)
    assert site.verdict()["kind"] == {"Agreed": None}
    assert len(site.verdict()["jobs"]) == 2
    assert site.chain.stored() == {"build/out": b"hello"}
    (dispute,) = site.verdict()["disputes"]
    assert dispute["operator"] == "mallory"
    (other,) = (vote for vote in site.chain.votes() if vote["operator"] == "mallory")
    assert other["revealed_ns"] is not None
    assert other["manifest"] != site.verdict()["manifest"]
    jobs = site.folder / "mallory" / "jobs"
    until(lambda: not list(jobs.iterdir()), *executors)


def test_a_reveal_of_something_else_than_was_committed_is_refused(site: Site) -> None:
    site.add(stage_record(COPY, ["build/out"]))
    executor = site.executor("mallory", LyingExecutor)
    until(lambda: any("the reveal is refused" in line for line in site.lines), executor)
    assert site.chain.is_committed("run-1/build/0")
    assert not site.chain.is_revealed("run-1/build/0")


def test_silent_executors_leave_a_round_without_a_quorum(site: Site) -> None:
    site.add(stage_record(COPY, ["build/out"], replicas=3, quorum=2))
    executors = [
        site.executor("alice"),
        site.executor("mallory", UncommittingExecutor),
        site.executor("mute", UnrevealingExecutor),
    ]
    until(lambda: len(site.chain.votes()) == 2, *executors)
    # The time that is left to others after a quorum has committed.
    site.chain.advance(120)
    until(lambda: any(vote["revealed_ns"] for vote in site.chain.votes()), *executors)
    # Further votes are taken for as long as the run may wait.
    site.chain.advance(8 * 24 * 3_600)
    assert site.verdict()["kind"] == {"Inconclusive": None}


def test_what_was_not_agreed_on_is_not_kept(site: Site) -> None:
    site.add(stage_record(["false"]))
    executor = site.executor()
    until(lambda: site.lines and "verdict: Failed" in site.lines[-1], executor)
    assert list((site.folder / "alice" / "jobs").iterdir()) == []
    assert list((site.folder / "alice" / "work").iterdir()) == []


def test_a_refusal_of_the_lease_is_told_and_tried_again(site: Site) -> None:
    class Refusing(ExecutorsChain):
        def lease_work(self, request: LeaseRequest) -> Work | None:
            raise RefusedError("Denied", "not registered", "build_executor.lease_work")

    site.add(stage_record(["true"]))
    executor = site.executor(chain=Refusing(site.chain, "alice"))
    threading.Timer(0.3, executor.stop).start()
    site.executors.remove(executor)
    executor.run_forever()
    assert any("not registered; trying again in" in line for line in site.lines)


def test_an_executor_without_work_shows_now_and_then_that_it_is_there(site: Site) -> None:
    idle = site.executor("idle", contact_seconds=1.5)
    usual = site.executor("usual", contact_seconds=3_600.0)
    for _ in range(3):
        for executor in (idle, usual):
            assert not executor.run_once()
    # Queries only, so soon after the announcement.
    assert set(site.chain.calls) == {"announce_offer", "has_work"}
    until(lambda: site.chain.calls.count("lease_work") == 2, idle, usual)
    assert site.chain.calls.count("has_work") > 4
    site.close(idle)
    for _ in range(50):
        usual.run_once()
    assert site.chain.calls.count("lease_work") == 2


def test_work_that_a_stale_query_hides_is_found_by_the_next_contact(site: Site) -> None:
    class Stale(ExecutorsChain):
        def has_work(self, request: LeaseRequest) -> bool:
            return False

    site.add(stage_record(["true"]))
    chain = Stale(site.chain, "alice")
    executor = site.executor(chain=chain, contact_seconds=0.2)
    until(lambda: site.chain.is_committed("run-1/build/0"), executor)


def test_an_executor_ends_although_nobody_hears_that_it_leaves(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dcanary.executor.executor.LEAVING_SECONDS", 0.2)
    answered = threading.Event()

    class Hanging(ExecutorsChain):
        """Takes no word of leaving."""

        def announce_offer(self, offer: ExecutorOffer) -> None:
            if offer["leaving"]:
                answered.wait(60)
            super().announce_offer(offer)

    executor = site.executor(chain=Hanging(site.chain, "alice"))
    running = threading.Thread(target=executor.run_forever)
    running.start()
    _wait_for(lambda: "has_work" in site.chain.calls or "lease_work" in site.chain.calls)
    executor.stop()
    running.join(10)
    assert not running.is_alive()
    answered.set()


# An executor in a process of its own. Its chain is that of the test, over a connection.
_PROGRAM = """
import sys
from multiprocessing.connection import Connection
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from dcanary.executor.sandbox import probe_sandbox
from dcanary.executor.checkout import CheckoutLimits
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.executor import Executor
from tests.executor.remote import RemoteChain
folder = Path(sys.argv[1])
config = ExecutorConfig(
    folder / "alice",
    probe_sandbox().sandbox,
    runtimes=("shell",),
    checkout=CheckoutLimits(schemes=("file",)),
    log_seconds=0.05,
    report=lambda line: print(line, flush=True),
)
Executor(RemoteChain(Connection(int(sys.argv[3]))), config).run_forever()
print("ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_executor_leaves_no_process_and_a_usable_folder(
    site: Site, number: signal.Signals
) -> None:
    root = str(Path(__file__).parents[2])
    site.add(stage_record(["sleep 3141592", "true"]))
    ours, theirs = Pipe()
    arguments = [str(site.folder), root, str(theirs.fileno())]
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *arguments],
        pass_fds=[theirs.fileno()],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        theirs.close()
        serving = threading.Thread(target=serve, args=(site.chain.view("alice"), ours))
        serving.start()
        assert process.stdout is not None
        assert process.stdout.readline().startswith("offering 1 slots of ")
        assert "run-1/build/0: building" in process.stdout.readline()
        _wait_for(lambda: _running("sleep 3141592"))
        process.send_signal(number)
        said = process.stdout.read()
        serving.join()
    ours.close()
    _wait_for(lambda: not _running("sleep 3141592"))
    (known,) = site.chain.owner.build_executor.list_executors({"cursor": None, "limit": 100})[
        "items"
    ]
    assert known["offer"] is not None
    assert known["offer"]["leaving"] is (True if number == signal.SIGTERM else None)
    if number == signal.SIGTERM:
        assert not known["online"]
        assert said.endswith("given back: the executor is stopping\nended\n")
        assert process.returncode == 0
    state = State(site.folder / "alice")
    assert state.held() == []
    assert list(state.work.iterdir()) == []
    state.close()


def _running(command: str) -> bool:
    found = subprocess.run(["pgrep", "-x", "-f", command], capture_output=True, check=False)
    return bool(found.stdout)


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
