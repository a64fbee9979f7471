"""A pipeline's stages on this machine: of which commit, with which tools, where the files go."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcanary import folders
from dcanary.cli.errors import UsageTrouble
from dcanary.cli.operations.pipeline import file_of
from dcanary.cli.operations.sandboxing import require_sandbox
from dcanary.client.errors import ClientError
from dcanary.executor.cache.results import Results
from dcanary.executor.local import LocalProblem, LocalRun, LocalStage, LocalWeather
from dcanary.executor.runtimes import (
    CanisterTemplate,
    Runtime,
    RuntimeOptions,
    RuntimeUnavailable,
    find_runtime,
)
from dcanary.executor.sandbox import UnsandboxedRunner, close_process
from dcanary.pipeline.names import check_secret
from dcanary.secrets.errors import SecretProblem
from dcanary.secrets.sealing import MAX_VALUE_BYTES, check_value

if TYPE_CHECKING:
    from dcanary.executor.packages import Packages

_VARIABLE = "DCANARY_SECRET_"
_MAX_FILE_BYTES = 4 * MAX_VALUE_BYTES


@dataclass(frozen=True)
class LocalCommit:
    """A commit of a repository on this disk, and a branch it is on.

    `changed`: how many files of the work tree differ from what is checked out there, but for
    `pipeline`, the file that is performed. `pipeline_differs`: whether the commit has another.
    """

    folder: Path
    ref: str
    sha: str
    changed: int
    pipeline: str = ""
    pipeline_differs: bool = False


@dataclass(frozen=True)
class Allowed:
    """What a person lets a local run do, and the secrets that its stages may list.

    `cache`: stages with a cache use their earlier results, and keep new ones.
    """

    unsandboxed: bool = False
    network: bool = False
    cache: bool = False
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def given_secrets(options: Sequence[str]) -> dict[str, bytes]:
    """Values of secrets: from NAME=@FILE, and from variables DCANARY_SECRET_NAME for the others.

    Raises UsageTrouble for what is none.
    """
    found = {
        name.removeprefix(_VARIABLE): value.encode(errors="surrogateescape")
        for name, value in os.environ.items()
        if name.startswith(_VARIABLE)
    }
    for option in options:
        name, _, source = option.partition("=")
        if not source.startswith("@"):
            raise UsageTrouble(
                f"--secret {name}: use {name}=@FILE",
                "a value on the command line can be read by everybody on this machine",
            )
        try:
            # More than any value has; some files have no end.
            with Path(source[1:]).open("rb") as file:
                found[name] = file.read(_MAX_FILE_BYTES).rstrip(b"\r\n")
        except OSError as error:
            raise UsageTrouble(f"--secret {name}: {source[1:]}: {error.strerror}") from None
    for name, value in found.items():
        try:
            check_secret(name)
            check_value(value)
        except (ValueError, SecretProblem) as error:
            raise UsageTrouble(f"the secret {name}: {error}") from None
    return found


def refuse_stage(file: Path, given: Path) -> None:
    """Refuse a `given` file that is not there where a stage may be meant. Raises UsageTrouble.

    A stage's name is easily taken for what is performed.
    """
    if not file.exists() and len(given.parts) == 1 and not given.suffix:
        raise UsageTrouble(
            f"there is no file {file}",
            f"if {given} is a stage: dcanary run local --stage {given}",
        )


def find_commit(start: Path, name: str) -> LocalCommit:
    """The commit that NAME (a branch, tag or id) names in the repository around `start`.

    Raises UsageTrouble when there is none, or when no branch leads to it.
    """
    file = file_of(start)
    folder = file.parent.resolve()
    top = Path(_git(folder, "rev-parse", "--show-toplevel", problem="no Git repository"))
    sha = _found(top, name)
    containing = ("for-each-ref", "--contains", sha, "--format=%(refname)", "refs/heads")
    refs = _git(top, *containing, problem="its branches cannot be read").split("\n")
    if refs == [""]:
        raise UsageTrouble(f"{top}: {name} is on no branch", "give it one: git switch -c NAME")
    now = _git(top, "rev-parse", "--symbolic-full-name", "HEAD", problem="no HEAD")
    pipeline = (folder / file.name).relative_to(top.resolve()).as_posix()
    others = ("--", ".", f":(top,exclude,literal){pipeline}")
    status = _git(top, "status", "--porcelain", *others, problem="its work tree cannot be read")
    ref = now if now in refs else refs[0]
    differs = file.is_file() and _is_other(top, sha, pipeline)
    return LocalCommit(top, ref, sha, status.count("\n") + bool(status), pipeline, differs)


def _is_other(top: Path, sha: str, file: str) -> bool:
    """Whether a file of the work tree is another in a commit, or not there."""
    here = _git(top, "hash-object", f"--path={file}", file, problem=f"{file} cannot be read")
    try:
        return here != _git(top, "rev-parse", "--verify", f"{sha}:{file}", problem="")
    except UsageTrouble:
        return True


def _found(top: Path, name: str) -> str:
    try:
        return _git(top, "rev-parse", "--verify", f"{name}^{{commit}}", problem="")
    except UsageTrouble:
        if _git(top, "rev-list", "--all", "--max-count=1", problem="its commits cannot be read"):
            raise UsageTrouble(
                f"{top}: no commit {name}: it is no commit, branch or tag here",
                "what there is: git log --oneline --all; git fetch brings what a server has",
            ) from None
        raise UsageTrouble(
            f"{top}: no commit {name}: the repository has no commit yet",
            "a commit is built, not the files as they are: git add . && git commit",
        ) from None


def _git(folder: Path, *arguments: str, problem: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, errors="replace"
        )
    except OSError as error:
        raise UsageTrouble(f"git does not run in {folder}: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.strip().removeprefix("fatal: ").partition("\n")[0]
        raise UsageTrouble(f"{folder}: {problem}: {said}")
    return done.stdout.removesuffix("\n")


def perform(
    stages: Sequence[Mapping[str, Any]],
    environment: Sequence[Mapping[str, Any]],
    commit: LocalCommit,
    wanted: Sequence[str],
    allowed: Allowed,
    output: Callable[[bytes], None],
    progress: Callable[[str], None],
    attend: Callable[[str, str, Callable[[int], None]], None] | None = None,
) -> Generator[LocalStage, None, None]:
    """Perform stages; gives each when it has ended. A stage's files last until the next is asked
    for. `progress` is told what is made first, for minutes; `attend` is that of `LocalRun`. Raises
    ClientError when this machine cannot perform one.
    """
    close_process()
    with tempfile.TemporaryDirectory(prefix="dcanary-run-") as scratch:
        folder = Path(scratch)
        sandbox = require_sandbox(folder / "builds", allowed.unsandboxed)
        sandboxed = not isinstance(sandbox, UnsandboxedRunner)
        options = RuntimeOptions(
            folder / "tools", sandboxed=sandboxed, template=partial(_template, progress)
        )
        source = {"clone_url": commit.folder.as_uri(), "ref": commit.ref, "sha": commit.sha}
        run = LocalRun(
            stages,
            environment,
            source,
            folder / "stages",
            sandbox,
            lambda stage: _runtime_of(stage, options),
            output,
            allowed.network,
            _packages(stages, folder / "packages"),
            allowed.secrets,
            attend,
            Results(folders.results()) if allowed.cache else None,
        )
        try:
            yield from run.perform(wanted)
        except LocalWeather as error:
            raise ClientError(str(error)) from None
        except (LocalProblem, RuntimeUnavailable) as error:
            raise UsageTrouble(str(error)) from None


def _runtime_of(stage: Mapping[str, Any], options: RuntimeOptions) -> Runtime:
    """What a stage finds here. Raises RuntimeUnavailable."""
    needs = stage["needs"]
    (name,) = stage["runtime"]
    if needs is None or needs["image"] is None:
        return find_runtime(name.lower(), options)
    if not options.sandboxed:
        raise RuntimeUnavailable("a stage in an image needs the sandbox")
    return _image(needs["image"], name.lower(), needs["image_lock"])


# What the following import takes longer than a small build: they are for stages that need it.


def _image(digest: str, runtime: str, lock: str | None) -> Runtime:
    from dcanary.executor.images import ImageBuilder, image_runtime
    from dcanary.image.store import ImageStore

    store = ImageStore(folders.images())
    if store.find(digest) is not None and store.damage(digest) is None:
        return image_runtime(store, digest, runtime)
    from dcanary.image.machine import have_image

    return image_runtime(store, digest, runtime, ImageBuilder(have_image), lock)


def _template(progress: Callable[[str], None]) -> CanisterTemplate:
    from dcanary.wasm import ensure_template

    return ensure_template(progress=progress)


def _packages(stages: Sequence[Mapping[str, Any]], folder: Path) -> Packages | None:
    if all(stage["fetch"] is None for stage in stages):
        return None
    from dcanary.executor.packages import Packages

    return Packages.of_this_machine(folder)


def save_files(stage: LocalStage, into: Path) -> None:
    """Copy a stage's artifacts to their paths below a folder. Raises UsageTrouble."""
    for file in stage.files:
        place = into / file.path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(stage.open_file(file), place)
        except OSError as error:
            raise UsageTrouble(f"{place} cannot be written: {error.strerror}") from None
