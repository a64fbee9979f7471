"""Fetches one commit, outside the sandbox, and turns it into a source tree.

Git runs without hooks, submodules, filters, credentials, prompts and the user's settings, and only
over the transports that are allowed. The tree is read object by object, never checked out, so
attributes and links of the repository have no effect on the executor.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dcanary.executor.source import LINK, PROGRAM, Entry, SourceError, check_path

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REF = re.compile(r"refs/[A-Za-z0-9._/-]{1,200}")
_POLL_SECONDS = 0.05
_MAX_FILES = 50_000
_SUBMODULE = "160000"
_OPTIONS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "credential.helper=",
    "protocol.version=2",
    "transfer.fsckObjects=true",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
)


@dataclass(frozen=True)
class CheckoutLimits:
    """What a checkout may cost: bytes on disk (and of files), seconds, and which transports."""

    max_bytes: int = 512 * 1024 * 1024
    timeout_seconds: float = 300
    schemes: tuple[str, ...] = ("https", "http")


@dataclass(frozen=True)
class Checkout:
    """A commit's files and its time (seconds since 1970)."""

    entries: tuple[Entry, ...]
    commit_time: int


def check_out(
    clone_url: str,
    ref: str,
    sha: str,
    work: Path,
    limits: CheckoutLimits,
    stop: Callable[[], bool] = lambda: False,
) -> Checkout:
    """Fetch the commit `sha` into the folder `work`, which must not exist and is removed again.

    `ref` is a full name such as refs/heads/main: the way to the commit where a server does not
    give single commits. Raises SourceError with what went wrong; it holds no credentials.
    """
    _check_request(clone_url, sha, limits)
    work.mkdir(parents=True)
    try:
        git = _Git(work, clone_url, limits, stop)
        git.run("init", "--quiet", "--bare", f"--object-format={_object_format(sha)}", ".")
        _fetch(git, clone_url, ref, sha)
        if git.text("cat-file", "-t", sha) != "commit":
            raise SourceError(f"{sha} is not a commit")
        commit_time = int(git.text("show", "-s", "--format=%ct", sha))
        entries = tuple(_entries(git, sha, limits.max_bytes))
        return Checkout(entries, max(commit_time, 0))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _check_request(clone_url: str, sha: str, limits: CheckoutLimits) -> None:
    if not _SHA.fullmatch(sha):
        raise SourceError("the commit id is not 40 or 64 hexadecimal digits")
    scheme = urlsplit(clone_url).scheme
    if scheme not in limits.schemes or any(c.isspace() or not c.isprintable() for c in clone_url):
        allowed = ", ".join(limits.schemes)
        raise SourceError(
            f"clone URLs of kind {scheme or 'path'!r} are not allowed here: {allowed}"
        )


def _object_format(sha: str) -> str:
    return "sha1" if len(sha) == 40 else "sha256"


def _fetch(git: "_Git", clone_url: str, ref: str, sha: str) -> None:
    quiet = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
    try:
        git.run(*quiet, "--depth=1", "--", clone_url, sha)
    except SourceError:
        # Some servers only give what a name points to.
        if not _REF.fullmatch(ref):
            raise
        git.run(*quiet, "--", clone_url, ref)
        if not git.succeeds("cat-file", "-e", f"{sha}^{{commit}}"):
            raise SourceError(f"the commit {sha} is not part of {ref}") from None


def _entries(git: "_Git", sha: str, max_bytes: int) -> Iterator[Entry]:
    listing = git.output("ls-tree", "-r", "-z", "--full-tree", "--long", sha)
    wanted: list[tuple[str, str, str]] = []
    total = 0
    for line in listing.split(b"\0"):
        if not line:
            continue
        about, _, raw = line.partition(b"\t")
        mode, _, blob, size = about.decode().split()
        path = raw.decode("utf-8", "surrogateescape")
        check_path(path)
        if mode == _SUBMODULE:
            continue
        total += int(size)
        wanted.append((path, mode, blob))
        if total > max_bytes or len(wanted) > _MAX_FILES:
            raise SourceError(f"the tree has more than {max_bytes} bytes or {_MAX_FILES} files")
    blobs = git.blobs([blob for _, _, blob in wanted])
    for (path, mode, _), content in zip(wanted, blobs, strict=True):
        kept = mode if mode in (LINK, PROGRAM) else "100644"
        yield Entry(path, kept, content)


class _Git:
    """Runs git in one folder with nothing of the user's settings, within time and size."""

    def __init__(
        self, folder: Path, clone_url: str, limits: CheckoutLimits, stop: Callable[[], bool]
    ) -> None:
        self._folder, self._limits, self._stop = folder, limits, stop
        self._deadline = time.monotonic() + limits.timeout_seconds
        self._secret = urlsplit(clone_url).netloc.rpartition("@")[0]
        self._environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(folder),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "GIT_ALLOW_PROTOCOL": ":".join(limits.schemes),
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_DIR": str(folder),
        }
        for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "https_proxy", "no_proxy"):
            if name in os.environ:
                self._environment[name] = os.environ[name]

    def run(self, *arguments: str) -> None:
        self.output(*arguments)

    def text(self, *arguments: str) -> str:
        return self.output(*arguments).decode("ascii", "replace").strip()

    def succeeds(self, *arguments: str) -> bool:
        with contextlib.suppress(SourceError):
            self.output(*arguments)
            return True
        return False

    def blobs(self, names: list[str]) -> list[bytes]:
        """Contents of blobs, in order."""
        request = "".join(f"{name}\n" for name in names).encode()
        answer = self.output("cat-file", "--batch", stdin=request)
        contents: list[bytes] = []
        position = 0
        for name in names:
            end = answer.index(b"\n", position)
            header = answer[position:end].split()
            if len(header) != 3 or header[1] != b"blob":
                raise SourceError(f"the repository lacks the object {name}")
            size = int(header[2])
            contents.append(answer[end + 1 : end + 1 + size])
            position = end + 1 + size + 1
        return contents

    def output(self, *arguments: str, stdin: bytes = b"") -> bytes:
        options = [part for option in _OPTIONS for part in ("-c", option)]
        out, err, asked = (self._folder / f"dcanary-{name}" for name in ("out", "err", "in"))
        asked.write_bytes(stdin)
        with out.open("wb") as stdout, err.open("wb") as stderr, asked.open("rb") as source:
            try:
                process = subprocess.Popen(
                    ["git", *options, *arguments],
                    cwd=self._folder,
                    env=self._environment,
                    stdin=source,
                    stdout=stdout,
                    stderr=stderr,
                    start_new_session=True,
                )
            except OSError as error:
                raise SourceError(f"git does not start: {error.strerror}; install git") from error
            try:
                code = self._wait(process)
            finally:
                with contextlib.suppress(OSError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if code != 0:
            raise SourceError(f"git {arguments[0]} failed: {self._said(err)}")
        return out.read_bytes()

    def _wait(self, process: "subprocess.Popen[bytes]") -> int:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(_POLL_SECONDS)
            if self._stop():
                raise SourceError("the checkout was cancelled")
            if time.monotonic() > self._deadline:
                raise SourceError(f"git took longer than {self._limits.timeout_seconds:g} seconds")
            if _bytes_below(self._folder) > 2 * self._limits.max_bytes:
                raise SourceError(f"the repository is larger than {self._limits.max_bytes} bytes")

    def _said(self, err: Path) -> str:
        lines = err.read_text(errors="replace").strip().splitlines()
        said = " ".join(lines[-3:]) or "no reason given"
        return said.replace(self._secret, "***") if self._secret else said


def _bytes_below(folder: Path) -> int:
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(root) / name).lstat().st_size
    return total
