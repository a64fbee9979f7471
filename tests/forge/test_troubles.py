"""What goes wrong again and again is said once, tried ever more rarely, and stops nobody else."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from dcanary.forge import Forge, ForgeError, dispatcher, troubles
from dcanary.forge.layout import Layout
from dcanary.forge.recovery import recover
from dcanary.forge.troubles import Troubles
from tests.forge.conftest import Receiver, WorkingCopy, ended_deliveries, wait_for


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_pauses_grow_up_to_a_bound_and_end_when_it_went_well() -> None:
    clock = Clock()
    met = Troubles(clock)
    pauses = []
    for _ in range(9):
        met.met("demo", OSError("no room"))
        begun = clock.now
        while not met.is_due("demo"):
            clock.now += 0.5
        pauses.append(clock.now - begun)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert met.is_due("another")
    met.over("demo")
    met.met("demo", OSError("no room"))
    clock.now += 1
    assert met.is_due("demo")


def test_a_problem_is_said_once_until_it_changes_or_ends(caplog: pytest.LogCaptureFixture) -> None:
    met = Troubles(Clock())
    for error in (ForgeError("a"), ForgeError("a"), ForgeError("b"), ForgeError("b")):
        met.met("demo", error)
    met.met("another", ForgeError("b"))
    met.over("demo")
    met.over("demo")
    met.met("demo", ForgeError("b"))
    said = [record.getMessage().partition("; ")[0] for record in caplog.records]
    assert said == ["demo: a", "demo: b", "another: b", "demo: this went well now", "demo: b"]


def test_only_what_no_forge_expects_is_said_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    met = Troubles(Clock())
    met.met("demo", ForgeError("expected"))
    met.met("another", ValueError("too many values"))
    assert [bool(record.exc_info) for record in caplog.records] == [False, True]
    assert "ValueError: too many values" in caplog.records[1].getMessage()


@pytest.mark.parametrize("error", [ForgeError("git failed"), ValueError("an error of ours")])
def test_a_repository_that_cannot_be_recovered_is_said_once_and_stops_no_other(
    tmp_path: Path,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    tries: list[str] = []
    broken = True

    def recovering(layout: Layout, name: str) -> bool:
        tries.append(name)
        if name == "broken" and broken:
            raise error
        return recover(layout, name)

    monkeypatch.setattr(dispatcher, "recover", recovering)
    monkeypatch.setattr(dispatcher, "RECOVERY_SECONDS", 0.01)
    monkeypatch.setattr(troubles, "FIRST_PAUSE_SECONDS", 0.02)
    caplog.set_level(logging.WARNING, "dcanary.forge")
    names = ("broken", "quick")
    with Forge(tmp_path / "forge") as forge:
        for name in names:
            forge.create_repository(name)
    with Forge(tmp_path / "forge") as forge:
        wait_for(lambda: tries.count("broken") >= 4)
        for name in names:
            forge.set_webhook(name, receiver.url(path=f"/{name}"), "a secret of the demo")
            copy = WorkingCopy(tmp_path / name, forge.repository(name).clone_url)
            copy.commit()
            copy.push()
            ended_deliveries(forge, name, 1)
        broken = False
        wait_for(lambda: "went well" in caplog.text)
    said = [record.getMessage() for record in caplog.records]
    assert len([line for line in said if "the refs of broken" in line]) == 2, said
