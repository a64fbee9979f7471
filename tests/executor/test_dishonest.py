"""The dishonest executors do what their names say, so that tests against them show something."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dcanary.executor import CheckoutLimits, Executor, ExecutorConfig
from dcanary.executor.sandbox import BubblewrapSandbox
from dcanary.testing.chain import MemoryChain
from dcanary.testing.dishonest import (
    EquivocatingExecutor,
    HoldingExecutor,
    LeaseBurningExecutor,
    OfferLyingExecutor,
    SlowExecutor,
    UncommittingExecutor,
)
from tests.executor.repositories import make_repository, source_record, stage_record


class Yard:
    """A chain with one stage, and executors in threads."""

    def __init__(self, folder: Path, sandbox: BubblewrapSandbox) -> None:
        self.folder, self.sandbox = folder, sandbox
        self.chain = MemoryChain(lease_seconds=1.5)
        self.lines: list[str] = []
        sha = make_repository(folder / "repository", {"hello.txt": "hello"})
        self.source = source_record(folder / "repository", sha)

    def add(self, **stage: Any) -> Any:
        """Queue a stage; returns its first job."""
        self.chain.add_stage("run-1", stage_record(["true"], **stage), self.source)
        return self.chain.job("run-1/build/0")

    @contextmanager
    def working(self, kind: type[Executor], name: str) -> Iterator[Executor]:
        config = ExecutorConfig(
            self.folder / name,
            self.sandbox,
            runtimes=("shell",),
            checkout=CheckoutLimits(schemes=("file",)),
            poll_seconds=0.02,
            heartbeat_seconds=0.3,
            report=self.lines.append,
        )
        executor = kind(self.chain.view(name), config)
        thread = threading.Thread(target=executor.run_forever)
        thread.start()
        try:
            yield executor
        finally:
            executor.stop()
            thread.join()

    def wait_for(self, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.02)


@pytest.fixture
def yard(tmp_path: Path, sandbox: BubblewrapSandbox) -> Yard:
    return Yard(tmp_path, sandbox)


def test_a_lease_burner_takes_and_gives_back_without_a_pause(yard: Yard) -> None:
    job = yard.add()
    with yard.working(LeaseBurningExecutor, "mallory"):
        yard.wait_for(lambda: len(job.released) >= 20)
    assert set(job.causes) <= {"Weather", "Stopping"}
    assert not job.commitment


def test_a_holder_keeps_its_lease_and_a_silent_one_loses_it(yard: Yard) -> None:
    job = yard.add()
    with yard.working(HoldingExecutor, "mallory"):
        yard.wait_for(lambda: any("succeeded" in line for line in yard.lines))
        # Twice as long as a lease lasts without a heartbeat.
        ends = time.monotonic() + 3
        yard.wait_for(lambda: time.monotonic() > ends)
        assert (job.executor, job.attempt, job.commitment) == ("mallory", 1, b"")
    with yard.working(UncommittingExecutor, "mute"):
        yard.wait_for(lambda: job.executor == "mute")
        yard.wait_for(lambda: job.lease_until < time.monotonic())
    assert not job.commitment


def test_a_slow_one_commits_late_and_has_its_lease_still(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SlowExecutor, "DELAY_SECONDS", 3.0)
    job = yard.add()
    started = time.monotonic()
    with yard.working(SlowExecutor, "snail"):
        yard.wait_for(lambda: job.commitment)
    assert time.monotonic() - started > 3
    assert job.attempt == 1


def test_who_lies_about_its_offer_is_handed_what_it_cannot_do(yard: Yard) -> None:
    job = yard.add(memory_bytes=1 << 45)
    with yard.working(OfferLyingExecutor, "liar"):
        yard.wait_for(lambda: job.causes)
    assert yard.chain.offers["liar"]["memory_bytes"] == 1 << 50
    assert job.causes[0] == "Unable"


def test_who_commits_to_two_answers_cannot_reveal_the_second(yard: Yard) -> None:
    yard.add()
    with yard.working(EquivocatingExecutor, "janus"):
        yard.wait_for(lambda: any("refused" in line for line in yard.lines))
    assert yard.chain.job("run-1/build/0").reveal is None
