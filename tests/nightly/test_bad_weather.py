"""Forge, executor and network are killed in turn at random while deliveries keep coming."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dcanary.cli.operations.watch import state_of
from dcanary.client.errors import ClientError
from dcanary.client.system import System
from tests.e2e.pipelines import pipeline
from tests.e2e.world import PATIENCE, Repository, World, open_world, wait_until

REPOSITORIES = 5
DELIVERIES = int(os.environ.get("DCANARY_SOAK_DELIVERIES", "200"))
STORM_SECONDS = float(os.environ.get("DCANARY_SOAK_SECONDS", "600"))
SEED = int(os.environ.get("DCANARY_SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
EXECUTOR = "alice-1"
PAUSES = (2.0, 12.0)
"""Seconds between two kills, and how long a killed process stays away."""
VICTIMS = ("forge", "forge and git", "executor", "network")
OPEN = ("Queued", "Running")


class Storm:
    """Kills one of the victims at a time, and brings it back after a pause."""

    def __init__(self, world: World, seed: int) -> None:
        self._world, self._random = world, random.Random(seed)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._blow, args=(STORM_SECONDS,))
        self._trouble: BaseException | None = None
        self.kills: Counter[str] = Counter()

    @contextlib.contextmanager
    def blowing(self) -> Iterator[None]:
        """A storm of STORM_SECONDS, cut short when the block raises."""
        self._thread.start()
        try:
            yield
        except BaseException:
            self._ending.set()
            raise
        finally:
            self._thread.join()
        if self._trouble is not None:
            raise self._trouble

    def check(self) -> None:
        """Raise what went wrong in the storm's thread, instead of pushing for ever."""
        if self._trouble is not None:
            raise self._trouble

    def _blow(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until and not self._pause():
                victim = self._random.choice(VICTIMS)
                self._strike(victim)
                self.kills[victim] += 1
        except BaseException as error:
            self._trouble = error

    def _pause(self) -> bool:
        return self._ending.wait(self._random.uniform(*PAUSES))

    def _strike(self, victim: str) -> None:
        world = self._world
        if victim == "network":
            port = world.kill_network()
            self._pause()
            world.start_network(port)
        elif victim == "executor":
            world.kill(EXECUTOR)
            self._pause()
            world.start_executor(EXECUTOR)
        else:
            forge = world.processes["forge"]
            world.kill("forge")
            if victim == "forge and git":
                # The processes of git that served a push or a clone, killed in the middle of it.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(forge.pid, signal.SIGKILL)
            self._pause()
            world.start_forge()


class Watch:
    """Notes every few seconds what open runs wait for, with a client of its own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.waits: Counter[str] = Counter()

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ending.wait(2.0):
            # The network is away now and then: that is the storm.
            with contextlib.suppress(ClientError, OSError):
                system = System(self._world.config, self._world.owner)
                try:
                    self._note(system)
                finally:
                    system.close()

    def _note(self, system: System) -> None:
        for number in range(REPOSITORIES):
            page: Any = {"cursor": None, "limit": 100}
            for run in system.build_executor.ask("list_runs", repository_name(number), page)[
                "items"
            ]:
                if state_of(run) in OPEN:
                    self.waits.update(wait["reason"].split(": ")[0] for wait in run["waiting_for"])


def repository_name(number: int) -> str:
    return f"storm-{number}"


def add_repositories(world: World) -> list[Repository]:
    made = []
    for number in range(REPOSITORIES):
        name = repository_name(number)
        text = pipeline(
            name,
            ["mkdir -p out", "cp version out/version"],
            artifacts=["out/version"],
            replicas=1,
            quorum=1,
            deploy=False,
        )
        made.append(
            world.add_repository(name, {"dcanary.yml": text, "version": "0\n"}, target=False)
        )
    return made


def push_until_taken(repository: Repository, storm: Storm) -> str:
    """As a person would: `git push` again until the forge answers; the commit's id."""
    while True:
        storm.check()
        try:
            return repository.push()
        except ClientError:
            time.sleep(1)


def test_every_accepted_delivery_ends_succeeded_exactly_once(
    template: Path, tmp_path: Path
) -> None:
    print(f"\nseed {SEED} (DCANARY_SOAK_SEED)")
    with open_world(template, tmp_path / "home", [EXECUTOR]) as world:
        repositories = add_repositories(world)
        storm = Storm(world, SEED)
        pushed: dict[str, tuple[str, float]] = {}
        until = time.monotonic() + STORM_SECONDS
        with Watch(world) as watch:
            with storm.blowing():
                for number in range(DELIVERIES):
                    repository = repositories[number % REPOSITORIES]
                    repository.commit({"version": f"{number}\n"}, f"Change {number}")
                    sha = push_until_taken(repository, storm)
                    pushed[sha] = (repository.name, time.time())
                    rest = until - time.monotonic()
                    time.sleep(max(0.0, rest) / (DELIVERIES - number) * 0.8)
            calm = time.time()
            runs = runs_of_pushed(world, pushed)
        print(report(storm, watch, runs, pushed, calm))
    assert sum(storm.kills.values()) >= STORM_SECONDS / 20


def runs_of_pushed(
    world: World, pushed: dict[str, tuple[str, float]]
) -> dict[str, list[dict[str, Any]]]:
    """Wait until every pushed commit has one run, which has Succeeded; commit -> its runs."""
    runs: dict[str, list[dict[str, Any]]] = {}

    def ended() -> bool:
        runs.clear()
        for repository in sorted({name for name, _ in pushed.values()}):
            for run in every_run(world, repository):
                runs.setdefault(run["source"]["sha"], []).append(run)
        is_open = any(state_of(run) in OPEN for found in runs.values() for run in found)
        return not is_open and set(pushed) <= set(runs)

    wait_until(ended, "the end of every run", 1_800 / PATIENCE)
    states = {sha: [state_of(run) for run in found] for sha, found in runs.items()}
    wrong = {sha: found for sha, found in states.items() if found != ["Succeeded"]}
    assert not wrong, wrong
    assert set(runs) == set(pushed)
    return runs


def report(
    storm: Storm,
    watch: Watch,
    runs: dict[str, list[dict[str, Any]]],
    pushed: dict[str, tuple[str, float]],
    calm: float,
) -> str:
    """What was killed, how long runs took from `git push` to their end, and what they awaited."""
    ends = {sha: found[0]["updated_ns"] / 1e9 for sha, found in runs.items()}
    took = sorted(max(0.0, ends[sha] - when) for sha, (_, when) in pushed.items())
    kills = ", ".join(f"{victim} {count}" for victim, count in sorted(storm.kills.items()))
    lines = [
        f"{len(runs)} deliveries, each Succeeded once; {sum(storm.kills.values())} kills in "
        f"{STORM_SECONDS:.0f} s ({kills})",
        f"from push to end: median {statistics.median(took):.1f} s, "
        f"9 of 10 within {took[len(took) * 9 // 10]:.1f} s, longest {took[-1]:.1f} s",
        f"the last run ended {max(0.0, max(ends.values()) - calm):.1f} s after the storm",
        "what open runs waited for, looked at every 2 s:",
    ]
    for reason, count in watch.waits.most_common():
        lines.append(f"  {count:5} times  {reason}")
    return "\n".join(lines)


def every_run(world: World, repository: str) -> list[dict[str, Any]]:
    """All runs of a repository, page by page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = {"cursor": cursor, "limit": 100}
        answer = world.system.build_executor.ask("list_runs", repository, page)
        found += answer["items"]
        cursor = answer["next"]
        if cursor is None:
            return found
