"""What a sandbox is asked to run, and what it answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

# Where things are inside, the same on every machine, so that builds do not depend on the host.
BUILD = "/build"
SOURCE = f"{BUILD}/source"
HOME = f"{BUILD}/home"
TEMPORARY = f"{BUILD}/tmp"  # noqa: S108
# Packages of fetch stages. Not below SOURCE: a stage may remove, move and search all that is there.
# No folder of an image holds it, because where that is read-only no place for it could be made.
PACKAGES = "/packages"

COMMAND = "command"
TIME_LIMIT = "time_limit"
MEMORY_LIMIT = "memory_limit"
STORAGE_LIMIT = "storage_limit"
OUTPUT_LIMIT = "output_limit"
PROCESS_LIMIT = "process_limit"
ARTIFACT = "artifact"
REASONS = (
    COMMAND,
    TIME_LIMIT,
    MEMORY_LIMIT,
    STORAGE_LIMIT,
    OUTPUT_LIMIT,
    PROCESS_LIMIT,
    ARTIFACT,
)


class SandboxError(Exception):
    """The sandbox itself could not be set up: nothing is known about the stage."""


class ArtifactError(Exception):
    """A declared artifact is missing or is not an acceptable file. Fails the stage."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one job: bytes, seconds, and a count of processes and threads together."""

    memory_bytes: int
    storage_bytes: int
    output_bytes: int
    processes: int
    timeout_seconds: float


@dataclass(frozen=True)
class Bind:
    """A file or folder of the host, seen read-only at `inside`."""

    host: Path
    inside: str


@dataclass(frozen=True)
class Plan:
    """One job: commands, each run by its own `/bin/sh -e -c` in SOURCE, one after the other.

    `source` is a tar file that is unpacked in SOURCE first. `program_path` is the PATH inside.
    `root` is the folder of an image, whose file system the commands see instead of the host's.
    `inspect` gets a descriptor of SOURCE when a command has failed: what it left may say why.
    `attend` is called with how the stage ended, empty for well, and with what runs a shell for a
    person there, on a terminal whose descriptor it is given, until the person leaves.
    `secrets` are variables that nobody else on the machine may read, on no command line.
    """

    commands: Sequence[str]
    source: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    binds: Sequence[Bind] = ()
    program_path: str = "/usr/bin:/bin"
    network: bool = False
    root: Path | None = None
    inspect: "Collect | None" = None
    attend: "Attend | None" = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class StageResult:
    """How a job ended, and what it used. `reason` is empty after success, else one of REASONS."""

    reason: str
    detail: str
    wall_ns: int
    peak_memory_bytes: int
    output_bytes: int
    cancelled: bool = False
    cpu_ns: int = 0
    storage_bytes: int = 0

    @property
    def succeeded(self) -> bool:
        return not self.reason and not self.cancelled


Output = Callable[[bytes], None]
Stop = Callable[[], bool]
Collect = Callable[[int], None]
Attend = Callable[[str, Callable[[int], None]], None]


class Sandbox(Protocol):
    """Runs a stage in the calling thread. Several threads may use one."""

    name: str

    def run(
        self, plan: Plan, limits: Limits, output: Output, stop: Stop, collect: Collect
    ) -> StageResult:
        """Run the commands.

        `output` gets what they print, at most `limits.output_bytes`; `stop` is asked often and
        ends the job when true; `collect` gets a descriptor of the SOURCE folder after success and
        may raise ArtifactError. Raises SandboxError when the sandbox cannot be set up.
        """
        ...
