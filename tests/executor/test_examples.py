"""Both examples give the same bytes to executors in different folders with different settings."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dcanary import folders
from dcanary.executor.sandbox import BubblewrapSandbox
from tests.executor.repositories import git, make_repository

ROOT = Path(__file__).parents[2]
_BUILD = """
import json, os, sys
from pathlib import Path
from dcanary.executor.checkout import CheckoutLimits
from dcanary.executor.building import Build
from dcanary.executor.logs import LogBuffer
from dcanary.executor.runtimes import RuntimeOptions, find_runtime
from dcanary.executor.sandbox import probe_sandbox
from dcanary.pipeline import load_pipeline, to_candid
from dcanary.wasm import ensure_template

repository, sha, folder, cache = sys.argv[1:]
folder = Path(folder)
folder.mkdir()
pipeline = load_pipeline(Path(repository) / "dcanary.yml")
pipeline = to_candid(pipeline, "example", ["rrkah-fqaaa-aaaaa-aaaaq-cai"])
stage = pipeline["stages"][0]
runtime = find_runtime(
    next(iter(stage["runtime"])).lower(),
    RuntimeOptions(folder / "tools", template=lambda: ensure_template(Path(cache))),
)
work = {
    "stage": stage,
    "environment": [],
    "source": {"clone_url": Path(repository).as_uri(), "ref": "refs/heads/main", "sha": sha},
}
sandbox = probe_sandbox().sandbox
assert sandbox is not None, probe_sandbox().reason
log = LogBuffer([], 1 << 20)
limits = CheckoutLimits(schemes=("file",))
build = Build(work, lambda _: [], runtime, sandbox, limits, folder / "scratch", log)
build.folder.mkdir()
build.start()
while not build.wait(10):
    pass
files = [[file.path, file.size, file.sha256] for file in build.report.files]
said = {"environment": runtime.digest, "files": files, "uid": os.geteuid()}
print(json.dumps({**said, "log": log.peek(1 << 20).decode(), "report": str(build.report)}))
"""


def build(repository: Path, sha: str, folder: Path, other: bool) -> dict[str, Any]:
    """Build in a process of its own; `other` with another user's settings, and as no root."""
    arguments = [str(repository), sha, str(folder), str(folders.cache())]
    command = [sys.executable, "-c", _BUILD, *arguments]
    environment = dict(os.environ)
    if other:
        home = folder.parent / "home"
        home.mkdir(exist_ok=True)
        environment |= {"HOME": str(home), "TZ": "Asia/Tokyo", "LC_ALL": "C", "USER": "other"}
        environment |= {"PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1", "MARK": "seen"}
        identity = ["--unshare-user", "--uid", "4242", "--gid", "4242"]
        umask = ["/bin/sh", "-c", 'umask 077 && exec "$@"', "sh"]
        command = ["bwrap", "--dev-bind", "/", "/", *identity, "--", *umask, *command]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.replica
@pytest.mark.parametrize(
    ("example", "names"),
    [
        ("counter-motoko", ["build/counter.did", "build/counter.wasm"]),
        ("counter-python", ["build/counter.did", "build/counter.wasm.gz"]),
    ],
)
def test_an_example_builds_to_the_same_bytes_for_everyone(
    sandbox: BubblewrapSandbox, tmp_path: Path, example: str, names: list[str]
) -> None:
    first = tmp_path / "first"
    make_repository(first, {})
    shutil.copytree(ROOT / "examples" / example, first, dirs_exist_ok=True)
    git(first, "add", "--all")
    git(first, "commit", "--quiet", "--message=example")
    sha = git(first, "rev-parse", "HEAD")
    second = tmp_path / "a longer name" / "second"
    second.parent.mkdir()
    git(tmp_path, "clone", "--quiet", str(first), str(second))
    one = build(first, sha, tmp_path / "alice", other=False)
    two = build(second, sha, tmp_path / "a longer name" / "bob", other=True)
    assert [file[0] for file in one["files"]] == names, one
    assert one["files"] == two["files"], (one, two)
    assert one["environment"] == two["environment"]
    assert two["uid"] == 4242 != one["uid"]
