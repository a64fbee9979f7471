"""Dependencies from the real registries of npm and PyPI, used by the real tools without them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dcanary.cli.main import run
from dcanary.cli.operations.watch import state_of
from tests.e2e.registries import live_proxies_only as live_proxies_only
from tests.e2e.world import World

pytestmark = pytest.mark.e2e

MS = "6FlzubTLZG3J2a/NVCAleEhjzq5oxgHyaCU9yYXvcLsvoVaHJq/s5xXI6/XXP6tz7R9xAOtHnSO/tXtF3WRTlA=="
ROOT = {"name": "site", "dependencies": {"ms": "2.1.3"}}
NPM = {
    "name": "site",
    "lockfileVersion": 3,
    "packages": {
        "": ROOT,
        "node_modules/ms": {
            "version": "2.1.3",
            "resolved": "https://registry.npmjs.org/ms/-/ms-2.1.3.tgz",
            "integrity": f"sha512-{MS}",
        },
    },
}
PYPI = """\
idna==3.7 \\
    --hash=sha256:028ff3aadf0609c1fd278d8ea3089299412a7a8b9bd005dd08b9f8285bcb5cfc \\
    --hash=sha256:82fee1fc78add43492d3a1898bfa6d8a904cc97d8427f683ed8e798d07761aa0
"""


def test_real_packages_are_fetched_and_installed_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("package.json").write_text(json.dumps(ROOT))
    Path("package-lock.json").write_text(json.dumps(NPM))
    Path("requirements.txt").write_text(PYPI)
    assert run(["--json", "fetch", "--into", "made"]) == 0, capsys.readouterr().err
    printed = json.loads(capsys.readouterr().out)
    # Of any machine, on any day.
    assert printed["digest"] == "5728cbbf377bcbfb0692e4eef836f926a929e39b01e2b719789917d27be6839e"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "npm_config_registry": "http://127.0.0.1:9/",
        "PIP_CONFIG_FILE": os.devnull,
        **printed["environment"],
    }
    for command in (
        ["npm", "ci"],
        [sys.executable, "-m", "pip", "install", "--target", "site", "-r", "requirements.txt"],
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stderr
    used = subprocess.run(
        ["node", "-p", "require('ms')('1h')"], capture_output=True, text=True, check=True
    )
    assert used.stdout == "3600000\n"
    assert (tmp_path / "site/idna/__init__.py").exists()


YARN = {
    "lockfileVersion": 3,
    "packages": {
        "node_modules/yarn": {
            "version": "1.22.22",
            "resolved": "https://registry.npmjs.org/yarn/-/yarn-1.22.22.tgz",
            "integrity": "sha512-"
            "prL3kGtyG7o9Z9Sv8IPfBNrWTDmXB4Qbes8A9rEzt6wkJV8mUvoirjU0Mp3GGAU06Y0XQyA3/2/RQFVuK7MTfg==",
        }
    },
}
YARN_MAIN = "tool/node_modules/yarn/bin/yarn.js"
YARN_LOCK = """\
# yarn lockfile v1


ms@2.1.3:
  version "2.1.3"
  resolved "https://registry.yarnpkg.com/ms/-/ms-2.1.3.tgz#574c8138ce1d2b5861f0b44579dbadd60c6615b2"
  integrity sha512-INTEGRITY
"""


def test_yarn_itself_is_fetched_and_installs_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("package.json").write_text(json.dumps(ROOT))
    Path("yarn.lock").write_text(YARN_LOCK.replace("INTEGRITY", MS))
    Path("tool").mkdir()
    Path("tool/package.json").write_text('{"dependencies": {"yarn": "1.22.22"}}')
    Path("tool/package-lock.json").write_text(json.dumps(YARN))
    locks = ["--lock", "yarn.lock", "--lock", "tool/package-lock.json"]
    assert run(["--json", "fetch", "--into", "made", *locks]) == 0, capsys.readouterr().err
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "npm_config_registry": "http://127.0.0.1:9/",
        **json.loads(capsys.readouterr().out)["environment"],
    }
    for command, folder in (
        (["npm", "ci", "--ignore-scripts"], "tool"),
        (["node", YARN_MAIN, "install", "--offline", "--frozen-lockfile"], "."),
    ):
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=200
        )
        assert done.returncode == 0, done.stderr
    assert Path("node_modules/ms/index.js").exists()


PIPELINE = """\
version: 1
name: site
on: {push: {branches: [main]}}
stages:
  packages:
    kind: fetch
    locks: [package-lock.json, requirements.txt]
  build:
    runtime: shell
    depends_on: [packages]
    commands:
      - npm ci
      - node -p "require('ms')('1h')" > out.txt
      - ls $PIP_FIND_LINKS >> out.txt
    artifacts: [out.txt]
"""


def test_three_executors_agree_on_real_packages_and_build_with_them(world: World) -> None:
    files = {
        "dcanary.yml": PIPELINE,
        "package.json": json.dumps(ROOT),
        "package-lock.json": json.dumps(NPM),
        "requirements.txt": PYPI,
    }
    repository = world.add_repository("site", files, target=False)
    built = world.push(repository)
    found = world.end_of_run(built, 240.0)
    assert state_of(found) == "Succeeded", found["state"]
    packages = world.round(built, "packages")["verdict"]
    assert packages["kind"] == {"Agreed": None} and len(packages["jobs"]) >= 2
    # What `dcanary fetch` says of the same locks on any machine.
    digest = "5728cbbf377bcbfb0692e4eef836f926a929e39b01e2b719789917d27be6839e"
    assert [(each["path"], each["sha256"]) for each in packages["files"]] == [
        ("packages.manifest", digest)
    ]
    compared = world.run("run", "local", "--compare", built, str(repository.folder))
    assert compared.returncode == 0, compared.stderr
    assert compared.stdout.count("equal") == 2
