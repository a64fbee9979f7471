"""The JSON that GitHub sends for a push, made from the repository itself.

Source: GitHub documentation, "Webhook events and payloads: push". Cut so that a delivery stays far
below what receivers take: commits, paths and messages beyond the bounds below are left out.
"""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcanary.forge import git
from dcanary.forge.errors import ForgeError

MAX_COMMITS = 50
MAX_PATHS = 300
MAX_MESSAGE_CHARS = 4_000
MAX_LOG_BYTES = 16 << 20
MAX_PATHS_BYTES = 1 << 20
"""Of the names of a commit's files, what is read."""
OWNER = "local"
PATH_LISTS = ("added", "removed", "modified")
_FIELDS = ("%H", "%T", "%an", "%ae", "%aI", "%cn", "%ce", "%cI", "%B")


@dataclass(frozen=True)
class RefUpdate:
    """A ref that a push moved; an id of zeros means that it was not there (any more)."""

    repository: str
    before: str
    after: str
    ref: str

    @property
    def created(self) -> bool:
        return not self.before.strip("0")

    @property
    def deleted(self) -> bool:
        return not self.after.strip("0")


def push_payload(
    folder: Path, update: RefUpdate, pushed_refs: list[str], base_url: str, branch: str
) -> dict[str, Any]:
    """The payload of one ref's update. `base_url` is the forge's, `branch` the default one.

    `pushed_refs` are all refs of the same push: what only they reach is new.
    """
    address = f"{base_url}/{update.repository}"
    head = None if update.deleted else _head(folder, update, address)
    commits = [] if head is None else _commits(folder, update, pushed_refs, head["id"], address)
    return {
        "ref": update.ref,
        "before": update.before,
        "after": update.after,
        "created": update.created,
        "deleted": update.deleted,
        "forced": _forced(folder, update),
        "base_ref": None,
        "compare": f"{address}/compare/{update.before[:12]}...{update.after[:12]}",
        "commits": commits,
        "head_commit": head,
        "repository": repository_of(update.repository, address, branch),
        "pusher": {"name": OWNER, "email": f"{OWNER}@localhost"},
        "sender": {"login": OWNER, "id": 1, "type": "User"},
    }


def repository_of(name: str, address: str, branch: str) -> dict[str, Any]:
    """A repository as payloads name it; `branch` is its default one."""
    return {
        "id": zlib.crc32(name.encode()),
        "name": name,
        "full_name": f"{OWNER}/{name}",
        "private": False,
        "owner": {"name": OWNER, "login": OWNER},
        "html_url": address,
        "url": address,
        "clone_url": f"{address}.git",
        "default_branch": branch,
        "master_branch": branch,
        "pushed_at": int(time.time()),
    }


def _forced(folder: Path, update: RefUpdate) -> bool:
    """Whether commits of the old ref are no part of the new one."""
    if update.created or update.deleted:
        return False
    done = git.run(folder, "merge-base", "--is-ancestor", update.before, update.after)
    return done.returncode == 1


def _head(folder: Path, update: RefUpdate, address: str) -> dict[str, Any] | None:
    """The commit that the ref names now, through an annotated tag; None for other objects."""
    peeled = git.run(folder, "rev-parse", "--verify", "--quiet", f"{update.after}^{{commit}}")
    if peeled.returncode != 0:
        return None
    found = _log(folder, ["--no-walk", peeled.stdout.decode().strip()], address)
    return found[0] if found else None


def _commits(
    folder: Path, update: RefUpdate, pushed_refs: list[str], head: str, address: str
) -> list[dict[str, Any]]:
    """The newest MAX_COMMITS of the pushed commits, oldest first."""
    if update.created:
        wanted = [head, "--not", *(f"--exclude={ref}" for ref in pushed_refs), "--glob=refs/*"]
    else:
        wanted = [head, "--not", update.before]
    try:
        found = _log(folder, [f"--max-count={MAX_COMMITS + 1}", "--reverse", *wanted], address)
    except ForgeError:
        # The old commit is gone or is no commit: the head alone is known to be new.
        return _log(folder, ["--no-walk", head], address)
    if len(found) <= MAX_COMMITS:
        return found
    # Receivers must not take a list that is cut for all that changed.
    return [_without_paths(found[1]), *found[2:]]


def _without_paths(commit: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in commit.items() if key not in PATH_LISTS}


def _log(folder: Path, revisions: list[str], address: str) -> list[dict[str, Any]]:
    form = "%x00".join(_FIELDS)
    arguments = ("log", "-z", f"--format=tformat:{form}", *revisions)
    raw = git.output(folder, *arguments, at_most=MAX_LOG_BYTES)
    fields = raw.decode("utf-8", "replace").split("\0")
    if not fields[-1]:
        fields.pop()
    size = len(_FIELDS)
    # A message that was cut is cut again below; a commit that ends before its message is left out.
    whole = len(fields) - len(fields) % size
    entries = [fields[start : start + size] for start in range(0, whole, size)]
    return [_commit(folder, entry, address) for entry in entries]


def _commit(folder: Path, fields: list[str], address: str) -> dict[str, Any]:
    commit, tree, author, author_mail, authored, committer, committer_mail, _, message = fields
    return {
        "id": commit,
        "tree_id": tree,
        "distinct": True,
        "message": message.rstrip("\n")[:MAX_MESSAGE_CHARS],
        "timestamp": authored,
        "url": f"{address}/commit/{commit}",
        "author": {"name": author, "email": author_mail},
        "committer": {"name": committer, "email": committer_mail},
        **_paths(folder, commit),
    }


def _paths(folder: Path, commit: str) -> dict[str, list[str]]:
    """Names that the commit added, removed and modified, against its first parent.

    Nothing of a commit that changes more than MAX_PATHS_BYTES tell, or MAX_PATHS of one kind: a
    list that is cut reads like a whole one.
    """
    raw = git.output(
        folder,
        "diff-tree",
        "--root",
        "--no-commit-id",
        "--name-status",
        "--no-renames",
        "--diff-merges=first-parent",
        "-r",
        "-z",
        commit,
        at_most=MAX_PATHS_BYTES,
    )
    parts = raw.decode("utf-8", "replace").split("\0")[:-1]
    changed: dict[str, list[str]] = {"added": [], "removed": [], "modified": []}
    kinds = {"A": "added", "D": "removed"}
    for status, path in zip(parts[::2], parts[1::2], strict=False):
        names = changed[kinds.get(status, "modified")]
        names.append(path)
    is_cut = len(raw) >= MAX_PATHS_BYTES or max(map(len, changed.values())) > MAX_PATHS
    return {} if is_cut else changed
