"""Outages of a few seconds, and kills at any moment: no run ends by them, nothing is done twice."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest

from dcanary.client.errors import NetworkError
from dcanary.executor.checkout import CheckoutLimits
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.executor import READS_AT_A_TIME, Executor
from dcanary.executor.sandbox import BubblewrapSandbox
from shared.rules.limits import LOST_PAUSE_NS, SECOND_NS
from tests.executor.chain import (
    LEASE_SECONDS,
    LONGEST_PAUSE,
    ExecutorsChain,
    NativeChain,
    offer,
)
from tests.executor.remote import answer_to
from tests.executor.repositories import commit, make_repository, source_record, stage_record
from tests.executor.servers import GitServer, serve

COPY = ["mkdir build", "cp hello.txt build/out"]


JOB = "run-1/build/0"


class Place:
    """A Git server, a chain, and an executor in a thread."""

    def __init__(self, folder: Path, sandbox: BubblewrapSandbox, server: GitServer) -> None:
        self.folder, self.sandbox, self.server = folder, sandbox, server
        self.chain = NativeChain(speed=4)
        sha = make_repository(server.folder / "repository", {"hello.txt": "hello"})
        self.source = {
            **source_record(server.folder / "repository", sha),
            "clone_url": server.url("repository"),
        }
        self.lines: list[str] = []

    def config(self, **more: Any) -> ExecutorConfig:
        return ExecutorConfig(
            self.folder / "alice",
            self.sandbox,
            runtimes=("shell",),
            checkout=CheckoutLimits(),
            poll_seconds=0.05,
            log_seconds=0.05,
            heartbeat_seconds=0.5,
            report=self.lines.append,
            **more,
        )

    def add(self, stage: dict[str, Any], run: str = "run-1", **more: Any) -> None:
        self.chain.add_stage(run, stage, self.source, **more)

    def stored(self, run: str = "run-1") -> dict[str, bytes]:
        return self.chain.stored(run)

    def work_until(self, condition: Callable[[], Any], **more: Any) -> None:
        """Run an executor until the condition holds."""
        executor = Executor(self.chain.view("alice"), self.config(**more))
        thread = threading.Thread(target=executor.run_forever)
        thread.start()
        try:
            wait_for(condition, self.lines)
        finally:
            executor.stop()
            thread.join()


def wait_for(condition: Callable[[], Any], lines: list[str], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, lines
        time.sleep(0.02)


@pytest.fixture
def place(tmp_path: Path, sandbox: BubblewrapSandbox) -> Iterator[Place]:
    (tmp_path / "served").mkdir()
    with serve(tmp_path / "served") as server:
        yield Place(tmp_path, sandbox, server)


def test_a_git_server_that_is_away_for_five_seconds_costs_no_attempt(place: Place) -> None:
    place.server.status = 503
    threading.Timer(5, lambda: setattr(place.server, "status", 0)).start()
    place.add(stage_record(COPY, ["build/out"]))
    phases: list[str | None] = []

    def seen() -> bool:
        if place.server.status or not phases:
            phases.append(place.chain.job(JOB)["phase"])
        return bool(place.stored())

    place.work_until(seen)
    job = place.chain.job(JOB)
    assert (job["attempt"], job["failures"]) == (1, [])
    # Who watches is not told that the commit is being checked out all the while.
    assert phases[-1] == "checkout, tried again"
    assert b"trying again in about" in place.chain.log(JOB)
    assert b"503" in place.chain.log(JOB)


def test_a_git_server_that_stays_away_is_weather_and_the_next_attempt_succeeds(
    place: Place,
) -> None:
    place.server.status = 503
    place.add(stage_record(COPY, ["build/out"]))

    def come_back() -> bool:
        if len(place.chain.causes(JOB)) >= 2:
            place.server.status = 0
        return bool(place.stored())

    place.work_until(come_back, patience_seconds=0)
    causes = place.chain.causes(JOB)
    assert set(causes) == {"Weather"}
    assert len(causes) <= 4, "it takes the job again without a pause"


@pytest.mark.parametrize("page", [b"", b"<html>Back soon</html>", b"<html>\nBack soon\n</html>"])
def test_a_page_in_place_of_the_repository_is_weather(place: Place, page: bytes) -> None:
    place.server.status, place.server.page = 200, page
    place.add(stage_record(COPY, ["build/out"]))
    place.work_until(
        lambda: place.chain.causes(JOB) or place.chain.is_committed(JOB), patience_seconds=0
    )
    assert place.chain.causes(JOB)[:1] == ["Weather"]
    assert not place.chain.is_committed(JOB)


@pytest.mark.parametrize("verb", ["ls-remote", "fetch", "merge-base", "cat-file"])
def test_git_that_is_killed_is_weather(
    place: Place, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kernel does when memory is short; once, so that the next attempt succeeds."""
    programs = place.folder / "programs"
    programs.mkdir()
    real, done = shutil.which("git"), programs / "done"
    script = (
        f'#!/bin/sh\ncase " $* " in *" {verb} "*) [ -e {done} ] || {{ : > {done}; kill -9 $$; }};; '
        f'esac\nexec {real} "$@"\n'
    )
    (programs / "git").write_text(script)
    (programs / "git").chmod(0o755)
    # Behind the tip, so that the commit has to be looked for in the history.
    repository = place.server.folder / "repository"
    (repository / "hello.txt").write_text("newer")
    commit(repository)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    place.add(stage_record(COPY, ["build/out"]))
    place.work_until(place.stored)
    assert done.exists()
    assert b"SIGKILL" in place.chain.log(JOB)
    assert place.stored() == {"build/out": b"hello"}


def test_a_build_does_not_wait_for_servers_that_hang_while_refs_are_read(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.listen(8)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for number in range(READS_AT_A_TIME):
            run, name = f"run-{number + 2}", f"hangs-{number}"
            hanging = {**place.source, "repository": name, "clone_url": f"{url}/{name}", "sha": ""}
            place.chain.add_stage(run, stage_record(COPY, ["build/out"]), hanging)
        asked: list[str] = []
        place.chain.before_call = asked.append
        place.add(stage_record(COPY, ["build/out"]))
        place.work_until(place.stored, slots=1)
    assert place.stored() == {"build/out": b"hello"}
    assert not any("cannot be read" in line for line in place.lines)
    # Refs were being read all the while: a job's slot was free beside them.
    assert asked.count("lease_work") >= READS_AT_A_TIME + 1


def test_a_host_without_an_address_is_weather(place: Place) -> None:
    place.source = {**place.source, "clone_url": "http://no-such-host.invalid/x"}
    place.add(stage_record(["true"]))
    place.work_until(lambda: place.chain.causes(JOB), patience_seconds=0)
    assert place.chain.causes(JOB)[0] == "Weather"
    assert not place.chain.is_committed(JOB)


CALLS = [
    "announce_offer",
    "has_work",
    "lease_work",
    "heartbeat",
    "read_chunk",
    "submit_commitment",
    "get_round",
    "reveal",
    "upload_chunk",
    "finish_upload",
]


@pytest.mark.parametrize("call", CALLS)
def test_a_network_that_is_away_for_a_while_ends_no_run(place: Place, call: str) -> None:
    """It goes away at each kind of call in turn, for all calls."""
    away = threading.Event()
    done = threading.Event()

    def before(name: str) -> None:
        if name == call and not done.is_set():
            done.set()
            away.set()
            threading.Timer(2.5, away.clear).start()
        if away.is_set():
            raise NetworkError("the network does not answer")

    place.chain.before_call = before
    # Long enough for a heartbeat.
    commands = ["cat earlier", "sleep 1", *COPY]
    place.add(stage_record(commands, ["build/out"]), inputs=[("before", "earlier", b"input")])
    place.work_until(lambda: place.stored())
    assert done.is_set()
    assert place.chain.job(JOB)["attempt"] == 1
    # An upload goes on where it broke off: its lease is not lost.
    assert place.chain.causes(JOB) == []
    assert place.stored() == {"build/out": b"hello"}


def test_heartbeats_go_on_while_inputs_are_fetched_slowly(place: Place) -> None:
    # The inputs take longer than a lease; one that this machine delays by seconds is not lost.
    place.chain.network.speed = 10
    phases: list[str] = []

    def slow(name: str) -> None:
        phase = place.chain.job(JOB)["phase"]
        if phase is not None and phases[-1:] != [phase]:
            phases.append(phase)
        if name == "read_chunk":
            time.sleep(2)

    place.add(stage_record(["sleep 2", "wc -c lib"]), inputs=[("before", "lib", b"x" * 5_000_000)])
    place.chain.before_call = slow
    place.work_until(place.chain.verdict)
    job = place.chain.job(JOB)
    assert (job["attempt"], job["failures"]) == (1, [])
    assert b"5000000" in place.chain.log(JOB)
    assert phases[:1] == ["inputs"]
    assert "stage" in phases


def test_two_stages_are_performed_at_the_same_time_in_two_slots(place: Place) -> None:
    # Each waits for nothing but time: what is measured is that the times overlap.
    for run in ("run-1", "run-2"):
        place.add(stage_record(["sleep 3", *COPY], ["build/out"]), run)
    place.chain.view("alice").announce_offer(offer(slots=2))
    held_together: list[int] = []

    def count(name: str) -> None:
        jobs = [place.chain.job(f"{run}/build/0") for run in ("run-1", "run-2")]
        held_together.append(sum("Leased" in job["state"] for job in jobs))

    place.chain.before_call = count
    place.work_until(lambda: place.stored("run-1") and place.stored("run-2"), slots=2)
    assert max(held_together) == 2
    assert place.chain.offer_of("alice")["slots"] == 2


# An executor in a process of its own. Its chain is that of the test, over a connection.
_PROGRAM = """
import sys
from multiprocessing.connection import Connection
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.executor import Executor
from dcanary.executor.sandbox import BubblewrapSandbox
from tests.executor.remote import RemoteChain

config = ExecutorConfig(
    Path(sys.argv[2]), BubblewrapSandbox(), runtimes=("shell",), poll_seconds=0.05,
    log_seconds=0.05, heartbeat_seconds=0.3, report=print,
)
Executor(RemoteChain(Connection(int(sys.argv[1]))), config).run_forever()
"""


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_an_executor_killed_at_any_call_goes_on_after_its_restart(
    place: Place, call: str, after: bool
) -> None:
    commands = ["cat earlier", "sleep 0.5", *COPY]
    place.add(stage_record(commands, ["build/out"]), inputs=[("before", "earlier", b"input")])
    view = place.chain.view("alice")
    _run_and_kill_at(place, view, call, after)
    assert not place.stored() or (call == "finish_upload" and after)
    if (call, after) == ("lease_work", True) or "upload" in call:
        # It does not know of the lease, or cannot give it back: that ends, and the pause after it.
        place.chain.advance(LEASE_SECONDS)
        place.chain.advance(LONGEST_PAUSE * LOST_PAUSE_NS / SECOND_NS)
    _run_and_kill_at(place, view, "", after)
    job = place.chain.job(JOB)
    verdict = place.chain.verdict()
    assert verdict is not None
    assert verdict["kind"] == {"Agreed": None}
    assert place.stored() == {"build/out": b"hello"}
    # Killed while it built, it is leased a second time; later it goes on with what it had.
    built_twice = call in ("heartbeat", "read_chunk") or (call == "lease_work" and after)
    assert job["attempt"] == (2 if built_twice else 1)
    assert set(place.chain.causes(JOB)) <= {"Stopping", "Lost", "Upload"}
    assert place.chain.calls.count("submit_commitment") <= 2
    assert not list((place.folder / "alice" / "leases").iterdir())


def _run_and_kill_at(place: Place, view: ExecutorsChain, call: str, after: bool) -> None:
    """Run the program until it makes the call, or all is stored, and kill it."""
    ours, theirs = Pipe()
    root = str(Path(__file__).parents[2])
    arguments = [str(theirs.fileno()), str(place.folder / "alice"), root]
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *arguments],
        pass_fds=[theirs.fileno()],
        stdout=subprocess.DEVNULL,
    ) as process:
        theirs.close()
        deadline = time.monotonic() + 90
        while not place.stored() or _is_noted(place):
            assert time.monotonic() < deadline, place.chain.calls[-20:]
            if not ours.poll(0.1):
                assert process.poll() is None
                continue
            name, given = ours.recv()
            if name == call and not after:
                break
            answer = answer_to(view, name, given)
            if name == call:
                break
            ours.send(answer)
        process.kill()
    ours.close()


def _is_noted(place: Place) -> bool:
    """Whether the executor has still to note that it has uploaded."""
    return any((place.folder / "alice" / "leases").glob("*.json"))
