"""A fetch stage: the executor itself downloads what lock files pin; no code of the commit runs."""

import time
from collections.abc import Sequence

from dcanary.client.types.build_executor import InputArtifact
from dcanary.executor.building import MAX_FILE_BYTES, Build, BuildReport
from dcanary.executor.checkout import Checkout
from dcanary.executor.manifest import ManifestFile
from dcanary.executor.needed import FetchFailure, Needed, reading
from dcanary.executor.runtimes import Runtime, fixed_environment
from dcanary.executor.source import Entry, SourceUnable
from dcanary.fetch.layout.kinds import LAYOUTS_VERSION

# What operators must have in common to agree on packages: how they are laid out, and nothing of the
# machine, for no tool of it takes part.
FETCH = Runtime("fetch", fixed_environment("fetch", {"layouts": str(LAYOUTS_VERSION)}))


def manifest_name(stage: str) -> str:
    """The one artifact of a fetch stage. Its sha256 is the digest of the packages."""
    return f"{stage}.manifest"


def needed_packages(inputs: Sequence[InputArtifact]) -> list[Needed]:
    """The packages that a job finds."""
    return [
        Needed(each["stage"], each["fetch"], each["file"]["sha256"])
        for each in inputs
        if each["fetch"] is not None
    ]


class FetchBuild(Build):
    """See `Build`. Its artifact is the manifest of the packages, which stay with the executor."""

    def _work(self, checkout: Checkout, inputs: Sequence[Entry], patience: float) -> BuildReport:
        stage, packages = self.work["stage"], self.packages
        if packages is None:
            raise SourceUnable("this executor keeps no packages")
        self.phase = "fetch"
        self.say(f"commit {self.work['source']['sha']}, {', '.join(stage['fetch']['locks'])}")
        began = time.monotonic_ns()
        read = reading(checkout.entries)
        manifest = self._patiently(
            lambda: packages.bring(stage["fetch"], read, self.say, self.cancelled, self.received),
            patience,
        )
        content = manifest.text.encode()
        if len(content) > MAX_FILE_BYTES:
            raise FetchFailure(
                f"the manifest has {len(content)} bytes: at most {MAX_FILE_BYTES}: split the stage"
            )
        file = ManifestFile(manifest_name(stage["name"]), len(content), manifest.digest)
        self.files_folder.mkdir(parents=True)
        (self.files_folder / file.sha256).write_bytes(content)
        # Memory and CPU time are the executor's own, which serves other jobs beside.
        return BuildReport(
            commit=self._commit,
            files=(file,),
            wall_ns=time.monotonic_ns() - began,
            storage_bytes=manifest.size,
        )
