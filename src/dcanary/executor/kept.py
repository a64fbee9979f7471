"""Files of stages that stay with executors (`keep: executors`): found here, or built again.

What is built again counts only when it is what was agreed on. The files are in a store of this
executor, by their sha256, and are hashed when they are used.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dcanary.client.types.build_executor import (
    EarlierStage,
    File,
    InputArtifact,
    Rebuild,
    Stage,
    Variable,
)
from dcanary.executor.building import Build
from dcanary.executor.cache.building import CachedBuild
from dcanary.executor.fetching import needed_packages
from dcanary.executor.manifest import ManifestFile
from dcanary.executor.runtimes import Runtime
from dcanary.executor.secrets import Secrets
from dcanary.executor.source import (
    Entry,
    SourceFailure,
    SourceUnable,
    SourceUnavailable,
    Spool,
    Stored,
)
from dcanary.objects import MissingObject, ObjectStore, PoisonedObject

MAX_KEPT_BYTES = 10 << 30
"""The files that were used least recently go first: they can be built again."""
_READ_BYTES = 1 << 20
FetchInputs = Callable[[Sequence[InputArtifact], Path], list[Entry]]


class KeptFiles:
    """The files in `folder`, by their sha256."""

    def __init__(self, folder: Path, max_bytes: int = MAX_KEPT_BYTES) -> None:
        self._objects = ObjectStore(folder, max_bytes)

    def keep(self, files: Sequence[ManifestFile], folder: Path) -> None:
        """Keep files that lie in `folder` by their sha256. Raises ObjectError and OSError."""
        for file in files:
            if not self._objects.has(file.sha256):
                with (folder / file.sha256).open("rb") as stream:
                    self._objects.put(stream, sha256=file.sha256, max_bytes=file.size)

    def entries(self, files: Sequence[File], spool: Spool) -> list[Entry] | None:
        """The files as those of a checkout, copied to `spool`; None when one is not here."""
        found: list[Entry] = []
        for file in files:
            begin = spool.size
            try:
                with self._objects.open(file["sha256"]) as stream:
                    while chunk := stream.read(_READ_BYTES):
                        spool.write(chunk)
            except (MissingObject, PoisonedObject):
                return None
            found.append(Entry(file["path"], "100644", Stored(spool, begin, file["size"])))
        return found


class Rebuilder:
    """Brings the files of earlier stages that stay with executors to a build that needs them.

    `runtime_of` says what a stage finds, and raises RuntimeUnavailable or SourceUnable;
    `fetch_inputs` brings files from the chain.
    """

    def __init__(
        self, kept: KeptFiles, runtime_of: Callable[[Stage], Runtime], fetch_inputs: FetchInputs
    ) -> None:
        self._kept, self._runtime_of, self._fetch_inputs = kept, runtime_of, fetch_inputs

    def bring(self, build: Build, patience: float) -> list[Entry]:
        """The files. Raises SourceUnable, SourceUnavailable, ObjectError and OSError.

        Until `patience`, a time of the monotonic clock, servers are asked again.
        """
        wanted: dict[str, list[File]] = {}
        for each in build.work.get("inputs", ()):
            if each["kept"]:
                wanted.setdefault(each["stage"], []).append(each["file"])
        if not wanted:
            return []
        build.phase = "rebuild"
        rebuild: Rebuild = build.work["rebuild"]
        earlier = {each["stage"]["name"]: each for each in rebuild["stages"]}
        spool, found = Spool(build.folder), []
        for name, files in wanted.items():
            entries = self._kept.entries(files, spool)
            if entries is None:
                self._build(build, earlier[name], rebuild, patience)
                entries = self._kept.entries(files, spool)
            if entries is None:
                raise SourceUnavailable(f"the files of the stage {name} were built and are gone")
            found += entries
        return found

    def _build(
        self, build: Build, earlier: EarlierStage, rebuild: Rebuild, patience: float
    ) -> None:
        stage, agreed = earlier["stage"], earlier["files"]
        name = stage["name"]
        build.say(f"the files of the stage {name} are not here: building it")
        inputs = inputs_of(stage, rebuild["stages"])
        folder = build.folder / f"earlier-{name}"
        folder.mkdir()
        # What a cache declares is all that its stage sees of the commit.
        kind = Build if stage["cache"] is None else CachedBuild
        again = kind(
            work={
                "stage": stage,
                "source": build.work["source"],
                "environment": _merged(rebuild["environment"], stage["environment"]),
                "inputs": inputs,
                "rebuild": rebuild,
            },
            inputs=lambda folder: self._fetch_inputs(inputs, folder),
            runtime=self._runtime_of(stage),
            sandbox=build.sandbox,
            checkout_limits=build.checkout_limits,
            folder=folder,
            log=build.log,
            packages=build.packages,
            needed=needed_packages(inputs),
            secrets=lambda: Secrets(credential=build.credential),
            received=build.received,
            kept=self.bring,
            cancelled=build.cancelled,
        )
        try:
            report = again.perform(patience)
        except SourceFailure as error:
            # Others could: to attest to a failure would blame the commit for the wrong stage.
            raise SourceUnable(f"the stage {name} cannot be built again here: {error}") from error
        expected = [ManifestFile(each["path"], each["size"], each["sha256"]) for each in agreed]
        if sorted(report.files) != sorted(expected):
            said = report.reason or ", ".join(_differing(report.files, expected))
            raise SourceUnavailable(
                f"the stage {name} was built again here and is not what was agreed on: {said}"
            )
        self._kept.keep(report.files, again.files_folder)
        shutil.rmtree(folder, ignore_errors=True)
        build.say(f"the files of the stage {name} are those that were agreed on")


def inputs_of(stage: Stage, stages: Sequence[EarlierStage]) -> list[InputArtifact]:
    """What a stage finds of the stages before it, as the canister says it of a stage."""
    by_name = {each["stage"]["name"]: each for each in stages}
    before: set[str] = set()
    queue = list(stage["depends_on"])
    while queue:
        name = queue.pop()
        if name not in before and name in by_name:
            before.add(name)
            queue += by_name[name]["stage"]["depends_on"]
    found: dict[str, InputArtifact] = {}
    for each in stages:
        name, fetch = each["stage"]["name"], each["stage"]["fetch"]
        if name in before:
            is_kept = fetch is None and "Executors" in (each["stage"]["keep"] or {})
            for file in each["files"]:
                key = file["path"] if fetch is None else f"/{name}"
                found[key] = {"stage": name, "file": file, "fetch": fetch, "kept": is_kept}
    return list(found.values())


def _merged(shared: Sequence[Variable], own: Sequence[Variable]) -> list[Mapping[str, Any]]:
    values = {each["name"]: each["value"] for each in (*shared, *own)}
    return [{"name": name, "value": value} for name, value in values.items()]


def _differing(ours: Sequence[ManifestFile], theirs: Sequence[ManifestFile]) -> Iterator[str]:
    for path in sorted({file.path for file in {*ours} ^ {*theirs}}):
        yield ascii(path)[1:-1]
