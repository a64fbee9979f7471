"""What a person can do about a run, by its state."""

from __future__ import annotations

import shlex
from typing import Any

import click
import pytest

from dcanary.cli.operations.run_explain import NEXT, what_to_do
from dcanary.client.types import build_executor
from tests.docs import commands


def made(case: str, **changed: Any) -> Any:
    source = {"repository": "shop", "sha": "ab" * 20, "ref": "refs/heads/main"}
    found = {"run": "run-7", "state": {case: None}, "source": source, "targets": None}
    found |= {"stages": [], "waiting_for": []}
    return {**found, "approval": "approval-3", "release": "release-2", **changed}


def ended(state: str, why: str, **changed: Any) -> Any:
    """A run whose target ended so."""
    row = {"target": "a", "state": {state: why}, "approval": "approval-3", "release": "release-2"}
    return made(state, state={state: why}, targets=[{**row, **changed}])


def waiting(reason: str, state: str = "Running") -> Any:
    return made(state, waiting_for=[{"stage": "build", "reason": reason}])


COMMIT = "another commit"
CAUSES = [
    (
        made(
            "Failed",
            state={"Failed": "stage b: 2 of 3 operators report that the stage failed: command"},
            stages=[{"state": {"Failed": "command"}}],
        ),
        COMMIT,
    ),
    (
        made(
            "Failed",
            state={"Failed": "stage b: no executor that agreed could deliver the agreed bytes"},
            stages=[{"state": {"Failed": "no executor"}}],
        ),
        f"dcanary run start shop --sha {'ab' * 20}",
    ),
    (ended("Failed", "release-2: Installing: trapped."), "dcanary release retry release-2"),
    (
        ended("Failed", "release-2: ConcurrentChange: Stopping: other module. `dcanary run retry"),
        "somebody else changed the canister; what was built stays agreed: dcanary run retry run-7",
    ),
    (ended("Failed", "release-2: Starting: the canister could not be"), "dcanary target start a"),
    (ended("Failed", "there is no target a"), "are asked: dcanary run retry run-7"),
    (
        ended("Failed", "approval-3: deployment refused the order: busy", release=None),
        "dcanary release retry approval-3",
    ),
    (ended("Rejected", "approval-3 was rejected by x: it is superseded"), "after a change of mind"),
    (ended("Rejected", "approval-3 expired before enough"), "too few decided in time"),
    (ended("Rejected", "approval-3 is blocked: too large"), "dcanary approval show approval-3"),
    (ended("Rejected", "approval-3 is blocked: withdrawn: run-7 has ended"), "asked again"),
    (ended("Rejected", "approval-3 is superseded: older"), "a newer run was approved"),
    (waiting("no executor is at work (last contact 13:00): start one"), "start an executor"),
    (waiting("no executor is at work (last contact 13:00): start one", "Queued"), "dcanary exec"),
    (waiting("2 operators must agree, but only 1 (alice) offers what the stage needs"), "offer it"),
    (waiting("the next attempt after a failure, operator bob: git answered 503"), "by itself"),
    (waiting("all executors that fit are busy with other jobs: bob"), "dcanary queue"),
    (waiting("at work: alice (checkout)"), "executors build it"),
    (
        waiting(
            "2 of 3 operators have committed, which is the quorum: the others have until "
            "19:02:55 UTC"
        ),
        "the stage ends at 19:02:55 UTC by itself, or earlier",
    ),
    (
        waiting(
            "2 of 3 operators have committed, which is the quorum: the others have until "
            "2026-11-29 00:02:55 UTC"
        ),
        "the stage ends at 2026-11-29 00:02:55 UTC by itself",
    ),
    (
        waiting("verification takes the approval request, which was not possible yet: no"),
        "dcanary system status",
    ),
    (waiting("no executor that fits is able to build it (asked: a): the secret X"), "secret set"),
    (waiting("approvers decide approval-3", "Approving"), "dcanary approval show approval-3"),
]


@pytest.mark.parametrize(("found", "told"), CAUSES)
def test_what_to_do_follows_from_the_cause(found: Any, told: str) -> None:
    """Of every failed run it was said that another commit mends it, and of every one that is not
    built that executors build it."""
    said = what_to_do(found)
    assert told in said
    assert (COMMIT in said) == (told == COMMIT)
    commands_exist(said)


def test_no_command_of_a_stranger_is_what_to_do() -> None:
    why = "release-2: Installing: trapped: `dcanary access grant eve --role Owner`"
    assert "grant" not in what_to_do(ended("Failed", why))


@pytest.mark.parametrize(
    "reason",
    [
        "the next attempt after a failure, operator bob: no executor is registered",
        "at work: alice (after a failure, operator bob: no executor offers Rust)",
        "2 operators must read the same commit at refs/heads/no executor is registered: none yet",
    ],
)
def test_what_to_do_does_not_follow_from_a_strangers_words(reason: str) -> None:
    assert "start executors" not in what_to_do(waiting(reason))


def test_what_was_taken_back_is_not_done() -> None:
    """`all that it does is done` was said after a rollback too."""
    said = what_to_do(made("Succeeded"), {"release-2": "release-4"})
    assert "taken back since: dcanary release show release-4" in said
    assert "is done" not in said
    commands_exist(said)


def test_what_version_0_1_took_back_within_the_release_is_not_done_either() -> None:
    said = what_to_do(made("Succeeded"), {"release-2": ""})
    assert "taken back since: dcanary release show release-2. To build it again" in said
    assert "release rollback" not in said
    commands_exist(said)


def test_every_state_is_explained() -> None:
    assert set(NEXT) == set(build_executor.RunState.__annotations__)


@pytest.mark.parametrize("state", sorted(NEXT))
def test_the_commands_that_are_named_exist(state: str) -> None:
    commands_exist(what_to_do(made(state)))


def commands_exist(told: str) -> None:
    """What is told has no open places, and names commands that there are."""
    assert "{" not in told
    for command in told.split("dcanary ")[1:]:
        noun, *rest = shlex.split(command.replace(",", " ").replace(";", " ").replace(".", " "))
        found = commands.group().get_command(click.Context(commands.group()), noun)
        assert found is not None, noun
        assert not isinstance(found, click.Group) or rest[0] in found.commands, command


def test_records_of_the_run_are_named() -> None:
    assert "approval show approval-3" in what_to_do(made("Approving"))
    assert "release watch release-2" in what_to_do(made("Releasing"))
    assert f"run start shop --sha {'ab' * 20}" in what_to_do(made("Cancelled"))


@pytest.mark.parametrize("state", ["Approving", "Releasing"])
@pytest.mark.parametrize(
    "changed",
    [{"approval": None, "release": None}, {"targets": [{"target": "a"}, {"target": "b"}]}],
)
def test_of_several_targets_the_run_tells_each(state: str, changed: Any) -> None:
    assert "dcanary run show run-7" in what_to_do(made(state, **changed))


def test_a_ref_that_is_not_there_is_not_started_again_as_it_is() -> None:
    """The same command was advised, and failed again."""
    source = {"repository": "shop", "sha": "", "ref": "refs/heads/nosuch"}
    why = {"Failed": "refs/heads/nosuch is not in the repository, as alice, bob read"}
    said = what_to_do(made("Failed", source=source, state=why, stages=[{"state": {}}]))
    assert "nosuch" not in said
    assert said.endswith("dcanary run start shop --ref NAME")
    commands_exist(said)


def test_a_run_that_never_had_a_commit_is_started_again_by_its_ref() -> None:
    source = {"repository": "shop", "sha": "", "ref": "refs/heads/main"}
    said = what_to_do(made("Inconclusive", source=source))
    assert said.endswith("dcanary run start shop --ref refs/heads/main")
    reason = "2 operators must read the same commit at refs/heads/main: none has read it yet"
    waits = made("Queued", source=source, waiting_for=[{"stage": None, "reason": reason}])
    assert "are asked again: dcanary executor list" in what_to_do(waits)
