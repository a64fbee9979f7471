"""Fetches one commit with all that it pins, outside the sandbox."""

import contextlib
import posixpath
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from dcanary.download.room import FULL
from dcanary.executor.checkout.commit import read_commit
from dcanary.executor.checkout.fetch import (
    NoRepository,
    check_sha,
    fetch_on_ref,
    fetch_pinned,
    tip_of,
)
from dcanary.executor.checkout.git import Git, GitFailed, GitHome
from dcanary.executor.checkout.lfs import fetch_lfs
from dcanary.executor.checkout.listing import (
    Budget,
    list_tree,
    missing_url,
    read_files,
    submodule_urls,
)
from dcanary.executor.checkout.model import Checkout, CheckoutLimits, Credential
from dcanary.executor.source import (
    Entry,
    SourceFailure,
    SourceUnable,
    SourceUnavailable,
    Spool,
    shown,
)
from dcanary.reach import NotPublicError, is_loopback, problem_of

# Of every executor, whatever its configuration allows besides.
_COMMON_SCHEMES = ("https", "http")
_MAX_COMMIT_BYTES = 16 << 20
_SCP_LIKE = re.compile(r"^[^/:]+:")


def check_out(
    clone_url: str,
    ref: str,
    sha: str,
    work: Path,
    limits: CheckoutLimits,
    stop: Callable[[], bool] = lambda: False,
    credential: Credential | None = None,
) -> Checkout:
    """Fetch the commit `sha`, which must be on `ref`, with its submodules and Git LFS files.

    `ref` is a full name such as refs/heads/main. `work` is a folder that must not exist and is
    removed again. `credential` goes to the server of the clone URL, or of its own address, with
    the requests for that repository. Raises SourceFailure, SourceUnavailable or SourceUnable with
    what went wrong; it holds no credentials.
    """
    _check_url(clone_url, limits)
    if credential is not None and not credential.address:
        _check_credential(clone_url)
    check_sha(sha)
    closing = contextlib.ExitStack()
    try:
        work.mkdir(parents=True)
        contents = Spool(work)
        home = GitHome(work, limits, stop, clone_url, credential)
        closing.callback(home.close)
        git = fetch_on_ref(home, clone_url, ref, sha)
        try:
            raw = git.output(
                "cat-file", "commit", sha, max_bytes=_MAX_COMMIT_BYTES, what="the commit's object"
            )
        except GitFailed as error:
            raise SourceFailure(f"{sha} is not a commit") from error
        entries = _Reader(home, contents).read(git, sha, "")
        packs = sum(each.stat().st_size for each in work.glob("*/objects/pack/*.pack"))
        ordered = tuple(sorted(entries, key=lambda entry: entry.path))
        return Checkout(read_commit(raw), ordered, packs + home.received_bytes)
    except OSError as error:
        raise SourceUnavailable(_unwritten(error)) from error
    finally:
        closing.close()
        shutil.rmtree(work, ignore_errors=True)


def read_ref(
    clone_url: str,
    ref: str,
    work: Path,
    limits: CheckoutLimits,
    stop: Callable[[], bool] = lambda: False,
    credential: Credential | None = None,
) -> str | None:
    """The commit that `ref` names on the server now; None where it is not there.

    The rest as in `check_out`, whose errors it raises.
    """
    _check_url(clone_url, limits)
    if credential is not None and not credential.address:
        _check_credential(clone_url)
    with contextlib.ExitStack() as closing:
        closing.callback(shutil.rmtree, work, ignore_errors=True)
        try:
            work.mkdir(parents=True)
            seconds = min(limits.ref_seconds, limits.timeout_seconds)
            home = GitHome(work, limits, stop, clone_url, credential, seconds, "reading the ref")
            closing.callback(home.close)
            return tip_of(home, clone_url, ref)
        except OSError as error:
            raise SourceUnavailable(_unwritten(error)) from error


def _unwritten(error: OSError) -> str:
    # The folder is not named: the reason may be read by others than this machine's operator.
    if error.errno in FULL:
        return (
            f"no room on the disk for the checkout ({error.strerror}): free some where TMPDIR is, "
            "or set it to a folder elsewhere"
        )
    return f"the checkout cannot be written: {error.strerror}"


class _Reader:
    """Reads repositories within each other, within one budget."""

    def __init__(self, home: GitHome, contents: Spool) -> None:
        self._home, self._contents = home, contents
        self._budget = Budget(home.limits)
        self._fetched = 0

    def read(self, git: Git, sha: str, prefix: str) -> list[Entry]:
        """The files of a commit and of its submodules, below `prefix`."""
        listed = list_tree(git, sha, prefix, self._budget)
        entries = list(read_files(git, listed, self._contents))
        if prefix:
            # Attributes are asked for by paths within the repository.
            entries = [Entry(e.path.removeprefix(prefix), e.mode, e.content) for e in entries]
        entries = fetch_lfs(self._home, git, sha, entries, self._contents, self._budget)
        if prefix:
            entries = [Entry(prefix + e.path, e.mode, e.content) for e in entries]
        modules = [each for each in listed if each.is_submodule]
        urls = submodule_urls(git, sha, self._home.limits) if modules else {}
        for module in modules:
            url = urls.get(module.path.removeprefix(prefix))
            if url is None:
                raise missing_url(module.path)
            entries += self._read_submodule(git.url, module.path, url, module.object)
        return entries

    def _read_submodule(self, parent: str, path: str, given: str, sha: str) -> list[Entry]:
        self._budget.take_submodule()
        url = submodule_url(parent, given)
        if _is_odd(url) and _scheme(url) in _COMMON_SCHEMES:
            raise SourceFailure(
                f"the submodule {shown(path)} has a URL with blanks or characters that do not show"
            )
        try:
            _check_url(url, self._home.limits)
        except SourceUnable as error:
            raise SourceFailure(
                f"the submodule {shown(path)} has a URL of kind {_kind(url)}: only "
                f"{' and '.join(_COMMON_SCHEMES)} are supported"
            ) from error
        problem = problem_of(url) if _scheme(url) in _COMMON_SCHEMES else None
        if problem is not None:
            raise SourceFailure(f"the submodule {shown(path)} has a URL with {problem}")
        self._fetched += 1
        inner = SourceFailure(
            f"the submodule {shown(path)} is on a host without a public address, "
            "which is not that of the clone URL"
        )
        try:
            self._home.reach.check(url)
            git = fetch_pinned(self._home, f"submodule-{self._fetched}", url, sha)
        except NotPublicError as error:
            raise inner from error
        except SourceUnavailable as error:
            # A redirect has led there.
            raise (inner if self._home.gateway.refused else error) from error
        except NoRepository as error:
            raise SourceFailure(
                f"the repository of the submodule {shown(path)} is not on its server, or not public"
            ) from error
        if git is None:
            raise SourceFailure(
                f"commit {sha} of the submodule {shown(path)} is not in its repository"
            )
        return self.read(git, sha, f"{path}/")


def submodule_url(parent: str, given: str) -> str:
    """The URL of a submodule; one that begins with ./ or ../ is relative to its parent's."""
    if not given.startswith(("./", "../")):
        return given
    parts = urlsplit(parent)
    path = posixpath.normpath(posixpath.join(parts.path.rstrip("/"), given))
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _check_url(url: str, limits: CheckoutLimits) -> None:
    if _scheme(url) not in limits.schemes:
        allowed = ", ".join(limits.schemes)
        raise SourceUnable(f"clone URLs of kind {_kind(url)!r} are not allowed here: {allowed}")
    if _is_odd(url):
        raise SourceUnable("clone URLs with blanks or characters that do not show are not allowed")


def _check_credential(url: str) -> None:
    """Raise SourceUnable where a credential would be read by others, or not be used."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (
        parts.scheme == "http" and is_loopback(parts.hostname or "")
    ):
        raise SourceUnable(
            f"the clone URL is of kind {_kind(url)}: a credential is sent over https only"
        )
    if "@" in parts.netloc:
        raise SourceUnable(
            "the clone URL holds a login and the repository has a credential: "
            "take it out of the clone URL"
        )


def _is_odd(url: str) -> bool:
    return any(character.isspace() or not character.isprintable() for character in url)


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def _kind(url: str) -> str:
    """What a URL is, for a person: its scheme, or ssh for what scp takes."""
    if _SCP_LIKE.match(url) and "@" in url.partition(":")[0]:
        return "ssh"
    return shown(_scheme(url))[1:-1] or "path"
