"""Git in a child process: nothing of the user's settings, and bounds on time, memory and disk.

Git runs without hooks, filters, credentials and prompts, and only over the transports that are
allowed. Objects are checked as they arrive, but for the classes that real histories are full of
and that harm nobody.
"""

import contextlib
import math
import os
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

from dcanary.executor.checkout import ssh
from dcanary.executor.checkout.gateway import Gateway
from dcanary.executor.checkout.model import CheckoutLimits, Credential
from dcanary.executor.source import SourceFailure, SourceUnable, SourceUnavailable
from dcanary.reach import Reach, is_loopback

_POLL_SECONDS = 0.1
_PAUSE_SECONDS = 0.005
_READ_BYTES = 64 * 1024
_SAID_BYTES = 64 * 1024
# What old tools and mail gateways have written into histories. Nothing of it reaches a build: modes
# are normalised, times are bounded and names are text. Names of the tree that could reach out of it
# (.git, .., /) stay errors.
_HARMLESS = (
    "badDate",
    "badDateOverflow",
    "badEmail",
    "badFilemode",
    "badName",
    "badTagName",
    "badTimezone",
    "missingEmail",
    "missingNameBeforeEmail",
    "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail",
    "missingTaggerEntry",
    "multipleAuthors",
    "nulInCommit",
    "zeroPaddedDate",
    "zeroPaddedFilemode",
)
_OPTIONS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "credential.helper=",
    "protocol.version=2",
    "transfer.fsckObjects=true",
    *(f"fetch.fsck.{name}=ignore" for name in _HARMLESS),
    "fetch.recurseSubmodules=false",
    "fetch.unpackLimit=1",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
    "http.followRedirects=initial",
    "pack.threads=1",
    "core.deltaBaseCacheLimit=32m",
)
_FSCK = re.compile(r"^(?:error|fatal): object [0-9a-f]+: ([A-Za-z0-9]+):", re.MULTILINE)
# Of whichever git reads the tree first, mostly the server's: it ends in the middle of its answer,
# and what git here says of that differs from one attempt to the next.
_TREE = re.compile(
    r"^(?:remote: )?(?:error|fatal): "
    r"(empty filename in tree entry|malformed mode in tree entry|too-short tree (?:object|file))",
    re.MULTILINE,
)
# Of git about a process of its own that the kernel has ended for its CPU time.
_CPU_OF_CHILD = f"died of signal {signal.SIGXCPU.value}"
_MEMORY = re.compile(r"out of memory|mmap failed|cannot allocate memory", re.IGNORECASE)

# What git says to the answers 404 and 401: some servers ask for a login rather than tell that there
# is no such repository. Other answers (403, 429) are those of servers that are asked too often.
NO_REPOSITORY = re.compile(
    r"repository '.*' not found|could not read Username|could not read Password"
    r"|Authentication failed for"
)


class GitFailed(Exception):
    """A git command ended with an error. The text is what git said, without credentials."""


class GitHome:
    """A folder for repositories, with the bounds that all git work below it shares.

    `stop` is asked often. Methods of `Git` raise SourceUnavailable when time is over, `stop` says
    so or git is killed, and SourceFailure when a bound of size or of CPU time is passed: waiting
    for a server takes no CPU time, so that it is the commit which asks for it. `seconds` are other
    than the checkout's where `what` is done is something else. `received_bytes` came otherwise than
    by git.
    """

    def __init__(
        self,
        folder: Path,
        limits: CheckoutLimits,
        stop: Callable[[], bool],
        clone_url: str,
        credential: Credential | None = None,
        seconds: float | None = None,
        what: str = "the checkout",
    ) -> None:
        self.folder, self.limits, self._credential = folder, limits, credential
        self._seconds = limits.timeout_seconds if seconds is None else seconds
        self._what = what
        self.reach = Reach(clone_url)
        self.gateway = Gateway(self.reach)
        self._stop = stop
        self._deadline = time.monotonic() + self._seconds
        self._cpu_seconds = 0.0
        self.received_bytes = 0

    def close(self) -> None:
        """End what connects git to servers."""
        self.gateway.close()

    def credential_for(self, url: str) -> Credential | None:
        """Who to be for the server of a repository."""
        known = self._credential
        return known if known is not None and known.url == url else None

    def proxies(self) -> dict[str, str]:
        """Variables for git: everything goes through the gateway, or this machine's own proxy."""
        found = {"http_proxy": self.gateway.url, "https_proxy": self.gateway.url}
        if proxy := os.environ.get("https_proxy"):
            # What that reaches is a matter of whoever runs it.
            found["https_proxy"] = proxy
            host = self.reach.host
            if host and (is_loopback(host) or proxy_bypass(host)):
                found["no_proxy"] = host
        return found

    def check(self) -> None:
        """Raise when work should end: see the class."""
        if self._stop():
            raise SourceUnavailable(f"{self._what} was cancelled")
        if time.monotonic() > self._deadline:
            raise SourceUnavailable(f"{self._what} took longer than {self._seconds:g} seconds")
        if _bytes_below(self.folder) > 2 * self.limits.max_bytes:
            raise too_large(self.limits)

    def take_cpu(self, seconds: float) -> None:
        """Count the CPU time of a process that has ended."""
        self._cpu_seconds += seconds

    def check_cpu(self) -> None:
        """Raise SourceFailure when no CPU time is left."""
        if self._cpu_seconds >= self.limits.cpu_seconds:
            raise too_costly(self.limits)

    def cpu_seconds_left(self) -> int:
        """CPU time that one more process may take, in whole seconds as the kernel counts them."""
        return max(1, math.ceil(self.limits.cpu_seconds - self._cpu_seconds))

    def seconds_left(self) -> float:
        """Until the checkout has taken too long; at least 1."""
        return max(1.0, self._deadline - time.monotonic())


def too_large(limits: CheckoutLimits) -> SourceFailure:
    """The refusal of a repository for its size."""
    return SourceFailure(f"the repository is larger than {limits.max_bytes} bytes")


def too_costly(limits: CheckoutLimits) -> SourceFailure:
    """The refusal of a commit for the work that its objects, names and patterns make."""
    return SourceFailure(f"git needs more than {limits.cpu_seconds:g} s of CPU time for the commit")


class Git:
    """Runs git on one bare repository in the folder `name` below a home.

    `url` is what the repository is known by, `remote` where it is fetched from.
    """

    def __init__(self, home: GitHome, name: str, url: str) -> None:
        for program, package in (("git", "git"), ("prlimit", "util-linux")):
            if shutil.which(program) is None:
                raise SourceUnable(
                    f"{program} is not installed: run `apt-get install -y {package}` as root"
                )
        self.home, self.url = home, url
        self.folder = home.folder / name
        self.folder.mkdir(parents=True)
        self._secret = urlsplit(url).netloc.rpartition("@")[0]
        self._environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(self.folder),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "GIT_ALLOW_PROTOCOL": ":".join(home.limits.schemes),
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_DIR": str(self.folder),
            **home.proxies(),
        }
        self._credential = home.credential_for(url)
        # Where it is fetched from: not the clone URL where a deploy key has an address of its own.
        self.remote = url
        if self._credential is not None and self._credential.address:
            self.remote = self._credential.address
            self._environment.update(ssh.environment(self._credential, self.folder))
        elif self._credential is not None:
            self._environment.update(_login(self._credential))
        for name_ in ("SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO"):
            if name_ in os.environ:
                self._environment[name_] = os.environ[name_]

    def run(self, *arguments: str) -> None:
        """Run a command for its effect. Raises GitFailed."""
        self.output(*arguments)

    def text(self, *arguments: str) -> str:
        """The output of a command, as one line of ASCII. Raises GitFailed."""
        return self.output(*arguments).decode("ascii", "replace").strip()

    def succeeds(self, *arguments: str) -> bool:
        """Whether a command ends well."""
        try:
            self.output(*arguments)
        except GitFailed:
            return False
        return True

    def output(
        self,
        *arguments: str,
        stdin: bytes = b"",
        max_bytes: int = 1 << 20,
        what: str = "",
    ) -> bytes:
        """What a command prints. Raises GitFailed; SourceFailure for more than `max_bytes`.

        `what` it is that is too large then, for the reason that is attested to.
        """
        found = b""
        with self.stream(*arguments, stdin=stdin) as chunks:
            for chunk in chunks:
                found += chunk
                if len(found) > max_bytes:
                    what = what or f"the answer of git {arguments[0]}"
                    raise SourceFailure(f"{what} is larger than {max_bytes} bytes")
        return found

    @contextlib.contextmanager
    def stream(self, *arguments: str, stdin: bytes = b"") -> Iterator[Iterator[bytes]]:
        """What a command prints, in pieces, as it comes. Leaving early ends the command.

        The pieces end with GitFailed when the command fails.
        """
        self.home.check_cpu()
        asked, err = self.folder / "dcanary-in", self.folder / "dcanary-err"
        asked.write_bytes(stdin)
        with asked.open("rb") as source, err.open("wb") as stderr:
            try:
                process = subprocess.Popen(
                    [*self._bounds(), "git", *self._config(), *arguments],
                    cwd=self.folder,
                    env=self._environment,
                    stdin=source,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    start_new_session=True,
                )
            except OSError as error:
                raise SourceUnavailable(f"git does not start: {error.strerror}") from error
        assert process.stdout is not None
        try:
            yield self._pieces(process, arguments[0], err)
        finally:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.stdout.close()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            # With that of its own processes, which it has waited for.
            self.home.take_cpu(used.ru_utime + used.ru_stime)

    def _pieces(self, process: "subprocess.Popen[bytes]", verb: str, err: Path) -> Iterator[bytes]:
        assert process.stdout is not None
        stream = process.stdout.fileno()
        os.set_blocking(stream, False)
        next_check = 0.0
        open_ = True
        while open_ or (code := _exit_code(process.pid)) is None:
            if open_:
                ready = _wait_readable(stream, _POLL_SECONDS)
                if ready and (chunk := _read(stream)) is not None:
                    open_ = bool(chunk)
                    if chunk:
                        yield chunk
            else:
                time.sleep(_PAUSE_SECONDS)
            if time.monotonic() > next_check:
                self.home.check()
                next_check = time.monotonic() + _POLL_SECONDS
        if code != 0:
            self._fail(code, verb, err)

    def _fail(self, code: int, verb: str, err: Path) -> None:
        limits = self.home.limits
        with err.open("rb") as stream:
            stream.seek(max(0, err.stat().st_size - _SAID_BYTES))
            text = stream.read().decode(errors="replace")
        if code in (-signal.SIGXFSZ, 128 + signal.SIGXFSZ) or "File too large" in text:
            raise too_large(limits)
        if code in (-signal.SIGXCPU, 128 + signal.SIGXCPU) or _CPU_OF_CHILD in text:
            raise too_costly(limits)
        if code < 0:
            # By the machine, short of memory, or by a person: it says nothing about the commit.
            raise SourceUnavailable(f"git {verb} was ended by {signal.Signals(-code).name}")
        if _MEMORY.search(text):
            raise SourceFailure(f"git needs more than {limits.memory_bytes} bytes of memory")
        if found := _FSCK.search(text):
            raise SourceFailure(f"git refuses an object of the repository: {found[1]}")
        if found := _TREE.search(text):
            raise SourceFailure(f"git refuses a tree of the repository: {found[1]}")
        if self.remote != self.url and (problem := ssh.problem(text, self._credential)):
            raise GitFailed(f"git {verb} failed: {problem}")
        if self._credential is not None and NO_REPOSITORY.search(text):
            raise GitFailed(
                f"git {verb} failed: the server does not let the secret {self._credential.secret}, "
                "the repository's credential, read the repository"
            )
        lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
        # The first complaint is the cause; git goes on with guesses over several lines.
        fatal = [line for line in lines if line.startswith("fatal: ")]
        said = fatal[0] if fatal else " ".join(lines[-3:]) or f"exit code {code}"
        if "SOCKS" in said and self.home.gateway.problem:
            # Curl tells a number only.
            said = self.home.gateway.problem
        if NO_REPOSITORY.search(text):
            said += (
                ". Is the repository there? A private one needs a credential: dcanary repository "
                "credential set"
            )
        raise GitFailed(
            f"git {verb} failed: {said.replace(self._secret, '***') if self._secret else said}"
        )

    def _config(self) -> list[str]:
        # Git would send a login on to wherever the server sends it.
        more = () if self._credential is None else ("http.followRedirects=false",)
        return [part for option in (*_OPTIONS, *more) for part in ("-c", option)]

    def _bounds(self) -> list[str]:
        limits, seconds = self.home.limits, self.home.cpu_seconds_left()
        # Packs are mapped, not copied: they count as address space and not as data.
        return [
            "prlimit",
            f"--data={limits.memory_bytes}",
            f"--as={limits.memory_bytes + 4 * limits.max_bytes}",
            # With one number the kernel would send SIGKILL, which does not tell why.
            f"--cpu={seconds}:{seconds + 5}",
            f"--fsize={2 * limits.max_bytes}",
            "--nofile=1024",
            "--core=0",
            "--",
        ]


def _login(credential: Credential) -> dict[str, str]:
    """Variables by which git sends a login with the requests for one repository.

    Command lines can be read by everybody on the machine, the variables of a process cannot. A
    credential helper is not taken: git would ask it for other URLs, too.
    """
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{credential.url}.extraHeader",
        "GIT_CONFIG_VALUE_0": credential.header,
    }


def _exit_code(process: int) -> int | None:
    """How a process of ours has ended, None while it runs. It stays there to be waited for."""
    ended = os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if ended is None:
        return None
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def _wait_readable(stream: int, seconds: float) -> bool:
    # Not select(2): it knows no descriptors above 1,023.
    waiting = select.poll()
    waiting.register(stream, select.POLLIN)
    return bool(waiting.poll(1_000 * seconds))


def _read(stream: int) -> bytes | None:
    try:
        return os.read(stream, _READ_BYTES)
    except BlockingIOError:
        return None


def _bytes_below(folder: Path) -> int:
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(root) / name).lstat().st_size
    return total
