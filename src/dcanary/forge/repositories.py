"""Bare repositories, each with hooks that write every push into the spool."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from dcanary.forge import git, hooks
from dcanary.forge.errors import ForgeError
from dcanary.forge.kinds import DEFAULT, kind_of
from dcanary.forge.layout import Layout
from dcanary.forge.names import is_repository_name, name_text

# Executors fetch a commit by its id, also when its branch has moved on meanwhile; so nothing is
# collected, and any commit may be asked for.
_CONFIGURATION = (
    ("http.receivepack", "true"),
    ("uploadpack.allowAnySHA1InWant", "true"),
    ("uploadpack.allowFilter", "true"),
    ("receive.fsckObjects", "true"),
    ("receive.autogc", "false"),
    ("gc.auto", "0"),
    # Heads of pull requests: fetched, never pushed.
    ("receive.hideRefs", "refs/pull"),
    ("receive.hideRefs", "refs/merge-requests"),
)


_PROVIDER = "dcanary-provider"
"""The file in a repository that names the kind of forge it stands for. No setting of git's: it is
read where no process of git may be waited for."""


class Repositories:
    """The bare repositories of one forge."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def names(self) -> list[str]:
        folder = self._layout.repositories
        if not folder.is_dir():
            return []
        stems = (path.stem for path in folder.glob("*.git") if path.is_dir())
        return sorted(stem for stem in stems if is_repository_name(stem))

    def exists(self, name: str) -> bool:
        return is_repository_name(name) and self._layout.repository(name).is_dir()

    def require(self, name: str) -> Path:
        """The folder of an existing repository; raises ForgeError for every other name."""
        path = self._layout.repository(name)
        if not path.is_dir():
            if not self._layout.repositories.is_dir():
                raise ForgeError(
                    f"there is no forge in {self._layout.root}: make one with `dcanary forge start "
                    "--background`"
                )
            raise ForgeError(
                f"there is no repository {name} in this forge: create it with `dcanary forge "
                f"create {name}`"
            )
        return path

    def create(self, name: str, default_branch: str, provider: str = DEFAULT) -> Path:
        """Make an empty bare repository. It appears complete or not at all.

        Raises ForgeError for a bad name, branch or provider, or when the repository exists already.
        """
        kind_of(provider)
        path = self._layout.repository(name)
        self._layout.create()
        checked = git.run(self._layout.root, "check-ref-format", "--branch", default_branch)
        if checked.returncode != 0 or default_branch.startswith("-"):
            raise ForgeError(f"{default_branch[:80]!r} is no name of a branch")
        fresh = self._layout.repositories / f".new-{uuid.uuid4().hex}"
        try:
            self._initialise(fresh, default_branch, provider)
            if path.exists():
                raise ForgeError(f"repository {name} exists already in this forge")
            try:
                fresh.rename(path)
            except OSError:
                raise ForgeError(f"repository {name} exists already in this forge") from None
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return path

    def _initialise(self, folder: Path, default_branch: str, provider: str) -> None:
        git.output(
            self._layout.root,
            "init",
            "--quiet",
            "--bare",
            "--template=",
            f"--initial-branch={default_branch}",
            str(folder),
        )
        for key, value in _CONFIGURATION:
            git.output(folder, "config", "--add", key, value)
        (folder / _PROVIDER).write_text(provider, encoding="ascii")
        hooks.install(folder)

    def provider(self, name: str) -> str:
        """The kind of forge that the repository stands for; older ones do not say."""
        try:
            return (self.require(name) / _PROVIDER).read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return DEFAULT

    def default_branch(self, name: str) -> str:
        """The branch that HEAD names."""
        reference = name_text(git.output(self.require(name), "symbolic-ref", "HEAD"))
        return reference.removesuffix("\n").removeprefix("refs/heads/")

    def refs(self, name: str) -> dict[str, str]:
        """Object ids of all refs. Raises ForgeError."""
        form = "--format=%(objectname) %(refname) %(symref)"
        listed = git.output(self.require(name), "for-each-ref", form)
        # A name has no blank and no "\n", but may have what Python takes for the end of a line.
        lines = name_text(listed).split("\n")[:-1]
        fields = [line.split(" ") for line in lines]
        return {ref: object_id for object_id, ref, symbolic in fields if not symbolic}
