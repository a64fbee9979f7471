"""Watching goes on while a canister is upgraded or the network is away, and says so once."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from dcanary.cli.operations import patience
from dcanary.cli.operations.patience import Patience
from dcanary.cli.operations.watch import wait_for_cancel, wait_for_release, wait_for_run
from dcanary.client.errors import (
    CertificateError,
    ClientError,
    ClockError,
    NetworkError,
    OtherVersion,
    RefusedError,
    RejectedError,
)

STOPPING = RejectedError(5, "Canister l62sy is stopping", "IC0509", "l62sy.get_release")
STOPPED = RejectedError(5, "Canister l62sy is stopped", "IC0508", "l62sy.get_release")
TRANSIENT = RejectedError(2, "the subnet is busy", "IC0305", "l62sy.get_release")
AWAY = NetworkError("cannot reach the network at http://127.0.0.1:1: refused")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Time passes by sleeping only."""
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return lambda: now[0]


@dataclass
class Installed:
    """Answers and errors in turn, the last one for ever, whatever is asked."""

    answers: list[Any]
    asked: list[str] = field(default_factory=list)

    @property
    def deployment(self) -> Installed:
        return self

    @property
    def build_executor(self) -> Installed:
        return self

    def _next(self, method: str) -> Any:
        self.asked.append(method)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, ClientError):
            raise found
        return found

    def get_release(self, _: str) -> Any:
        return self._next("get_release")

    def get_run(self, _: str) -> Any:
        return self._next("get_run")


def record(state: str) -> Any:
    return {"state": {state: None}, "stages": [], "waiting_for": []}


WATCHES: dict[str, tuple[Any, str, str]] = {
    "release": (wait_for_release, "Installing", "Succeeded"),
    "run": (wait_for_run, "Running", "Succeeded"),
    "cancel": (wait_for_cancel, "Cancelling", "Cancelled"),
}


@pytest.mark.parametrize("watch", WATCHES)
def test_a_watch_goes_on_after_an_upgrade_and_after_weather_with_a_line_for_each(
    watch: str,
) -> None:
    wait, first, last = WATCHES[watch]
    going = record(first)
    answers = [going, STOPPING, STOPPING, STOPPED, going, AWAY, AWAY, TRANSIENT, record(last)]
    system: Any = Installed(answers)
    told: list[str] = []
    found = wait(system, f"{watch}-1", 300.0, told.append)
    assert found["state"] == {last: None}
    waited = [line for line in told if line.startswith("waiting: ")]
    assert waited == [
        f"waiting: {STOPPING.message}; asking again for up to 120 s",
        f"waiting: {AWAY.message}; asking again for up to 120 s",
    ]


def test_a_canister_that_is_stopped_from_the_beginning_is_waited_for() -> None:
    system: Any = Installed([STOPPED, record("Succeeded")])
    assert wait_for_release(system, "release-1", 300.0, lambda _: None)


@pytest.mark.parametrize("error", [STOPPED, AWAY])
def test_an_interruption_is_waited_for_up_to_the_bound(error: ClientError, clock: Any) -> None:
    system: Any = Installed([record("Installing"), error])
    with pytest.raises(type(error)):
        wait_for_release(system, "release-1", 3_000.0, lambda _: None)
    assert 120 <= clock() - 1_000 < 125


def test_an_interruption_is_not_waited_for_longer_than_the_command_waits(clock: Any) -> None:
    system: Any = Installed([record("Installing"), STOPPED])
    told: list[str] = []
    with pytest.raises(RejectedError):
        wait_for_release(system, "release-1", 20.0, told.append)
    assert 20 <= clock() - 1_000 < 23
    assert told[-1].endswith("asking again for up to 20 s")


def test_a_network_that_never_answered_is_told_at_once(clock: Any) -> None:
    system: Any = Installed([AWAY])
    with pytest.raises(NetworkError):
        wait_for_release(system, "release-1", 300.0, lambda _: None)
    assert clock() == 1_000


def test_a_network_that_took_a_write_is_waited_for() -> None:
    system: Any = Installed([AWAY, record("Succeeded")])
    assert wait_for_release(system, "release-1", 300.0, lambda _: None, begun=True)


@pytest.mark.parametrize(
    "error",
    [
        RefusedError("NotFound", "there is no release", "get_release"),
        RejectedError(5, "Canister trapped", "IC0503", "get_release"),
        RejectedError(3, "Canister not found", "IC0301", "get_release"),
        OtherVersion("deployment", "it has no such method"),
        CertificateError("not certified"),
        ClockError(600.0),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_does_not_pass_by_itself_is_told_at_once(error: ClientError, clock: Any) -> None:
    patient = Patience(lambda _: None, answered=True)

    def read() -> None:
        raise error

    with pytest.raises(type(error)):
        patient(read)
    assert clock() == 1_000
    assert not patience.is_passing(error)
