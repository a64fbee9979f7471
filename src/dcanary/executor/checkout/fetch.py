"""Bringing one commit here, and making sure that it belongs to the ref that the run names."""

import re

from dcanary.executor.checkout.git import NO_REPOSITORY, Git, GitFailed, GitHome
from dcanary.executor.source import SourceFailure, SourceUnavailable

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# What git itself forbids in names; it would take some of it for patterns or revisions.
_REF = re.compile(r"refs/[^\x00-\x20\x7f~^:?*\[\\]{1,255}")
_QUIET = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
_FETCHED = "refs/dcanary/fetched"
# Commits are looked for in this many of a branch, then in all of it.
_DEPTHS = (50, 1_000, 20_000)
# A server that gives single commits says one of these when it has not got one. From one that does
# not, it is no answer about the commit.
_NO_REF = ("no such remote ref", "couldn't find remote ref")
_NOT_THERE = ("not our ref", "unadvertised object", *_NO_REF)


class NoRepository(Exception):
    """The server answers and has no repository there for somebody without a login."""


def check_sha(sha: str) -> None:
    """Raise SourceFailure unless `sha` is a full commit id."""
    if not _SHA.fullmatch(sha):
        raise SourceFailure("the commit id is not 40 or 64 hexadecimal digits")


def check_ref(ref: str) -> None:
    """Raise SourceFailure unless `ref` is a full name such as refs/heads/main."""
    if not _REF.fullmatch(ref) or ".." in ref or "@{" in ref:
        raise SourceFailure("the ref is no full name such as refs/heads/main")


def tip_of(home: GitHome, url: str, ref: str) -> str | None:
    """The commit that `ref` names on the server now; None where it is not there.

    Raises SourceUnavailable when the server does not answer, or lists no refs at all.
    """
    check_ref(ref)
    # In no repository: one has a kind of commit ids, and git lists no refs of another.
    return _listed(Git(home, "refs", url), ref)


def fetch_on_ref(home: GitHome, url: str, ref: str, sha: str) -> Git:
    """A repository with the commit `sha`, which is on `ref` as the server has it now.

    Raises SourceFailure when the server answers and the ref or the commit on it is not there, and
    SourceUnavailable when it does not answer.
    """
    check_ref(ref)
    git = _new(home, "source", url, sha)
    tip = _tip(git, ref)
    if tip != sha and not _is_behind(home, url, ref, sha):
        raise SourceFailure(f"commit {sha} is not on {ref}")
    try:
        git.run(*_QUIET, "--depth=1", "--", git.remote, sha)
    except GitFailed as error:
        if not _is_absence(error):
            raise SourceUnavailable(str(error)) from error
        # Some servers only give what a name points to.
        _fetch(git, ref)
    if not git.succeeds("cat-file", "-e", f"{sha}^{{commit}}"):
        raise SourceFailure(f"commit {sha} is not on {ref}")
    return git


def fetch_pinned(home: GitHome, name: str, url: str, sha: str) -> Git | None:
    """A repository with the commit `sha` from whatever ref; None when the server has it on none.

    Raises NoRepository, and SourceUnavailable when the server does not answer.
    """
    git = _new(home, name, url, sha)
    try:
        git.run(*_QUIET, "--depth=1", "--", git.remote, sha)
    except GitFailed as error:
        if NO_REPOSITORY.search(str(error)):
            raise NoRepository from error
        if not _is_absence(error):
            raise SourceUnavailable(str(error)) from error
        _fetch(git, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    return git if git.succeeds("cat-file", "-e", f"{sha}^{{commit}}") else None


def _new(home: GitHome, name: str, url: str, sha: str) -> Git:
    git = Git(home, name, url)
    try:
        git.run("init", "--quiet", "--bare", f"--object-format={_object_format(sha)}", ".")
    except GitFailed as error:
        raise SourceUnavailable(str(error)) from error
    return git


def _object_format(sha: str) -> str:
    return "sha1" if len(sha) == 40 else "sha256"


def _tip(git: Git, ref: str) -> str:
    """The commit that the server's `ref` points to."""
    tip = _listed(git, ref)
    if tip is None:
        raise SourceFailure(f"{ref} is not in the repository")
    return tip


def _listed(git: Git, ref: str) -> str | None:
    try:
        answer = git.output("ls-remote", "--", git.remote, ref, f"{ref}^{{}}")
    except GitFailed as error:
        raise SourceUnavailable(str(error)) from error
    lines = answer.decode("utf-8", "replace").split("\n")
    found = {name: tip for tip, _, name in (line.partition("\t") for line in lines)}
    # An annotated tag points to a tag object; what that points to is listed beside it.
    tip = found.get(f"{ref}^{{}}") or found.get(ref)
    if tip is None and not _lists_any(git):
        # A page of a proxy or of maintenance looks like this, too; what was pushed was there.
        raise SourceUnavailable("git ls-remote failed: the server lists no refs at all")
    return tip


def _lists_any(git: Git) -> bool:
    """Whether the server lists any ref."""
    try:
        with git.stream("ls-remote", "--", git.remote) as chunks:
            return any(True for _ in chunks)
    except GitFailed as error:
        raise SourceUnavailable(str(error)) from error


def _is_behind(home: GitHome, url: str, ref: str, sha: str) -> bool:
    """Whether the commit is an ancestor of the ref, from the history without its trees."""
    history = _new(home, "history", url, sha)
    # A repository of its own, because one with holes asks the server again for what it lacks.
    for depth in (*_DEPTHS, None):
        how = f"--depth={depth}" if depth else "--unshallow"
        if depth is None and not (history.folder / "shallow").exists():
            break
        # What the ref points to by now: it may have moved on since it was listed.
        _fetch(history, f"+{ref}:{_FETCHED}", "--filter=tree:0", how)
        if history.succeeds("merge-base", "--is-ancestor", sha, _FETCHED):
            return True
    return False


def _fetch(git: Git, *what: str) -> None:
    options = [each for each in what if each.startswith("--")]
    refs = [each for each in what if not each.startswith("--")]
    try:
        git.run(*_QUIET, *options, "--", git.remote, *refs)
    except GitFailed as error:
        if any(text in str(error) for text in _NO_REF):
            return
        raise SourceUnavailable(str(error)) from error


def _is_absence(error: GitFailed) -> bool:
    return any(text in str(error) for text in _NOT_THERE)
