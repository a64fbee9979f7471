"""Running an executor: its key, its sandbox, its loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from dcanary import folders, lock_holder
from dcanary.cli.errors import UsageTrouble
from dcanary.cli.operations.processes import (
    Process,
    Processes,
    end,
    end_holder,
    runs_already,
)
from dcanary.cli.operations.sandboxing import require_sandbox
from dcanary.client.chain import SystemChain
from dcanary.client.errors import ClientError, ConfigError, RefusedError
from dcanary.client.identity import NAME, Identity, create_identity, load_identity
from dcanary.client.system import System, SystemConfig
from dcanary.client.transport import fetch_root_key
from dcanary.executor import standing
from dcanary.executor.cache.results import DEFAULT_BYTES, Results
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.executor import Executor
from dcanary.executor.images import ImageBuilder
from dcanary.executor.runtimes import RuntimeUnavailable, TemplateSource
from dcanary.executor.sandbox import WARNING, UnsandboxedRunner, close_process
from dcanary.executor.state import LOCK_FILE, StateError
from dcanary.image.machine import have_image
from dcanary.image.store import ImageStore
from dcanary.secrets.errors import SecretProblem
from dcanary.secrets.keys import secret_key
from dcanary.wasm import Template, ensure_template

POLL_SECONDS = 0.5
START_SECONDS = 180.0
"""Until an executor is up that has nothing to prepare, on a machine with other work."""

NOT_REGISTERED = "is not a registered executor: ask an admin to register it"
"""As the canister says it when it refuses the offer of one."""


def executor_identity(folder: Path, name: str) -> Identity:
    """The key of the executor NAME, made the first time. Raises ConfigError for what is no name."""
    if not NAME.fullmatch(name):
        # It is a folder's name here, and must not lead out of `folder`.
        raise ConfigError(f"{name!a} is not a name: use letters, digits, '.', '_' and '-'")
    path = folder / name / "key.pem"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return load_identity(path) if path.exists() else create_identity(path)


def names_here(folder: Path) -> dict[str, str]:
    """Principal -> name of the executors that have their keys below `folder`."""
    found = {}
    for path in sorted(folder.glob("*/key.pem")):
        try:
            found[load_identity(path).principal] = path.parent.name
        except ConfigError:  # Whoever starts it is told.
            continue
    return found


def require_network(installation: SystemConfig) -> None:
    """Raises NetworkError when the network of the installation does not answer now.

    An executor waits for a network that is away; whoever starts one in the background would wait
    with it.
    """
    fetch_root_key(installation.network.url)


@dataclass(frozen=True)
class Offering:
    """What the person who starts an executor lets it offer. See ExecutorConfig for the fields."""

    slots: int = 1
    memory_bytes: int | None = None
    allow_network: bool = False
    region: str = ""
    labels: tuple[str, ...] = ()
    build_images: bool = True
    cache_bytes: int | None = None

    def arguments(self) -> list[str]:
        """The options of `executor start` that say the same."""
        found = ["--slots", str(self.slots)]
        if self.memory_bytes is not None:
            found += ["--memory", f"{self.memory_bytes}B"]
        if self.allow_network:
            found.append("--allow-network")
        if self.region:
            found += ["--region", self.region]
        for label in self.labels:
            found += ["--label", label]
        if not self.build_images:
            found.append("--no-build-images")
        if self.cache_bytes is not None:
            found += ["--cache", f"{self.cache_bytes}B"]
        return found


def start_in_background(
    home: Path,
    name: str,
    processes: Processes,
    *,
    allow_unsandboxed: bool,
    offering: Offering = Offering(),
) -> Process:
    """Run the executor NAME detached; its output goes to its log. See `wait_until_up`.

    Raises ClientError when it runs already, in the background or elsewhere.
    """
    state = state_folder(home / "executors" / name)
    known = standing.owner(state)
    pid = known.pid if known is not None else lock_holder.holder(state / LOCK_FILE)
    if pid is not None:
        raise runs_already(name, pid)
    arguments = ["--home", str(home), "executor", "start", name, *offering.arguments()]
    if allow_unsandboxed:
        arguments.append("--allow-unsandboxed")
    return processes.spawn(name, arguments)


def wait_until_up(
    home: Path, process: Process, processes: Processes, progress: Callable[[str], None]
) -> None:
    """Return when a started executor has announced its first offer.

    What it prepares for minutes is told and waited for. Raises ClientError when it ends, when the
    canister takes no offer of it, or after START_SECONDS without that; it is stopped then. Trouble
    with the network is told and waited out until then.
    """
    deadline = time.monotonic() + START_SECONDS
    told = ""
    try:
        while True:
            now = standing.owner(state_folder(home / "executors" / process.name))
            if now is not None and now.pid == process.pid:
                if now.phase == "announced":
                    return
                if now.phase == "denied":
                    raise ClientError(f"{process.name} gets no work: {now.said}", _register_hint())
                if now.said and now.said != told:
                    told = now.said
                    progress(f"{process.name}: {told}")
                if now.phase == "preparing":
                    deadline = time.monotonic() + START_SECONDS
            processes.require(process)
            if time.monotonic() > deadline:
                why = f": {told}" if told else f"; see {process.log}"
                raise ClientError(f"{process.name} is not up after {START_SECONDS:.0f} s{why}")
            time.sleep(0.05)
    except BaseException:
        processes.stop(process.name)
        raise


def preparing(folder: Path, names: Iterable[str]) -> set[str]:
    """Those of the executors NAMES below `folder` that prepare what their runtimes need."""
    standings = {name: standing.owner(state_folder(folder / name)) for name in names}
    return {name for name, now in standings.items() if now and now.phase == "preparing"}


def _register_hint() -> str:
    return "dcanary executor register lets it build; dcanary executor enable, when it is disabled"


def state_folder(folder: Path) -> Path:
    """What an executor holds, of the folder that has its key too."""
    return folder / "state"


def kept_results(folder: Path) -> Results:
    """The agreed results that an executor keeps, of the folder that has its key too.

    Raises ConfigError when there is no such executor.
    """
    if not (folder / "key.pem").is_file():
        raise ConfigError(f"there is no executor {folder.name} here: dcanary executor register")
    return Results(state_folder(folder) / "cache")


def stop(home: Path, name: str, processes: Processes) -> bool:
    """End the executor NAME, in the background or not; False when it did not run.

    Raises ClientError with the process id when it does not end.
    """
    state = state_folder(home / "executors" / name)
    stopped = processes.stop(name)
    known = standing.owner(state)
    if known is not None:
        stopped = end(Process(name, known.pid, known.started, Path())) or stopped
    return end_holder(name, state / LOCK_FILE) or stopped


def _secret_key(path: Path) -> X25519PrivateKey:
    """The key that secrets for an executor are sealed to, beside the key that it signs with.

    Made the first time. Raises UsageTrouble when it cannot be used.
    """
    try:
        return secret_key(path)
    except SecretProblem as error:
        raise UsageTrouble(str(error)) from None


def _template_source(folder: Path, progress: Callable[[str], None]) -> TemplateSource:
    """Gives the canister template; that it is being made is told to whoever waits, too."""

    def is_refused() -> bool:
        # Who waits for it is told that first.
        now = standing.owner(folder)
        return now is not None and now.phase == "denied"

    def say(line: str) -> None:
        progress(line)
        if not is_refused():
            standing.note(folder, "preparing", line)

    def source() -> Template:
        template = ensure_template(progress=say)
        if not is_refused():
            standing.note(folder, "starting")
        return template

    return source


def _is_unknown(system: System) -> bool:
    """Whether the canister says that this executor is not registered."""
    try:
        system.build_executor.executor_health(system.connection.sender)
    except RefusedError as error:
        return error.kind == "NotFound"
    except ClientError:  # Its offer is what counts, which is made again and again.
        return False
    return False


def run_executor(
    system: System,
    folder: Path,
    *,
    allow_unsandboxed: bool,
    offering: Offering,
    once: bool,
    progress: Callable[[str], None],
) -> None:
    """Work until a signal, or once. Raises ClientError when it cannot begin.

    One that is not registered is told so before what its runtimes need is made, which takes minutes
    and would be for nothing; with `once` that is all.
    """
    close_process()
    sandbox = require_sandbox(folder / "builds", allow_unsandboxed)
    if isinstance(sandbox, UnsandboxedRunner):
        progress(f"WARNING: {WARNING}")
    config = ExecutorConfig(
        folder=state_folder(folder),
        sandbox=sandbox,
        template=_template_source(state_folder(folder), progress),
        allow_network=offering.allow_network,
        slots=offering.slots,
        memory_bytes=offering.memory_bytes,
        images=ImageStore(folders.images()),
        image_builder=ImageBuilder(have_image) if offering.build_images else None,
        region=offering.region,
        labels=offering.labels,
        secret_key=_secret_key(folder / "secrets.key"),
        poll_seconds=POLL_SECONDS,
        cache_bytes=DEFAULT_BYTES if offering.cache_bytes is None else offering.cache_bytes,
        report=progress,
    )
    try:
        executor = Executor(SystemChain(system), config)
        progress(f"executor {system.connection.sender} of {system.config.network.url}")
        if _is_unknown(system):
            progress(f"no work yet: {system.connection.sender} {NOT_REGISTERED}")
            if once:
                executor.close()
                return
            standing.note(config.folder, "denied", f"{system.connection.sender} {NOT_REGISTERED}")
        executor.prepare()
        if once:
            executor.run_once()
            executor.close()
        else:
            executor.run_forever()
    except (RuntimeUnavailable, StateError) as error:
        raise UsageTrouble(str(error)) from None
