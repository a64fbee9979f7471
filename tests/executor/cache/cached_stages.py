"""Runs of a stage with a cache, by executors that keep what they agreed on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from dcanary.client.types.build_executor import StageStatus
from dcanary.executor.executor import Executor
from dcanary.executor.sandbox import BubblewrapSandbox
from tests.executor.repositories import commit, git, source_record, stage_record
from tests.executor.test_executor import Site, until

COUNTED = ["cat src/* > out", 'echo "built at $SOURCE_DATE_EPOCH"']
"""A stage whose result depends on its declared inputs only."""


def cached(
    commands: Sequence[str] = COUNTED,
    artifacts: Sequence[str] = ("out",),
    inputs: Sequence[str] = ("src/",),
    **more: Any,
) -> dict[str, Any]:
    return {**stage_record(commands, artifacts, **more), "cache": {"inputs": list(inputs)}}


class CacheSite(Site):
    """A Site whose repository gets new commits, on several refs."""

    def __init__(self, folder: Path, sandbox: BubblewrapSandbox) -> None:
        super().__init__(folder, sandbox)
        self.repository = folder / "repository"
        self.runs = 0
        self.push({"src/a": "one\n"})

    def push(self, files: dict[str, str], ref: str = "refs/heads/main") -> None:
        """Commit files on a ref, which the next runs build."""
        branch = ref.removeprefix("refs/heads/")
        if ref.startswith("refs/heads/"):
            git(self.repository, "checkout", "--quiet", "-B", branch)
        for name, text in files.items():
            (self.repository / name).parent.mkdir(parents=True, exist_ok=True)
            (self.repository / name).write_text(text)
        sha = commit(self.repository)
        if not ref.startswith("refs/heads/"):
            git(self.repository, "update-ref", ref, sha)
        self.source = {**source_record(self.repository, sha), "ref": ref}

    def run(
        self, stage: dict[str, Any], *executors: Executor, after: Sequence[dict[str, Any]] = ()
    ) -> str:
        """Perform a run of a stage, with those that it comes after; returns the run's name.

        All executors have followed the verdict then.
        """
        self.runs += 1
        run = f"run-{self.runs}"
        depends_on = [each["name"] for each in after]
        self.chain.add_run(run, [*after, {**stage, "depends_on": depends_on}], self.source)
        until(lambda: self._is_followed(run), *executors)
        return run

    def _is_followed(self, run: str) -> bool:
        ended = self.chain.verdict(run) is not None and "Storing" not in self.status(run)["state"]
        return ended and all(
            json.loads(record.read_text())["phase"] == "agreed"
            for record in self.folder.glob("*/jobs/*/record.json")
        )

    def status(self, run: str) -> StageStatus:
        listed = self.chain.owner.build_executor.get_run(run)["stages"]
        (found,) = (each for each in listed if each["name"] == "build")
        return found

    def reused(self, run: str) -> dict[str, str]:
        """Which operators used which run's result again."""
        return {each["operator"]: each["run"] for each in self.status(run)["reused"] or []}

    def log(self, run: str, replica: int = 0) -> str:
        return self.chain.log(f"{run}/build/{replica}").decode()


@pytest.fixture
def site(tmp_path: Path, sandbox: BubblewrapSandbox) -> Iterator[CacheSite]:
    made = CacheSite(tmp_path, sandbox)
    yield made
    for executor in made.executors:
        executor.close()


def records(folder: Path) -> list[Path]:
    """The records of an executor's kept results."""
    return sorted((folder / "cache" / "results").glob("*.json"))


def objects(folder: Path) -> list[Path]:
    """The kept files."""
    return sorted((folder / "cache" / "objects" / "sha256").glob("*/*"))


def poison(folder: Path, content: bytes, path: str = "out") -> None:
    """Put other bytes behind one file of each kept result, so that all hashes fit.

    This is what somebody does who can write in an executor's folder and knows how it is made.
    """
    digest = hashlib.sha256(content).hexdigest()

    def changed(record: dict[str, Any]) -> None:
        for file in record["files"]:
            if file["path"] == path:
                file.update(size=len(content), sha256=digest)

    for record in records(folder):
        rewrite(record, changed)
    place = folder / "cache" / "objects" / "sha256" / digest[:2] / digest[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


def rewrite(record: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a record, and its hash with it."""
    found = json.loads(record.read_text().splitlines()[0])
    change(found)
    text = json.dumps(found, sort_keys=True)
    record.write_text(f"{text}\n{hashlib.sha256(text.encode()).hexdigest()}\n")
