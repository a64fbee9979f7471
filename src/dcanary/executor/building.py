"""One build, in a thread of its own, so that heartbeats and reveals go on meanwhile."""

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dcanary.client.errors import (
    CertificateError,
    ClientError,
    ClockError,
    NetworkError,
    OtherVersion,
)
from dcanary.executor.attestation import CommitDescription
from dcanary.executor.cache.key import Reusable
from dcanary.executor.cancellation import Cancellation
from dcanary.executor.causes import Cause, attested_reason, cause_of
from dcanary.executor.checkout import Checkout, CheckoutLimits, Credential, check_out
from dcanary.executor.logs import LogBuffer
from dcanary.executor.manifest import ManifestFile, check_leaks, collect_artifacts
from dcanary.executor.needed import Given, Needed, reading
from dcanary.executor.received import Received
from dcanary.executor.reports import TestReport, read_report
from dcanary.executor.runtimes import Runtime
from dcanary.executor.sandbox.model import (
    COMMAND,
    PACKAGES,
    TIME_LIMIT,
    Attend,
    Bind,
    Limits,
    Plan,
    Sandbox,
    StageResult,
)
from dcanary.executor.sandbox.unsandboxed import UnsandboxedRunner
from dcanary.executor.secrets import Secrets
from dcanary.executor.source import (
    Entry,
    SourceFailure,
    SourceUnable,
    SourceUnavailable,
    write_source,
)

if TYPE_CHECKING:
    from dcanary.executor.packages import Packages

MAX_FILE_BYTES = 100 * 1024 * 1024
AGAIN = ", tried again"
"""At the end of a phase while a server does not answer: who watches knows that it is waited for."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 8.0
T = TypeVar("T")


@dataclass
class BuildReport:
    """How a build ended. With `error` or `cancelled` there is nothing to attest to.

    `cause` says what kind of error it was. `commit` is known when the commit could be read.
    `reusable` says under which key the result may be kept once it is agreed on, and of
    which run it is when nothing was built.
    What was used is of all tries together; None: not measured.
    """

    reason: str = ""
    commit: CommitDescription | None = None
    files: tuple[ManifestFile, ...] = ()
    tests: TestReport | None = None
    wall_ns: int = 0
    peak_memory_bytes: int = 0
    cpu_ns: int | None = None
    storage_bytes: int | None = None
    fetched_bytes: int = 0
    cancelled: bool = False
    error: str = ""
    cause: Cause = "Weather"
    reusable: Reusable | None = None


@dataclass
class Build:
    """A leased job with all that is needed to perform it. `folder` is scratch for it alone.

    `inputs` gets the files of earlier stages, given a folder for them; `needed` are packages of
    earlier fetch stages, which `packages` has or fetches. `ended` is called at the end, by the
    build's thread.
    After `wait` returns true, `report` is set; on success the artifacts are in `files_folder`.
    `attend` is that of the `Plan`. `kept` gets the files of earlier stages that stay with
    executors, asking servers again until a time of the monotonic clock. `secrets` gets what the
    stage is given and what the repository is cloned with. `received` counts what comes over the
    network. `phase` is what is being done now.
    For `patience_seconds` in all, servers that do not answer are asked again.
    """

    work: Mapping[str, Any]
    inputs: Callable[[Path], Sequence[Entry]]
    runtime: Runtime
    sandbox: Sandbox
    checkout_limits: CheckoutLimits
    folder: Path
    log: LogBuffer
    patience_seconds: float = 0.0
    ended: Callable[[], None] = lambda: None
    packages: "Packages | None" = None
    needed: Sequence[Needed] = ()
    attend: Attend | None = None
    kept: Callable[["Build", float], Sequence[Entry]] = lambda *_: ()
    secrets: Callable[[], Secrets] = Secrets
    received: Received = field(default_factory=Received)
    phase: str = "inputs"
    report: BuildReport | None = None
    _given: Secrets = field(default_factory=Secrets, repr=False)
    _commit: CommitDescription | None = None
    _tests: TestReport | None = None
    _lease_end: float = 0.0
    cancelled: Cancellation = field(default_factory=Cancellation)
    _thread: threading.Thread | None = None

    @property
    def files_folder(self) -> Path:
        return self.folder / "files"

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="build", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Whether the build has ended, waiting at most so long for it."""
        assert self._thread is not None
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def cancel(self) -> None:
        """Ask the build to end soon."""
        self.cancelled.set()

    @property
    def credential(self) -> Credential | None:
        """What the repository is cloned with."""
        return self._given.credential

    def _run(self) -> None:
        try:
            self.report = self.perform(time.monotonic() + self.patience_seconds)
        except SourceFailure as error:
            # Not masked: it is the same for all operators, of whom some may be given no secret.
            reason = attested_reason(error)
            self.say(f"failed: {reason}")
            self.report = BuildReport(reason=reason, commit=self._commit)
        except Exception as error:
            # The executor must live on whatever a build does to this thread.
            cause, said = cause_of(error)
            self.report = BuildReport(error=self.log.masked(said), cause=cause)
        if self.cancelled.is_set():
            self.report.cancelled = True
        self.report.fetched_bytes = self.received.total
        self.log.close()
        self.ended()

    def perform(self, patience: float) -> BuildReport:
        """Do the work in this thread. Raises SourceFailure, and whatever is in the way.

        Until `patience`, a time of the monotonic clock, servers are asked again.
        """
        # While the chain is away nothing can be given back, and a lease that runs out meanwhile is
        # restored to who comes back within the stage's timeout.
        stage = self.work["stage"]
        timeouts = 1 + retry_times(stage).get(TIME_LIMIT, 0)
        self._lease_end = time.monotonic() + timeouts * stage["resources"]["timeout_seconds"]
        self._given = self._patiently(self.secrets, patience)
        self.log.add_secrets(self._given.all_bytes())
        inputs = self._patiently(lambda: self.inputs(self.folder), patience)
        self.phase = "checkout"
        checkout = self._patiently(self._check_out, patience)
        self.received.add(checkout.fetched_bytes)
        self._commit = CommitDescription(checkout.commit.author, checkout.commit.message)
        inputs = (*inputs, *self.kept(self, patience))
        return self._work(checkout, inputs, patience)

    def _work(self, checkout: Checkout, inputs: Sequence[Entry], patience: float) -> BuildReport:
        """What the job is about, when the commit and the files of earlier stages are there.

        Until `patience`, a time of the monotonic clock, servers are asked again.
        """
        source = self.work["source"]
        entries, time_ = self._seen(checkout)
        tree = self.folder / "source.tar"
        write_source((*entries, *inputs), time_, tree)
        self._have_tools(checkout)
        with contextlib.ExitStack() as held:
            if self.needed:
                self.phase = "packages"
            given = self._patiently(lambda: self._packages(checkout, held), patience)
            self.say(f"commit {source['sha']}, runtime {self.runtime.name}, {self.sandbox.name}")
            held.enter_context(self.runtime.hold())
            plan = self._plan(tree, time_, given)
            results = self._tries(plan)
        result = results[-1]
        return BuildReport(
            reason=result.reason,
            commit=self._commit,
            files=tuple(self._files) if result.succeeded else (),
            tests=self._tests,
            wall_ns=sum(each.wall_ns for each in results),
            peak_memory_bytes=max(each.peak_memory_bytes for each in results),
            cpu_ns=sum(each.cpu_ns for each in results),
            storage_bytes=max(each.storage_bytes for each in results),
            cancelled=result.cancelled,
        )

    def _tries(self, plan: Plan) -> list[StageResult]:
        """Run the commands, and again after the ends for which the stage says so."""
        times = retry_times(self.work["stage"])
        results = [self._attempt(plan)]
        tried: Counter[str] = Counter()
        while not results[-1].cancelled and tried[results[-1].reason] < times.get(
            results[-1].reason, 0
        ):
            reason = results[-1].reason
            tried[reason] += 1
            after = "" if reason == COMMAND else f" after {reason}"
            self.say(f"retry {tried[reason]} of {times[reason]}{after}")
            results.append(self._attempt(plan))
        return results

    def _seen(self, checkout: Checkout) -> tuple[Sequence[Entry], int]:
        """The files of the commit that the stage sees, and the commit's time as it is told."""
        return checkout.entries, checkout.commit.time

    def _have_tools(self, checkout: Checkout) -> None:
        """Build the image that the stage asks for, when it is not here yet."""
        if self.runtime.prepare is not None:
            self.phase = "image"
            self.runtime = self.runtime.prepare(self.say, reading(checkout.entries))

    def _packages(self, checkout: Checkout, held: contextlib.ExitStack) -> Given | None:
        """The packages of earlier fetch stages, until `held` ends; None where there are none."""
        if not self.needed:
            return None
        if self.packages is None:
            raise SourceUnable("this executor keeps no packages")
        read, scratch = reading(checkout.entries), self.folder / "packages"
        return held.enter_context(
            self.packages.given(self.needed, read, scratch, self.say, self.cancelled, self.received)
        )

    def _check_out(self) -> Checkout:
        source = self.work["source"]
        return check_out(
            source["clone_url"],
            source["ref"],
            source["sha"],
            self.folder / "clone",
            self.checkout_limits,
            self.cancelled.is_set,
            self._given.credential,
        )

    def _patiently(self, step: Callable[[], T], until: float) -> T:
        """Do a step that needs servers; again, after growing pauses, while they do not answer."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                done = step()
                self.phase = self.phase.removesuffix(AGAIN)
                return done
            except (SourceUnavailable, ClientError) as error:
                end = max(until, self._lease_end) if _chain_is_away(error) else until
                if self.cancelled.is_set() or time.monotonic() + pause > end:
                    raise
                self.say(f"{error}; trying again in about {pause:.0f} s")
                self.phase = self.phase.removesuffix(AGAIN) + AGAIN
                # Executors whose server comes back should not all ask it in the same moment.
                self.cancelled.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _attempt(self, plan: Plan) -> StageResult:
        stage = self.work["stage"]
        self._files: list[ManifestFile] = []
        self._tests = None
        self.phase = "stage"

        def collect(source: int) -> None:
            self.phase = "collecting"
            self._files = collect_artifacts(
                source, stage["artifacts"], self.files_folder, MAX_FILE_BYTES
            )
            self._read_tests(source)
            check_leaks(self._files, self.files_folder, self._given.values)

        result = self.sandbox.run(
            plan, job_limits(stage["resources"]), self.log.write, self.cancelled.is_set, collect
        )
        ended = "succeeded" if result.succeeded else f"failed: {result.reason}: {result.detail}"
        self.say("cancelled" if result.cancelled else ended)
        return result

    def _read_tests(self, source: int) -> None:
        reports = self.work["stage"].get("reports")
        if reports is not None:
            # Names are attested to, and the same for all operators that have the same secrets.
            self._tests = read_report(source, reports["tests"], self.log.masked)
            self.say(self._tests.sentence())

    def _plan(self, tree: Path, commit_time: int, packages: Given | None) -> Plan:
        stage = self.work["stage"]
        binds, found = self.runtime.binds, {}
        if packages is not None and isinstance(self.sandbox, UnsandboxedRunner):
            found = packages.environment(str(packages.folder))
        elif packages is not None:
            binds = (*binds, Bind(packages.folder, PACKAGES))
            found = packages.environment(PACKAGES)
        given = {each["name"]: each["value"] for each in self.work["environment"]}
        fixed = {"SOURCE_DATE_EPOCH": str(commit_time), "CI": "true"}
        return Plan(
            commands=tuple(stage["commands"]),
            source=tree,
            environment={**given, **self.runtime.environment, **found, **fixed},
            binds=binds,
            program_path=self.runtime.program_path,
            root=self.runtime.root,
            network=bool(stage["resources"]["network"]),
            inspect=self._read_tests,
            attend=self.attend,
            secrets={name: value.decode() for name, value in self._given.values.items()},
        )

    def say(self, line: str) -> None:
        """Write a line of the executor's own into the log."""
        self.log.write(f"[dcanary] {line}\n".encode(errors="backslashreplace"))


def retry_times(stage: Mapping[str, Any]) -> dict[str, int]:
    """How often the commands of a Stage record are tried again, by the reason of their end."""
    causes = stage["retry_causes"]
    if causes is None:
        # Only commands fail by chance on every machine; a limit that was hit once is mostly hit
        # again.
        return {COMMAND: stage["retries"]}
    return {each["cause"]: each["times"] for each in causes}


def _chain_is_away(error: Exception) -> bool:
    lasting = (CertificateError, ClockError, OtherVersion)
    return isinstance(error, NetworkError) and not isinstance(error, lasting)


def job_limits(resources: Mapping[str, Any]) -> Limits:
    """Limits of a job from a stage's Resources record."""
    return Limits(
        memory_bytes=int(resources["memory_bytes"]),
        storage_bytes=int(resources["storage_bytes"]),
        output_bytes=int(resources["output_bytes"]),
        processes=int(resources["processes"]),
        timeout_seconds=float(resources["timeout_seconds"]),
    )
