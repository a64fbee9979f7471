"""The dishonest executors do what their names say, so that tests against them show something."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dcanary.executor.checkout import CheckoutLimits
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.executor import Executor
from dcanary.executor.sandbox import BubblewrapSandbox
from dcanary.testing.dishonest import (
    EquivocatingExecutor,
    HoldingExecutor,
    LeaseBurningExecutor,
    OfferLyingExecutor,
    SlowExecutor,
    UncommittingExecutor,
)
from shared.rules.limits import MAX_WEATHER_PAUSE_NS, SECOND_NS
from tests.executor.chain import LEASE_SECONDS, LONGEST_PAUSE, NativeChain
from tests.executor.repositories import make_repository, source_record, stage_record

JOB = "run-1/build/0"
SPEED = 20.0
"""How much faster the canisters' clock goes, so that tests need not wait for leases to end."""


class Yard:
    """A chain with one stage, and executors in threads."""

    def __init__(self, folder: Path, sandbox: BubblewrapSandbox) -> None:
        self.folder, self.sandbox = folder, sandbox
        self.chain = NativeChain(SPEED)
        self.lines: list[str] = []
        sha = make_repository(folder / "repository", {"hello.txt": "hello"})
        self.source = source_record(folder / "repository", sha)

    def add(self, **stage: Any) -> None:
        """Queue a stage."""
        self.chain.add_stage("run-1", stage_record(["true"], **stage), self.source)

    def causes(self) -> list[str]:
        return self.chain.causes(JOB)

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
    """The canister's pause, which grows with each time, is all that it is held up by."""
    yard.add()

    def was_given_back(times: int) -> bool:
        return yard.chain.job(JOB)["attempt"] > times

    with yard.working(LeaseBurningExecutor, "mallory"):
        for burnt in range(1, 21):
            yard.wait_for(partial(was_given_back, burnt))
            yard.chain.advance(LONGEST_PAUSE * MAX_WEATHER_PAUSE_NS / SECOND_NS)
    assert set(yard.causes()) <= {"Weather", "Stopping"}
    assert not yard.chain.is_committed(JOB)


def test_a_holder_keeps_its_lease_and_a_silent_one_loses_it(yard: Yard) -> None:
    yard.add()
    with yard.working(HoldingExecutor, "mallory"):
        yard.wait_for(lambda: any("succeeded" in line for line in yard.lines))
        # Twice as long as a lease lasts without a heartbeat.
        ends = time.monotonic() + 2 * LEASE_SECONDS / SPEED
        yard.wait_for(lambda: time.monotonic() > ends)
        job = yard.chain.job(JOB)
        assert (job["operator"], job["attempt"]) == ("mallory", 1)
        assert job["state"] == {"Leased": None}
    with yard.working(UncommittingExecutor, "mute"):
        yard.wait_for(lambda: yard.chain.job(JOB)["operator"] == "mute")
        yard.wait_for(lambda: yard.causes()[-1:] == ["Lost"])
    assert yard.chain.job(JOB)["failures"][-1]["operator"] == "mute"
    assert not yard.chain.is_committed(JOB)


def test_a_slow_one_commits_late_and_has_its_lease_still(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SlowExecutor, "DELAY_SECONDS", 2 * LEASE_SECONDS / SPEED)
    yard.add()
    started = time.monotonic()
    with yard.working(SlowExecutor, "snail"):
        yard.wait_for(lambda: yard.chain.is_committed(JOB))
    assert time.monotonic() - started > 2 * LEASE_SECONDS / SPEED
    assert yard.chain.job(JOB)["attempt"] == 1


def test_who_lies_about_its_offer_is_handed_what_it_cannot_do(yard: Yard) -> None:
    yard.add(memory_bytes=1 << 45)
    with yard.working(OfferLyingExecutor, "liar"):
        yard.wait_for(yard.causes)
    assert yard.chain.offer_of("liar")["memory_bytes"] == 1 << 50
    assert yard.causes()[0] == "Unable"


def test_who_commits_to_two_answers_cannot_reveal_the_second(yard: Yard) -> None:
    yard.add()
    with yard.working(EquivocatingExecutor, "janus"):
        yard.wait_for(lambda: any("refused" in line for line in yard.lines))
    assert not yard.chain.is_revealed(JOB)
