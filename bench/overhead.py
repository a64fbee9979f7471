"""`python -m bench.overhead FOLDER --plain COMMAND`: a build by DCanary beside the plain tool.

DCanary's side is `dcanary run local`: start, checkout, packages, image, sandbox, manifest. The
plain side is the command that a person types in the folder. Both start from a copy of the folder.
"warm" is the least of several builds in turn, "cold" (with --cold) the first one of each, with
empty caches. All by the clock.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Ratio
from bench.report import ratio_lines
from dcanary.image.store import Image

SHARE, SECONDS = 0.15, 2.0
"""What DCanary may add: this share of the plain tool's time, and seconds."""
BUILDS = 3
LOCAL = (sys.executable, "-m", "dcanary", "run", "local")
IDENTITY = {
    "GIT_AUTHOR_NAME": "bench",
    "GIT_AUTHOR_EMAIL": "bench@example.org",
    "GIT_COMMITTER_NAME": "bench",
    "GIT_COMMITTER_EMAIL": "bench@example.org",
}


class BuildFailed(Exception):
    """A build that is measured did not succeed; the text is for people."""


@dataclass(frozen=True, slots=True)
class Overhead:
    """Seconds of one build by DCanary and by the plain tool."""

    kind: str
    dcanary: float
    plain: float

    @property
    def allowed(self) -> float:
        """Seconds that DCanary may take."""
        return (1 + SHARE) * self.plain + SECONDS

    def ratio(self, name: str) -> Ratio:
        """Above 1: DCanary adds more than it may."""
        return Ratio(
            f"overhead_{self.kind}",
            f"{self.kind} build of {name} by dcanary run local",
            self.dcanary / self.allowed,
            f"the plain tool's time, {SHARE:.0%} and {SECONDS:.0f} s more",
            f"{self.dcanary:.1f} s to {self.plain:.1f} s of the plain tool",
        )


def measure(
    folder: Path, plain: str, cold: bool = False, builds: int = BUILDS, within: Image | None = None
) -> list[Overhead]:
    """Build the project of a folder with a dcanary.yml. Raises BuildFailed.

    `plain` runs on this machine, or with the tools of the image `within`: a stage in an
    image has tools of its own, of other versions than this machine's.
    """
    with tempfile.TemporaryDirectory(prefix="dcanary-bench-") as name:
        work = Path(name)
        source = _commit(folder, work / "source")

        def both(number: int, environment: Mapping[str, str]) -> tuple[float, float]:
            copy = work / f"plain-{number}"
            shutil.copytree(source, copy, symlinks=True)
            return (
                _seconds(LOCAL, source, environment),
                _seconds(_plain(plain, copy, within), copy, environment),
            )

        found = []
        if cold:
            empty = {"XDG_CACHE_HOME": str(work / "cache"), "npm_config_cache": str(work / "npm")}
            found.append(Overhead("cold", *both(0, {**os.environ, **empty})))
        both(1, os.environ)  # fills the caches of both
        pairs = [both(2 + number, os.environ) for number in range(builds)]
        least = (min(one for one, _ in pairs), min(other for _, other in pairs))
        return [*found, Overhead("warm", *least)]


def _plain(command: str, folder: Path, within: Image | None) -> list[str]:
    shell = ["sh", "-ec", command]
    if within is None:
        return shell
    binds: list[str] = []
    for each in sorted(within.root.iterdir()):
        if each.is_symlink():
            binds += ["--symlink", str(each.readlink()), f"/{each.name}"]
        elif each.name not in ("dev", "proc", "tmp"):
            binds += ["--ro-bind", str(each), f"/{each.name}"]
    own = ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
    for name, value in {"HOME": "/tmp", "PATH": within.program_path, **within.environment}.items():
        own += ["--setenv", name, value]
    return ["bwrap", *binds, *own, "--bind", str(folder), "/src", "--chdir", "/src", *shell]


def _commit(folder: Path, into: Path) -> Path:
    """Copy what Git would take of the folder, as one commit of a repository of its own."""
    shutil.copytree(folder, into, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "bench"]):
        _seconds(["git", *command], into, {**os.environ, **IDENTITY})
    return into


def _seconds(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> float:
    begun = time.monotonic()
    done = subprocess.run(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    seconds = time.monotonic() - begun
    if done.returncode != 0:
        last = "\n".join(done.stdout.splitlines()[-15:])
        raise BuildFailed(f"{' '.join(command)} ended with {done.returncode}:\n{last}")
    return seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the ratios; the exit code is 1 when a build failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.overhead", description=__doc__)
    parser.add_argument("folder", type=Path, help="a project with a dcanary.yml")
    parser.add_argument(
        "--plain", required=True, metavar="COMMAND", help="what a person would type"
    )
    parser.add_argument("--cold", action="store_true", help="measure with empty caches too")
    options = parser.parse_args(arguments)
    if not (options.folder / "dcanary.yml").is_file():
        parser.error(f"there is no dcanary.yml in {options.folder}")
    try:
        found = measure(options.folder, options.plain, options.cold)
    except BuildFailed as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    name = options.folder.resolve().name
    print("\n".join(ratio_lines([one.ratio(name) for one in found])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
