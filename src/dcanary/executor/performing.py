"""One leased job in one of the executor's slots: a build, or an upload of agreed files."""

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from dcanary.client.errors import RefusedError
from dcanary.client.types.build_executor import BuildWork, InputArtifact, Stage, UploadWork
from dcanary.executor.building import Build, BuildReport
from dcanary.executor.cache.building import CachedBuild
from dcanary.executor.cache.key import Origin
from dcanary.executor.cache.results import Results
from dcanary.executor.chain import Chain
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.fetching import FetchBuild, needed_packages
from dcanary.executor.keeper import Keeper
from dcanary.executor.kept import KeptFiles, Rebuilder
from dcanary.executor.logs import LogBuffer
from dcanary.executor.packages import Packages
from dcanary.executor.received import Received
from dcanary.executor.runtimes import Runtime
from dcanary.executor.secrets import take_secrets
from dcanary.executor.source import Entry
from dcanary.executor.state import State
from dcanary.executor.thread_slot import ThreadSlot
from dcanary.executor.transfer import fetch_inputs, upload_files
from dcanary.executor.whole_logs import WholeLog

MAX_LOG_BYTES = 1024 * 1024


class Slot(Protocol):
    """What occupies a slot."""

    @property
    def job(self) -> str:
        """Its name."""
        ...

    def wait(self, seconds: float) -> bool:
        """Whether its work has ended, waiting at most so long for it."""
        ...

    def cancel(self) -> None:
        """Ask it to end soon."""
        ...

    def close(self) -> None:
        """Give back all that it holds. Its work has ended."""
        ...


class BuildSlot:
    """A build with the thread that keeps its lease. `ended` is called when something changes."""

    def __init__(
        self,
        chain: Chain,
        work: BuildWork,
        runtime: Runtime,
        packages: Packages,
        results: Results,
        kept: KeptFiles,
        runtime_of: Callable[[Stage], Runtime],
        config: ExecutorConfig,
        folder: Path,
        ended: Callable[[], None],
    ) -> None:
        self.work, self.runtime, self.concluded = work, runtime, False
        self._folder = folder
        self._files_chain = chain.another()
        # Canisters of before 0.2.0 do not say.
        room = min(MAX_LOG_BYTES, work["log_room"] or MAX_LOG_BYTES)
        self.whole_log = WholeLog(folder / "log")
        log = LogBuffer(config.secrets, room, self.whole_log)
        self._received = Received()
        self.build = _kind(work, results, self._files_chain.installation)(
            work,
            lambda folder: self._fetch(work["inputs"], folder),
            runtime,
            config.sandbox,
            config.checkout,
            folder,
            log,
            config.patience_seconds,
            ended,
            packages,
            needed_packages(work["inputs"]),
            kept=Rebuilder(kept, runtime_of, self._fetch).bring,
            secrets=lambda: take_secrets(self._files_chain, work, config.secret_key),
            received=self._received,
        )
        self._keeper = Keeper(
            chain.another(), work, log, config, lambda: self.build.phase, self.build.cancel
        )

    def _fetch(self, inputs: Sequence[InputArtifact], folder: Path) -> list[Entry]:
        run, received = self.work["run"], self._received
        return fetch_inputs(self._files_chain, run, inputs, folder, received)

    @property
    def job(self) -> str:
        """See `Slot.job`."""
        return self.work["job"]

    @property
    def why_over(self) -> str:
        """Why the lease is no longer held; empty while it is."""
        return self._keeper.why_over

    @property
    def report(self) -> BuildReport:
        """How the build ended."""
        assert self.build.report is not None
        return self.build.report

    def start(self) -> None:
        """Begin."""
        self._keeper.start()
        self.build.start()

    def wait(self, seconds: float) -> bool:
        """See `Slot.wait`."""
        return self.build.wait(seconds)

    def cancel(self) -> None:
        """See `Slot.cancel`."""
        self.build.cancel()

    def send_log(self) -> None:
        """Send what is left of the log. What cannot be sent is lost: the vote matters more."""
        self._keeper.flush()

    def close(self) -> None:
        """See `Slot.close`."""
        self._keeper.end()
        self._files_chain.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _kind(work: BuildWork, results: Results, installation: str) -> Callable[..., Build]:
    """What performs a job of this kind of stage."""
    stage, source = work["stage"], work["source"]
    if stage["fetch"] is not None:
        return FetchBuild
    if stage["cache"] is None:
        return Build
    origin = Origin(installation, source["repository"], source["ref"])
    return partial(CachedBuild, results=results, origin=origin)


class UploadSlot(ThreadSlot):
    """An upload. The canister keeps what was sent, and asks for the rest when the lease has run
    out: the files stay."""

    def __init__(
        self,
        chain: Chain,
        work: UploadWork,
        state: State,
        config: ExecutorConfig,
        ended: Callable[[], None],
    ) -> None:
        super().__init__(chain, work["job"], config, ended, "the upload broke off")
        self._work, self._state = work, state

    def perform(self) -> None:
        """Send the files, in this thread. Raises ClientError when the chain does not answer."""
        held = self._state.get(self.job)
        if held is None:
            self._config.report(f"{self.job}: asked for files that are not here any more")
            return
        self._config.report(f"{held.job}: uploading {len(self._work['files'])} files")
        try:
            upload_files(self._chain, self._work, self._state, self._ending)
        except (RefusedError, FileNotFoundError) as error:
            self._config.report(f"{held.job}: the upload is refused: {error}")
            return
        self._state.forget(held.job)
        self._config.report(f"{held.job}: uploaded")
