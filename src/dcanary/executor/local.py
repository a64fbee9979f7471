"""Performs the stages of a pipeline on this machine as an executor does, with no chain to ask.

Checkout, sandbox, tools and manifest are those of a leased job, so that what comes out is what a
vote of this machine would say.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcanary.executor.attendance import Attendance, Start
from dcanary.executor.attestation import manifest_digest
from dcanary.executor.building import Build, BuildReport
from dcanary.executor.cache.building import CachedBuild
from dcanary.executor.cache.key import Origin
from dcanary.executor.cache.results import Result, Results
from dcanary.executor.checkout import CheckoutLimits
from dcanary.executor.fetching import FETCH, FetchBuild
from dcanary.executor.logs import LogBuffer
from dcanary.executor.manifest import ManifestFile
from dcanary.executor.needed import Needed
from dcanary.executor.runtimes import Runtime
from dcanary.executor.sandbox.model import Sandbox
from dcanary.executor.secrets import Secrets
from dcanary.executor.source import Entry, OnDisk

if TYPE_CHECKING:
    from dcanary.executor.packages import Packages

# A repository on this disk is fetched by git itself, as one on a server is.
LOCAL_CHECKOUT = CheckoutLimits(schemes=("https", "http", "file"))
_MAX_LOG_BYTES = 64 * 1024 * 1024
_PIECE_BYTES = 64 * 1024
_TICK_SECONDS = 0.1


class LocalProblem(Exception):
    """A pipeline cannot be performed here; nothing is known about the commit."""


class LocalWeather(LocalProblem):
    """This machine, or a server, does not do its part now: a full disk, a registry that is away."""


@dataclass(frozen=True)
class LocalStage:
    """How a stage ended here. `environment` is the environment digest that a vote would carry.

    `fetch` is the Fetch record of a fetch stage, whose packages later stages find.
    """

    name: str
    environment: str
    report: BuildReport
    folder: Path = field(repr=False)
    fetch: Mapping[str, Any] | None = None

    @property
    def files(self) -> tuple[ManifestFile, ...]:
        """The artifacts, sorted by path; none after a failure."""
        return self.report.files

    @property
    def manifest(self) -> str:
        """The digest of the manifest, in hexadecimal."""
        return manifest_digest(self.files)

    @property
    def succeeded(self) -> bool:
        """Whether an executor would attest success."""
        return not self.report.reason

    @property
    def reused(self) -> str:
        """Whose result it is; empty when it was built now."""
        found = self.report.reusable
        return "" if found is None else found.reused

    def open_file(self, file: ManifestFile) -> Path:
        """Where the bytes of an artifact lie."""
        return self.folder / file.sha256


@dataclass(frozen=True)
class LocalRun:
    """Stages (Candid records, with the variables that they share) and a commit (a Candid Source),
    to be performed in `folder`, which holds the artifacts afterwards.

    `find_runtime` is asked once a stage, with its record; `output` gets what they print.
    `packages` keeps what fetch stages bring. `secrets` are the values that stages may list.
    `results` has what stages with a cache may use again, and gets what they make; without it they
    are built.
    `attend` is asked, with the stage's name, to be in the sandbox of a stage that failed, and of
    each that was asked for by its name; see `Plan`.
    """

    stages: Sequence[Mapping[str, Any]]
    environment: Sequence[Mapping[str, Any]]
    source: Mapping[str, Any]
    folder: Path
    sandbox: Sandbox
    find_runtime: Callable[[Mapping[str, Any]], Runtime]
    output: Callable[[bytes], None]
    allow_network: bool = False
    packages: "Packages | None" = None
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    attend: Callable[[str, str, Start], None] | None = None
    results: Results | None = None

    def perform(self, wanted: Sequence[str] = ()) -> Iterator[LocalStage]:
        """Perform the `wanted` stages (all when empty) and those before them, one after the other.

        Ends after a stage that failed. Raises LocalProblem when there is no such stage or this
        machine cannot perform one, and RuntimeUnavailable when it lacks a stage's tools.
        """
        stages = ordered(self.stages, wanted)
        for stage in stages:
            if stage["resources"]["network"] and not self.allow_network:
                raise LocalProblem(
                    f"the stage {stage['name']} asks for the network: --allow-network gives it "
                    "this machine's"
                )
            for name in stage["secrets"] or ():
                if name not in self.secrets:
                    raise LocalProblem(
                        f"the stage {stage['name']} lists the secret {name}: give it with "
                        f"--secret {name}=@FILE or as the variable DCANARY_SECRET_{name}"
                    )
        done: dict[str, LocalStage] = {}
        for stage in stages:
            ended = self._perform(stage, done, stage["name"] in wanted)
            done[ended.name] = ended
            yield ended
            if not ended.succeeded:
                return

    def _perform(
        self, stage: Mapping[str, Any], done: Mapping[str, LocalStage], is_named: bool
    ) -> LocalStage:
        name = stage["name"]
        fetch = stage["fetch"] is not None
        runtime = FETCH if fetch else self.find_runtime(stage)
        earlier = [done[each["name"]] for each in ordered(self.stages, [name])[:-1]]
        folder = self.folder / name
        folder.mkdir(parents=True)
        log, news = LogBuffer((), _MAX_LOG_BYTES), threading.Event()
        kind: Callable[..., Build] = FetchBuild if fetch else Build
        if stage["cache"] is not None:
            # Each folder and branch has results of its own, as a repository and its refs have.
            origin = Origin("local", self.source["clone_url"], self.source["ref"])
            kind = partial(CachedBuild, results=self.results, origin=origin, called="result")
        # What a person is to look at is the first failure.
        tried = stage if self.attend is None else {**stage, "retries": 0, "retry_causes": None}
        attendance = Attendance()
        build = kind(
            work={
                "stage": tried,
                "source": self.source,
                "environment": [*self.environment, *stage["environment"]],
            },
            inputs=lambda _: _inputs(earlier),
            packages=self.packages,
            needed=[
                Needed(each.name, each.fetch, each.files[0].sha256)
                for each in earlier
                if each.fetch is not None
            ],
            runtime=runtime,
            sandbox=self.sandbox,
            checkout_limits=LOCAL_CHECKOUT,
            folder=folder,
            log=log,
            ended=news.set,
            attend=None if self.attend is None else attendance.ask,
            secrets=lambda: Secrets({each: self.secrets[each] for each in stage["secrets"] or ()}),
        )

        def attend(how: str, start: Start) -> None:
            if self.attend is not None and (how or is_named):
                self._pass_on(log)
                self.attend(name, how, start)

        build.start()
        try:
            while not build.wait(_TICK_SECONDS):
                self._pass_on(log)
                attendance.grant(attend)
        except BaseException:
            # Ctrl-C: what the stage runs must not live on.
            build.cancel()
            build.wait(60)
            raise
        self._pass_on(log)
        report = build.report
        assert report is not None
        if report.error:
            problem = LocalWeather if report.cause == "Weather" else LocalProblem
            raise problem(f"the stage {name}: {report.error}")
        self._keep(name, report, build.files_folder)
        for rest in folder.iterdir():
            if rest != build.files_folder:
                shutil.rmtree(rest) if rest.is_dir() else rest.unlink()
        return LocalStage(name, build.runtime.digest, report, build.files_folder, stage["fetch"])

    def _keep(self, stage: str, report: BuildReport, files: Path) -> None:
        """Keep what was built now for later runs. It is believed without a vote: all that it was
        made from, the machine too, is this person's."""
        found = report.reusable
        if self.results is None or found is None or found.reused:
            return
        made = Result(
            found.key,
            f"commit-{self.source['sha'][:12]}",
            stage,
            found.repository,
            found.ref,
            report.files,
            report.tests,
            time.time(),
        )

        def say(line: str) -> None:
            self.output(f"[dcanary] {line}\n".encode(errors="backslashreplace"))

        self.results.keep(made, lambda sha256: files / sha256, say)

    def _pass_on(self, log: LogBuffer) -> None:
        while piece := log.peek(_PIECE_BYTES):
            self.output(piece)
            log.sent(len(piece))


def ordered(stages: Sequence[Mapping[str, Any]], wanted: Sequence[str]) -> list[Mapping[str, Any]]:
    """The wanted stages (all when empty) with all that they depend on, each after its own.

    Raises LocalProblem for a name that no stage has.
    """
    known = {stage["name"]: stage for stage in stages}
    for name in wanted:
        if name not in known:
            raise LocalProblem(f"there is no stage {name}: use one of {', '.join(known)}")
    placed: dict[str, Mapping[str, Any]] = {}

    def place(name: str) -> None:
        if name not in placed:
            for earlier in known[name]["depends_on"]:
                place(earlier)
            placed[name] = known[name]

    for name in wanted or known:
        place(name)
    return list(placed.values())


def _inputs(earlier: Sequence[LocalStage]) -> list[Entry]:
    """The files of earlier stages as a checkout's entries; of one path, the later stage's."""
    found = {
        file.path: Entry(file.path, "100644", OnDisk(stage.open_file(file), file.size))
        for stage in earlier
        if stage.fetch is None
        for file in stage.files
    }
    return list(found.values())
