"""One of three operators is malicious, in every way that `dcanary.testing.dishonest` knows.

The runs of the honest two succeed in bounded time all the same. Each kind has a run of its own, of
a stage that only the two honest operators and that one may build: it asks for a label. All runs go
on at the same time, on one installation.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dcanary.cli.operations.watch import state_of
from dcanary.client.types.pipeline_config import PipelineInput
from dcanary.testing.dishonest import KINDS
from shared.rules.limits import LEASE_NS, REOPEN_NS, REVEAL_GRACE_NS, SECOND_NS
from tests.e2e.modules import as_text, counter
from tests.e2e.pipelines import ARTIFACT, pipeline
from tests.e2e.world import FIRST_PAGE, Repository, World, wait_until

TIMEOUT_SECONDS = 60
GRACE_SECONDS = 4
HONEST = ("alice", "bob")
BOUND_SECONDS = TIMEOUT_SECONDS + GRACE_SECONDS + (REVEAL_GRACE_NS + LEASE_NS) // SECOND_NS
"""Of a run, from its start until the agreed bytes are stored: the stage's timeout and grace, the
reveals' grace, and one lease of an upload."""
ALONE = "alone"
"""A run that only the honest two build, among the others."""
COMMITTING = ("tampering", "failing", "equivocating", "unrevealing", "lying")
"""Kinds that commit to nonsense, so that the quorum can be reached with one of them."""


def stage_for(label: str) -> Callable[[PipelineInput], None]:
    """What turns the stage of a pipeline into one for who offers the label."""

    def adapt(pipeline: PipelineInput) -> None:
        (stage,) = pipeline["stages"]
        stage["grace_seconds"] = GRACE_SECONDS
        stage["needs"] = {
            "cpus": None,
            "image": None,
            "region": None,
            "image_lock": None,
            "labels": [label],
        }

    return adapt


def add_repository(world: World, label: str) -> Repository:
    """A repository whose stage asks for the label."""
    yml = pipeline(label, deploy=False, timeout=f"{TIMEOUT_SECONDS}s", memory="64MiB")
    files = {"dcanary.yml": yml, "counter.b64": as_text(counter())}
    return world.add_repository(label, files, target=False, adapt=stage_for(label))


def start_malicious(world: World, kinds: Mapping[str, str]) -> None:
    """An executor and an operator of its own for each label; label -> kind."""
    arguments: list[str] = []
    for label, kind in kinds.items():
        world.add_executor(f"{label}-1", label)
        arguments += [f"{label}-1", kind, label]
    world.start_dishonest(*arguments)
    await_offers(world, list(kinds))


def start_honest(world: World, name: str, labels: Sequence[str]) -> None:
    options = [option for label in labels for option in ("--label", label)]
    world.start_executor(name, "--slots", "4", *options)


def await_offers(world: World, operators: Sequence[str]) -> None:
    """Wait until these operators have announced what they offer."""

    def announced() -> bool:
        known = world.system.build_executor.ask("list_executors", FIRST_PAGE)["items"]
        offered = {each["operator"] for each in known if each["offer"] is not None}
        return offered >= set(operators)

    wait_until(announced, f"the offers of {', '.join(operators)}")


def assert_success(world: World, runs: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Wait until all runs have ended; they agreed on the honest bytes, which are stored."""
    expected = hashlib.sha256(counter()).hexdigest()
    ended = {kind: world.end_of_run(run, 2 * BOUND_SECONDS) for kind, run in runs.items()}
    for kind, run in ended.items():
        verdict = world.round(runs[kind])["verdict"]
        assert state_of(run) == "Succeeded", (kind, run["state"], verdict)
        assert {file["path"]: file["sha256"] for file in verdict["files"]} == {ARTIFACT: expected}
        assert run["stages"][0]["stored"] == [ARTIFACT], kind
    return ended


def seconds_of(ended: dict[str, dict[str, Any]], since_ns: int = 0) -> dict[str, float]:
    """How long each run took from its creation, or from `since_ns` when that is later."""
    took = {
        kind: (run["updated_ns"] - max(run["created_ns"], since_ns)) / SECOND_NS
        for kind, run in ended.items()
    }
    print({kind: round(seconds, 1) for kind, seconds in took.items()})
    return took


def test_every_run_of_the_honest_two_ends_within_timeout_and_grace(empty_world: World) -> None:
    world = empty_world
    early = {kind: kind for kind in KINDS}
    # Here the quorum is reached with the malicious one before bob is there: commitments close.
    late = {f"late-{kind}": kind for kind in COMMITTING}
    repositories = {label: add_repository(world, label) for label in [ALONE, *early, *late]}
    start_honest(world, "alice-1", [ALONE, *early, *late])
    start_honest(world, "bob-1", [ALONE, *early])
    world.add_executor("bob-2", "bob")
    start_malicious(world, early | late)
    await_offers(world, ["alice", "bob"])
    runs = {label: world.push(repository) for label, repository in repositories.items()}

    def closed() -> bool:
        rounds = [world.system.verification.call("get_round", runs[each], "build") for each in late]
        return all("Ok" in each and "Reveal" in each["Ok"]["phase"] for each in rounds)

    wait_until(closed, "the reveals of the runs that bob misses", 120)
    bob_comes_ns = time.time_ns()
    start_honest(world, "bob-2", list(late))
    took = seconds_of(assert_success(world, {label: runs[label] for label in [ALONE, *early]}))
    # What the machine itself takes, with so many runs at once, is nobody's malice.
    alone = took.pop(ALONE)
    assert not {kind: seconds for kind, seconds in took.items() if seconds > BOUND_SECONDS + alone}
    took = seconds_of(assert_success(world, {label: runs[label] for label in late}), bob_comes_ns)
    bound = BOUND_SECONDS + alone + REOPEN_NS // SECOND_NS
    assert not {label: seconds for label, seconds in took.items() if seconds > bound}
