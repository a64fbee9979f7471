"""An executor that agreed and then keeps the upload to itself: the others bring the bytes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.canisters.installation import error, ok
from tests.security.system import CONTENT, EXECUTORS, FILE, System

PATIENCE_SECONDS = 60


@pytest.fixture
def system() -> System:
    made = System()
    made.prepare()
    made.push()
    return made


def send(system: System, number: int, content: bytes = CONTENT) -> Any:
    chunk = {"run": "run-1", "stage": "build", "path": FILE["path"], "index": 0}
    return system.canisters["build_executor"].update(
        "upload_chunk", {**chunk, "content": content}, caller=EXECUTORS[number]
    )


def state(system: System) -> str:
    return str(next(iter(system.run("run-1")["state"])))


@pytest.mark.parametrize("content", [CONTENT, bytes(len(CONTENT))], ids=["agreed", "other"])
def test_a_chunk_sent_again_and_again_does_not_hold_the_upload(
    system: System, content: bytes
) -> None:
    jobs = system.vote()
    assert system.lease(EXECUTORS[0], jobs[0])["Upload"]
    held = 0
    while "Ok" in send(system, 0, content):
        system.network.advance(5)
        held += 5
        assert held <= PATIENCE_SECONDS
    assert system.lease(EXECUTORS[0], jobs[0]) is None
    system.upload(jobs[1])
    assert state(system) == "Approving"


def test_one_that_never_sends_waits_longer_each_time(system: System) -> None:
    jobs = system.vote()
    for _ in range(2):
        assert system.lease(EXECUTORS[0], jobs[0])["Upload"]
        system.network.advance(45)
    assert system.lease(EXECUTORS[0], jobs[0]) is None
    error(send(system, 0), "Conflict")
    system.upload(jobs[2])
    assert state(system) == "Approving"


def test_uploads_that_all_ran_out_are_asked_for_again(system: System) -> None:
    jobs = system.vote()
    for _ in range(2):
        for executor, job in zip(EXECUTORS, jobs, strict=True):
            assert system.lease(executor, job)["Upload"]
            system.network.advance(45)
    assert state(system) == "Running"
    system.upload(jobs[1])
    assert state(system) == "Approving"


def test_an_executor_restarted_in_its_upload_brings_the_bytes_itself(system: System) -> None:
    jobs = system.vote()
    assert system.lease(EXECUTORS[0], jobs[0])["Upload"]
    ok(send(system, 0))
    system.network.advance(45)
    system.upload(jobs[0])
    assert state(system) == "Approving"


def test_a_canister_upgrade_does_not_give_the_holder_more_time(system: System) -> None:
    jobs = system.vote()
    assert system.lease(EXECUTORS[0], jobs[0])["Upload"]
    held = 0
    while "Ok" in send(system, 0):
        system.canisters["build_executor"].upgrade()
        system.network.advance(5)
        held += 5
        assert held <= PATIENCE_SECONDS
    system.upload(jobs[1])
    assert state(system) == "Approving"
