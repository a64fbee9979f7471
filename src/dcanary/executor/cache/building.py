"""A build of a stage with a cache: its own earlier agreed result, or what a build makes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dcanary.executor.building import Build, BuildReport
from dcanary.executor.cache.inputs import COMMIT_TIME, declared
from dcanary.executor.cache.key import Origin, Reusable, result_key
from dcanary.executor.cache.results import Results
from dcanary.executor.checkout import Checkout
from dcanary.executor.sandbox.unsandboxed import UnsandboxedRunner
from dcanary.executor.source import Entry


@dataclass
class CachedBuild(Build):
    """See `Build`. The stage sees the files of the commit that its cache declares, and no others.

    Without `results`, which has what was kept for `origin`, it is always built. `called` is what
    those results are, for the log: where no vote was taken they are not agreed on.
    """

    results: Results | None = None
    origin: Origin | None = None
    called: str = "agreed result"

    def _work(self, checkout: Checkout, inputs: Sequence[Entry], patience: float) -> BuildReport:
        began = time.monotonic_ns()
        entries, _ = self._seen(checkout)
        self._have_tools(checkout)
        found = self._reusable((*entries, *inputs))
        if found is not None:
            self.phase = "cache"
            reused = self._reused(found, began)
            if reused is not None:
                return reused
        report = super()._work(checkout, inputs, patience)
        if not report.reason:
            report.reusable = found
        return report

    def _seen(self, checkout: Checkout) -> tuple[Sequence[Entry], int]:
        return declared(checkout.entries, self.work["stage"]), COMMIT_TIME

    def _reusable(self, files: Sequence[Entry]) -> Reusable | None:
        """What the result is kept under; None when none may be used."""
        origin = self.origin
        if self.results is None or origin is None:
            return None
        if isinstance(self.sandbox, UnsandboxedRunner):
            # It can read all of this machine, so that no key says what its result depends on, and
            # write where results are kept.
            self.say("without a sandbox no earlier result is used")
            return None
        if self._given.values:
            # `pipeline_config` refuses such stages; a result must not depend on who has a secret.
            return None
        key = result_key(
            origin,
            self.work["stage"],
            self.work["environment"],
            self.runtime.digest,
            self.sandbox.name,
            files,
            self.needed,
        )
        return Reusable(key, origin.repository, origin.ref)

    def _reused(self, wanted: Reusable, began: int) -> BuildReport | None:
        assert self.results is not None
        found = self.results.take(wanted.key, self.files_folder, self.say)
        if found is None:
            self.say(f"no {self.called} of the same inputs is kept here: building")
            return None
        self.say(
            f"the inputs are those of {found.run}: its {self.called} is used again, "
            f"{len(found.files)} files of {found.size:,} bytes were hashed anew"
        )
        if found.tests is not None:
            self.say(f"in {found.run}: {found.tests.sentence()}")
        return BuildReport(
            commit=self._commit,
            files=found.files,
            tests=found.tests,
            wall_ns=time.monotonic_ns() - began,
            reusable=replace(wanted, reused=found.run),
        )
