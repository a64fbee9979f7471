"""Reading which commit a ref of a repository names, beside the jobs in the executor's slots."""

import shutil
from collections.abc import Callable
from pathlib import Path

from dcanary.client.errors import RefusedError
from dcanary.client.types.build_executor import RefReading, ResolveWork
from dcanary.executor.causes import cause_of
from dcanary.executor.chain import Chain
from dcanary.executor.checkout import read_ref
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.secrets import take_credential
from dcanary.executor.thread_slot import ThreadSlot


class ResolveSlot(ThreadSlot):
    """A ref that is read and reported. Where that fails the canister asks again after a while."""

    def __init__(
        self,
        chain: Chain,
        work: ResolveWork,
        config: ExecutorConfig,
        folder: Path,
        ended: Callable[[], None],
    ) -> None:
        # A run has no jobs yet.
        super().__init__(chain, work["run"], config, ended, "what was read is not reported")
        self._work, self._folder = work, folder

    def close(self) -> None:
        """See `Slot.close`."""
        super().close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def perform(self) -> None:
        """Read and report, in this thread. Raises ClientError when the chain does not answer."""
        reading = self._read()
        if reading is None:
            return
        try:
            self._chain.report_ref(reading)
        except RefusedError as error:
            if error.kind not in ("Conflict", "NotFound"):
                raise
            # Others were faster, or the run has ended: there is nothing more to say.

    def _read(self) -> RefReading | None:
        """What is there; None when this executor ends."""
        work, config = self._work, self._config
        try:
            commit = read_ref(
                work["clone_url"],
                work["ref"],
                self._folder / "refs",
                config.checkout,
                self._ending.is_set,
                take_credential(self._chain, work, config.secret_key),
            )
        except Exception as error:
            if self._ending.is_set():
                return None
            _, said = cause_of(error)
            config.report(f"{self.job}: {work['ref']} cannot be read: {said}")
            return {"run": work["run"], "commit": None, "problem": said[:1_000]}
        config.report(f"{self.job}: {work['ref']} is {commit[:12] if commit else 'not there'}")
        return {"run": work["run"], "commit": commit, "problem": None}
