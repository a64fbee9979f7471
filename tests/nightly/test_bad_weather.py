"""Forge, executor and network are killed in turn at random while deliveries keep coming."""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

from dcanary.cli.operations.watch import state_of
from tests.e2e.pipelines import pipeline
from tests.e2e.world import PATIENCE, Repository, World, open_world, wait_until

REPOSITORIES = 5
DELIVERIES = int(os.environ.get("DCANARY_SOAK_DELIVERIES", "200"))
STORM_SECONDS = float(os.environ.get("DCANARY_SOAK_SECONDS", "600"))
SEED = int(os.environ.get("DCANARY_SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
EXECUTOR = "alice-1"
PAUSES = (2.0, 12.0)
"""Seconds between two kills, and how long a killed process stays away."""


class Storm:
    """Kills one of the three at a time, and brings it back after a pause."""

    def __init__(self, world: World, seed: int) -> None:
        self._world, self._random = world, random.Random(seed)
        self.kills: Counter[str] = Counter()
        self.lock = threading.Lock()
        """Held while the network changes its process: clients are made anew then."""

    def blow(self, until: float) -> None:
        while time.monotonic() < until:
            time.sleep(self._random.uniform(*PAUSES))
            victim = self._random.choice(["forge", "executor", "network"])
            getattr(self, f"_{victim}")(self._random.uniform(*PAUSES))
            self.kills[victim] += 1

    def _forge(self, away: float) -> None:
        self._world.kill("forge")
        time.sleep(away)
        self._world.start_forge()

    def _executor(self, away: float) -> None:
        self._world.kill(EXECUTOR)
        time.sleep(away)
        self._world.start_executor(EXECUTOR)

    def _network(self, away: float) -> None:
        with self.lock:
            port = self._world.kill_network()
            time.sleep(away)
            self._world.start_network(port)


def push_until_taken(repository: Repository, storm: Storm) -> str:
    """As a person would: `git push` again until the forge answers; the commit's id."""
    while True:
        with storm.lock:
            pass
        try:
            return repository.push()
        except (subprocess.CalledProcessError, RuntimeError, OSError):
            time.sleep(1)


def test_every_accepted_delivery_ends_succeeded_exactly_once(
    template: Path, tmp_path: Path
) -> None:
    print(f"seed {SEED} (DCANARY_SOAK_SEED)")
    with open_world(template, tmp_path / "home", [EXECUTOR]) as world:
        repositories = []
        for number in range(REPOSITORIES):
            name = f"storm-{number}"
            text = pipeline(
                name,
                ["mkdir -p out", "cp version out/version"],
                artifacts=["out/version"],
                replicas=1,
                quorum=1,
                deploy=False,
            )
            files = {"dcanary.yml": text, "version": "0\n"}
            repositories.append(world.add_repository(name, files, target=False))
        storm = Storm(world, SEED)
        until = time.monotonic() + STORM_SECONDS
        blowing = threading.Thread(target=storm.blow, args=(until,))
        blowing.start()
        pushed: dict[str, str] = {}
        for number in range(DELIVERIES):
            repository = repositories[number % REPOSITORIES]
            repository.commit({"version": f"{number}\n"}, f"Change {number}")
            pushed[push_until_taken(repository, storm)] = repository.name
            rest = DELIVERIES - number - 1
            time.sleep(max(0.0, until - time.monotonic()) / (rest + 1) * 0.8)
        blowing.join()
        report = settle(world, pushed)
    print(f"kills: {dict(storm.kills)}; {report}")
    assert sum(storm.kills.values()) >= min(10, STORM_SECONDS / 20)


def settle(world: World, pushed: dict[str, str]) -> str:
    """Wait until every pushed commit has one run, and it has Succeeded; what was waited for."""
    waits: Counter[str] = Counter()
    runs: dict[str, list[str]] = {}

    def ended() -> bool:
        runs.clear()
        open_runs = 0
        for repository in sorted(set(pushed.values())):
            for run in every_run(world, repository):
                runs.setdefault(run["source"]["sha"], []).append(state_of(run))
                if state_of(run) in ("Queued", "Running"):
                    open_runs += 1
                    waits.update(wait["reason"].split(":")[0] for wait in run["waiting_for"])
        return not open_runs and set(pushed) <= set(runs)

    wait_until(ended, "the end of every run", 1_800 / PATIENCE)
    wrong = {sha: states for sha, states in runs.items() if states != ["Succeeded"]}
    assert not wrong, wrong
    assert set(runs) == set(pushed)
    return f"{len(runs)} runs Succeeded; waits seen: {dict(waits)}"


def every_run(world: World, repository: str) -> list[dict[str, object]]:
    """All runs of a repository, page by page."""
    found: list[dict[str, object]] = []
    cursor: str | None = None
    while True:
        page = {"cursor": cursor, "limit": 100}
        answer = world.system.build_executor.ask("list_runs", repository, page)
        found += answer["items"]
        cursor = answer["next"]
        if cursor is None:
            return found
