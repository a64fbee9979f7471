"""`dcanary run local` as a person uses it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dcanary.cli.errors import UsageTrouble
from dcanary.cli.operations.compare import differences
from dcanary.cli.operations.local_run import given_secrets
from dcanary.executor.attestation import manifest_digest
from dcanary.executor.building import BuildReport
from dcanary.executor.local import LocalStage
from dcanary.executor.manifest import ManifestFile
from dcanary.image.lock import format_lock
from dcanary.image.store import ImageStore
from tests.cli.test_help import LOADED
from tests.executor.repositories import commit, git, make_repository
from tests.executor.sandbox.test_image_root import make_tree
from tests.image.debs import pool

PIPELINE = """\
version: 1
name: hello
stages:
  build:
    runtime: shell
    commands: ["cp in.txt out.txt"]
    artifacts: [out.txt]
  test:
    runtime: shell
    depends_on: [build]
    commands: ["grep -q hello out.txt"]
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    make_repository(folder, {"dcanary.yml": PIPELINE, "in.txt": "hello\n"})
    return folder


def dcanary(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dcanary", "run", "local", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_each_stage_is_shown_with_the_digests_of_its_vote(repository: Path, tmp_path: Path) -> None:
    into = tmp_path / "artifacts"
    done = dcanary(repository, "--json", "--into", str(into))
    assert done.returncode == 0, done.stderr
    build, test = json.loads(done.stdout)["stages"]
    sha256 = hashlib.sha256(b"hello\n").hexdigest()
    assert build["files"] == [{"path": "out.txt", "size": 6, "sha256": sha256}]
    assert build["manifest"] == manifest_digest([ManifestFile("out.txt", 6, sha256)])
    assert (test["stage"], test["succeeded"]) == ("test", True)
    assert (into / "out.txt").read_bytes() == b"hello\n"
    assert "$ cp in.txt out.txt" in done.stderr


def test_the_commit_is_built_and_not_the_work_tree(repository: Path) -> None:
    (repository / "in.txt").write_text("changed\n")
    done = dcanary(repository)
    assert done.returncode == 0, done.stderr
    assert "warning: 1 file of the work tree is not as in that commit" in done.stderr
    assert "dcanary.yml" not in done.stderr
    commit(repository)
    done = dcanary(repository)
    assert done.returncode == 1
    assert done.stderr.endswith("error: the stage test failed: command\n")
    assert "outcome      command" in done.stdout
    # Not the hash of nothing.
    assert "\nmanifest     -\nfiles        -\n" in done.stdout
    assert dcanary(repository, "--commit", "HEAD~1").returncode == 0
    assert dcanary(repository, "--stage", "build").returncode == 0


def test_the_pipeline_is_that_of_the_file_and_it_is_said_apart(repository: Path) -> None:
    """`what is built is the commit` was said, and other commands than those of it performed."""
    file = repository / "dcanary.yml"
    file.write_text(PIPELINE.replace("cp in.txt out.txt", "tr a-z A-Z < in.txt > out.txt"))
    done = dcanary(repository, "--stage", "build")
    assert done.returncode == 0, done.stderr
    assert "$ tr a-z A-Z" in done.stderr
    assert "warning: dcanary.yml is not as in that commit: the pipeline" in done.stderr
    assert "of the work tree" not in done.stderr
    (repository / "in.txt").write_text("changed\n")
    commit(repository)
    # As it is committed, but not in the commit that is named.
    told = dcanary(repository, "--stage", "build", "--commit", "HEAD~1").stderr
    assert "warning: dcanary.yml is not as in that commit" in told
    assert "is not as in" not in dcanary(repository, "--stage", "build").stderr


def test_colours_are_left_out_or_kept_and_never_shown_as_text(repository: Path) -> None:
    """`\\x1b[2m` stood in the log of every tool that colours."""
    hello = r"printf '\\033[2mdim\\033[22m \\033[2Jx\\n'"
    (repository / "dcanary.yml").write_text(PIPELINE.replace("cp in.txt", f"{hello}; cp in.txt"))
    plain, kept = (dcanary(repository, "--stage", "build", *more) for more in ((), ("--color",)))
    assert "\ndim \\x1b[2Jx\n" in plain.stderr, plain.stderr
    assert "\x1b[2mdim\x1b[22m \\x1b[2Jx\x1b[0m\n" in kept.stderr, kept.stderr


def test_mistakes_are_told_with_what_to_do(repository: Path, tmp_path: Path) -> None:
    done = dcanary(repository, "--stage", "deploy")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        "error: there is no stage deploy: use one of build, test",
    )
    done = dcanary(repository, "test")
    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        [
            "error: there is no file test",
            "  if test is a stage: dcanary run local --stage test",
        ],
    )
    done = dcanary(repository, "ci/dcanary.yml")
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        2,
        "error: there is no file ci/dcanary.yml",
    )
    done = dcanary(repository, "--commit", "v9")
    assert done.returncode == 2
    assert "no commit v9: it is no commit, branch or tag here" in " ".join(done.stderr.split())
    assert "git log --oneline --all" in done.stderr
    git(repository, "checkout", "--quiet", "--detach")
    git(repository, "commit", "--quiet", "--allow-empty", "--message=alone")
    done = dcanary(repository)
    assert done.returncode == 2
    assert "HEAD is on no branch" in " ".join(done.stderr.split())
    assert "git switch -c NAME" in done.stderr
    (tmp_path / "dcanary.yml").write_text(PIPELINE)
    done = dcanary(tmp_path)
    assert done.returncode == 2 and "no Git repository" in " ".join(done.stderr.split())


def test_a_repository_without_a_commit_is_told_to_make_one(tmp_path: Path) -> None:
    """In git's words it said `Needed a single revision`."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "dcanary.yml").write_text(PIPELINE)
    done = dcanary(tmp_path)
    said = " ".join(done.stderr.split())
    assert done.returncode == 2
    assert "no commit HEAD: the repository has no commit yet" in said
    assert "git add . && git commit" in said
    assert "revision" not in said


def stage(folder: Path, environment: str = "e" * 64, **contents: bytes) -> LocalStage:
    files = []
    for path, content in sorted(contents.items()):
        sha256 = hashlib.sha256(content).hexdigest()
        (folder / sha256).write_bytes(content)
        files.append(ManifestFile(path, len(content), sha256))
    return LocalStage("build", environment, BuildReport(files=tuple(files)), folder)


def verdict(kind: str, environment: str = "e" * 64, **contents: bytes) -> Any:
    return {
        "kind": {kind: None},
        "reason": "2 of 3",
        "environment": environment,
        "files": [
            {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for path, content in contents.items()
        ],
    }


def test_what_was_agreed_and_what_was_built_here_are_equal(tmp_path: Path) -> None:
    built = stage(tmp_path, a=b"1", b=b"2")
    assert differences(built, verdict("Agreed", b=b"2", a=b"1"), {}.__getitem__) == []


def test_each_difference_from_what_was_agreed_is_named(tmp_path: Path) -> None:
    built = stage(tmp_path, a=b"same up to here", b=b"2")
    agreed = {"a": b"same up to there", "c": b"3"}
    found = differences(built, verdict("Agreed", "f" * 64, **agreed), agreed.__getitem__)
    assert found == [
        "the tools differ: environment eeeeeeeeeeee here, ffffffffffff in the run",
        "a: 15 bytes here, 16 in the run",
        "  @@ -1 +1 @@",
        "  -same up to here",
        "  +same up to there",
        "b: only here",
        "c: only in the run",
    ]


def test_a_verdict_without_agreement_is_no_equality(tmp_path: Path) -> None:
    built = stage(tmp_path)
    assert differences(built, None, {}.__getitem__) == ["the run has no verdict about it"]
    assert differences(built, verdict("Disagreed"), {}.__getitem__) == [
        "the operators agreed on nothing: Disagreed: 2 of 3"
    ]
    assert differences(built, verdict("Failed"), {}.__getitem__) == [
        "here it succeeds, the verdict is Failed: 2 of 3"
    ]


def loaded_by(folder: Path, cache: Path) -> set[str]:
    """The packages that a local run in a folder has imported at its end."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, "run", "local"],
        cwd=folder,
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_a_full_disk_is_no_mistake_of_the_user_and_says_what_to_free(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    # Small as git keeps it, large as a file.
    make_repository(folder, {"dcanary.yml": PIPELINE, "large.txt": "x" * 200_000})
    # As a full disk does, a limit on the size of files lets a write fail. Git gets one of its own.
    limited = (
        "import resource as r, sys; r.setrlimit(r.RLIMIT_FSIZE, (50_000, r.RLIM_INFINITY)); "
        "from dcanary.cli.main import run; sys.exit(run(['run', 'local']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited], cwd=folder, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 1, done.stderr
    told = " ".join(done.stderr.split())
    assert "no room on the disk for the checkout" in told
    assert "TMPDIR" in told
    assert "Traceback" not in told


def test_a_local_run_imports_no_client_of_servers_and_no_compiler_that_it_does_not_need(
    repository: Path, tmp_path: Path
) -> None:
    loaded = loaded_by(repository, tmp_path / "cache")
    assert "pydantic" in loaded
    assert {"httpx", "httpcore", "wasmtime", "rich", "cbor2", "ic"} & loaded == set()


def test_a_stage_in_an_image_that_is_there_imports_nothing_that_builds_images(
    tmp_path: Path,
) -> None:
    lock = pool({}).lock
    store = ImageStore(tmp_path / "cache" / "dcanary" / "images")
    with store.building(lock.digest) as folder:
        store.add(folder, make_tree(folder / "tree"), lock, format_lock(lock), "own")
    pipeline = (
        "version: 1\nname: hello\nstages:\n  build: {runtime: shell, image: own.lock, "
        "commands: ['cat /etc/only-in-the-image > out'], artifacts: [out]}\n"
    )
    files = {"dcanary.yml": pipeline, "own.lock": format_lock(lock)}
    make_repository(tmp_path / "project", files)
    assert {"httpx", "httpcore"} & loaded_by(tmp_path / "project", tmp_path / "cache") == set()


def test_no_more_of_a_file_is_read_than_a_secret_may_have(tmp_path: Path) -> None:
    endless = tmp_path / "endless"
    endless.touch()
    os.truncate(endless, 1 << 40)
    with pytest.raises(UsageTrouble, match="TOKEN: the value has 65536 bytes: use 8 to"):
        given_secrets([f"TOKEN=@{endless}"])
    endless.write_bytes(b"value-of-ours\n")
    assert given_secrets([f"TOKEN=@{endless}"])["TOKEN"] == b"value-of-ours"
