"""A repository with lock files, a registry on this machine, and executors that fetch from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dcanary.download.model import Limits
from dcanary.download.registries import Registries
from dcanary.executor.executor import Executor
from dcanary.executor.packages import Packages
from dcanary.executor.sandbox import BubblewrapSandbox
from dcanary.objects import ObjectStore
from tests.executor.repositories import make_repository, source_record, stage_record
from tests.executor.test_executor import Site
from tests.registry import Registry


def fetch_record(
    *locks: str, hosts: Sequence[str] = (), name: str = "packages", votes: int = 1
) -> dict[str, Any]:
    """A Stage record that fetches, as `to_candid` makes it."""
    return {
        **stage_record([], [f"{name}.manifest"], replicas=votes, quorum=votes),
        "name": name,
        "fetch": {"locks": list(locks), "hosts": list(hosts)},
        "keep": {"Executors": None},
    }


def build_record(
    *commands: str, artifacts: Sequence[str] = ("out",), after: str = "packages", **more: Any
) -> dict[str, Any]:
    return {**stage_record(commands, artifacts, **more), "depends_on": [after]}


def mirrors(registry: Registry) -> Registries:
    """Everything is asked of the registry on this machine."""
    return Registries(
        f"{registry.url}/npm/",
        f"{registry.url}/simple/",
        f"{registry.url}/crates/",
        f"{registry.url}/ic/",
    )


def packages_in(folder: Path, registry: Registry, **more: Any) -> Packages:
    """Packages below a folder of one executor."""
    return Packages(
        folder / "packages",
        ObjectStore(folder / "objects", 1 << 30),
        folder / "downloads",
        mirrors(registry),
        **{"limits": Limits(pauses=()), **more},
    )


class FetchSite(Site):
    """A `Site` whose commit has lock files and whose executors have a registry."""

    def __init__(
        self,
        folder: Path,
        sandbox: BubblewrapSandbox,
        registry: Registry,
        files: Mapping[str, str],
    ) -> None:
        super().__init__(folder, sandbox)
        self.registry = registry
        self.use(files)

    def use(self, files: Mapping[str, str]) -> None:
        """Build another commit, of these files."""
        place = self.folder / f"repository-{len(list(self.folder.iterdir()))}"
        self.source = source_record(place, make_repository(place, files))

    def add_run(self, *stages: dict[str, Any], run: str = "run-1") -> None:
        self.chain.add_run(run, stages, self.source)

    def fetching(self, name: str, **more: Any) -> Executor:
        """An executor that keeps packages in a folder of its own."""
        kept = packages_in(self.folder / f"{name}-packages", self.registry)
        return self.executor(name, packages=kept, **more)
