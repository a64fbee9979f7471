"""pnpm-lock.yaml is read as pnpm reads it; the real pnpm and Yarn 1 install what is laid out."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from dcanary.download.model import Digest
from dcanary.fetch.layout.folder import read_manifest
from dcanary.fetch.pinned import Pinned, Target
from tests.fetch.conftest import Fetch
from tests.fetch.packages import integrity
from tests.fetch.test_layouts import LEFT, SCOPED, npm_files, tools_environment
from tests.fetch.test_locks import INTEGRITY, SHA1, SHA512, TWO_HASHES, names, read, told
from tests.registry import Registry

PROGRAMS = Path("node_modules/.bin").absolute()

V6 = f"""lockfileVersion: '6.0'

dependencies:
  left:
    specifier: ^1.0.0
    version: 1.0.0

packages:

  /left@1.0.0:
    resolution: {{integrity: {INTEGRITY}}}
    dev: false

  /@a/b@2.0.0(left@1.0.0):
    resolution: {{integrity: {INTEGRITY}}}
    peerDependencies:
      left: '*'
    dev: false

  /mac@1.0.0:
    resolution: {{integrity: {INTEGRITY}}}
    os: [darwin]
    optional: true

  file:vendor/c:
    resolution: {{directory: vendor/c, type: directory}}
    name: c
    dev: false
"""

V9 = f"""lockfileVersion: '9.0'

importers:

  .:
    dependencies:
      left:
        specifier: ^1.0.0
        version: 1.0.0

packages:

  left@1.0.0:
    resolution: {{integrity: {INTEGRITY}}}

  '@a/b@2.0.0':
    resolution: {{integrity: {INTEGRITY}}}
    peerDependencies:
      left: '*'

  mac@1.0.0:
    resolution: {{integrity: {INTEGRITY}}}
    os: [darwin]

  needed@1.0.0:
    resolution: {{integrity: {INTEGRITY}}}
    os: [darwin]

  c@file:vendor/c:
    resolution: {{directory: vendor/c, type: directory}}

  d@file:vendor/d.tgz:
    resolution: {{integrity: {INTEGRITY}, tarball: file:vendor/d.tgz}}
    version: 1.0.0

snapshots:

  left@1.0.0: {{}}

  '@a/b@2.0.0(left@1.0.0)':
    dependencies:
      left: 1.0.0

  mac@1.0.0:
    optional: true

  needed@1.0.0(left@1.0.0): {{}}

  c@file:vendor/c: {{}}
"""


def lock(resolution: str, key: str = "x@1.0.0") -> dict[str, str]:
    text = f"lockfileVersion: '9.0'\npackages:\n  {key}:\n    resolution: {{{resolution}}}\n"
    return {"pnpm-lock.yaml": text}


def test_version_6_is_read_with_its_lines() -> None:
    found = read({"web/pnpm-lock.yaml": V6})
    assert told(found) == []
    assert names(found) == ["@a/b 2.0.0", "left 1.0.0"]
    assert found.pins[1] == Pinned(
        "pnpm",
        "left",
        "1.0.0",
        "https://registry.npmjs.org/left/-/left-1.0.0.tgz",
        (Digest("sha512", SHA512),),
        "web/pnpm-lock.yaml",
        10,
    )
    assert V6.splitlines()[9] == "  /left@1.0.0:"
    assert found.pins[0].url == "https://registry.npmjs.org/@a/b/-/b-2.0.0.tgz"


def test_version_9_is_read_and_what_is_optional_and_for_others_left_out() -> None:
    found = read({"pnpm-lock.yaml": V9})
    assert told(found) == []
    # `needed` is not optional: pnpm says what is wrong with it.
    assert names(found) == ["@a/b 2.0.0", "left 1.0.0", "needed 1.0.0"]
    arm = V9.replace("os: [darwin]", "cpu: [arm64]")
    assert "mac 1.0.0" in names(read({"pnpm-lock.yaml": arm}, target=Target(machine="aarch64")))


@pytest.mark.parametrize("rest", ["", "packages:\n", "packages: {}\nsnapshots: {}\n"])
def test_a_lock_of_a_project_without_dependencies_pins_nothing(rest: str) -> None:
    found = read({"pnpm-lock.yaml": f"lockfileVersion: '9.0'\nimporters:\n  .: {{}}\n{rest}"})
    assert (names(found), told(found)) == ([], [])


def test_of_several_documents_the_last_is_the_projects() -> None:
    own = "lockfileVersion: '9.0'\npackages:\n  pnpm@11.0.0:\n    resolution: {}\n"
    assert names(read({"pnpm-lock.yaml": f"---\n{own}\n---\n{V9}"}))[1] == "left 1.0.0"


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (lock(""), "line 3: x@1.0.0 has no integrity: it is not pinned"),
        (lock(f"integrity: {SHA1}"), "line 3: x@1.0.0 has only a weak hash"),
        (lock(f"integrity: {TWO_HASHES}"), "line 3: x@1.0.0 has several hashes"),
        (
            lock("type: git, repo: https://h/x.git, commit: abc", "x@https://h/x.git#abc"),
            "line 3: x is a Git commit, whose bytes no hash in the lock pins: fetching",
        ),
        (
            lock(
                "tarball: https://codeload.github.com/o/x/tar.gz/abc",
                "x@https://codeload.github.com/o/x/tar.gz/abc",
            ),
            "use a published version of x, or",
        ),
        (
            lock(
                f"integrity: {INTEGRITY}, gitHosted: true, tarball: https://forge/x.tgz",
                "x@https://forge/x.tgz",
            ),
            "is a Git commit",
        ),
        (
            lock(f"integrity: {INTEGRITY}, tarball: https://registry.npmjs.org/x/-/x-1.0.0.tgz"),
            "lock again without the setting lockfile-include-tarball-url",
        ),
        (lock("directory: ../out, type: directory", "x@file:../out"), "not in this repository"),
        (lock("tarball: file:/etc/x.tgz", "x@file:/etc/x.tgz"), "not in this repository"),
        (lock(f"integrity: {INTEGRITY}", "'../x@1.0.0'"), "names no package"),
        (lock(f"integrity: {INTEGRITY}", "'x@1/0'"), "has no version"),
        ({"pnpm-lock.yaml": "lockfileVersion: '9.0'\npackages:\n  x@1: text"}, "is no mapping"),
        ({"pnpm-lock.yaml": "lockfileVersion: '9.0'\npackages: text"}, "are no mapping"),
        (
            {"pnpm-lock.yaml": "# written\nlockfileVersion: 5.4\n"},
            "line 2: lockfileVersion 5.4 is not supported, 6 and 9 are: lock again with",
        ),
        ({"pnpm-lock.yaml": ""}, "lockfileVersion None is not supported"),
        ({"pnpm-lock.yaml": "a: 1\na: 2"}, "line 2: the key 'a' is there twice"),
        ({"pnpm-lock.yaml": "a: &x 1\nb: *x"}, "line 2: aliases and tags are not read"),
        ({"pnpm-lock.yaml": "a: !!python/none 1"}, "line 1: aliases and tags are not read"),
        ({"pnpm-lock.yaml": "a: " + "[" * 50}, "nested deeper than 32 levels"),
        ({"pnpm-lock.yaml": "a: " + "[" * 5000}, "line 1: "),
        ({"pnpm-lock.yaml": "a: [\nb: }"}, "this is no YAML"),
        ({"pnpm-lock.yaml": "{[a]: b}"}, "a key is no text"),
    ],
)
def test_what_does_not_pin_is_named_with_its_line(files: dict[str, str], problem: str) -> None:
    (said,) = told(read(files))
    assert said.startswith("pnpm-lock.yaml")
    assert problem in said


def test_a_registry_of_a_scope_that_is_used_is_refused_with_its_line() -> None:
    settings = "store-dir=x\n@a:registry=https://npm.example.org/\n@z:registry=https://other/\n"
    files = {"web/pnpm-lock.yaml": V9, "web/.npmrc": settings}
    (said,) = told(read(files, "web/pnpm-lock.yaml"))
    assert said.startswith("web/.npmrc line 2: pnpm would ask another registry for packages of @a")


def pnpm_files(registry: Registry, version: str) -> dict[str, str]:
    npm_files(registry)
    prefix, importer = ("/", "") if version == "6.0" else ("", "    ")
    start = "" if version == "6.0" else "importers:\n  .:\n"
    hashes = {"@our/right@2.0.0": integrity(SCOPED), "left@1.0.0": integrity(LEFT)}
    named = "".join(
        f"{importer}  '{name}':\n{importer}    specifier: {number}\n"
        f"{importer}    version: {number}\n"
        for name, _, number in (key.rpartition("@") for key in hashes)
    )
    packages = "".join(
        f"  '{prefix}{key}':\n    resolution: {{integrity: {each}}}\n    dev: false\n"
        for key, each in hashes.items()
    )
    snapshots = "".join(f"  '{key}': {{}}\n" for key in hashes)
    text = (
        f"lockfileVersion: '{version}'\nsettings:\n  autoInstallPeers: true\n"
        f"  excludeLinksFromLockfile: false\n"
        f"{start}{importer}dependencies:\n{named}packages:\n{packages}"
    )
    if version != "6.0":
        text = text.replace("    dev: false\n", "") + f"snapshots:\n{snapshots}"
    return {"pnpm-lock.yaml": text}


def project(folder: Path, files: dict[str, str], **more: object) -> Path:
    folder.mkdir()
    wanted = {"left": "1.0.0", "@our/right": "2.0.0"}
    (folder / "package.json").write_text(
        json.dumps({"name": "site", "private": True, "dependencies": wanted, **more})
    )
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def installed(
    command: list[str], folder: Path, kinds: list[str], packages: Path
) -> subprocess.CompletedProcess[str]:
    environment = tools_environment(kinds, packages, folder.parent / "home")
    # Where it is root, Yarn would have a cache for the whole machine.
    environment["YARN_CACHE_FOLDER"] = str(folder.parent / "yarn-cache")
    return subprocess.run(
        [str(PROGRAMS / command[0]), *command[1:]] if command[0] != "npm" else command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def prints(folder: Path) -> str:
    return subprocess.run(
        ["node", "-p", "require('left') + require('@our/right')"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_pnpm_installs_from_a_registry_that_is_a_folder(
    tmp_path: Path, registry: Registry, fetched: Fetch
) -> None:
    files = pnpm_files(registry, "9.0")
    made = fetched(files, tmp_path / "made")
    assert [each.path for each in made.manifest.entries] == [
        "pnpm/@our/right/-/right-2.0.0.tgz",
        "pnpm/left/-/left-1.0.0.tgz",
    ]
    # Another pnpm that the project asks for is not looked for, and its registry is not asked.
    site = project(tmp_path / "site", files, packageManager="pnpm@9.0.0")
    (site / ".npmrc").write_text("registry=http://127.0.0.1:9/\n")
    install = ["pnpm", "install", "--frozen-lockfile"]
    done = installed(install, site, ["pnpm"], tmp_path / "made")
    assert done.returncode == 0, done.stdout + done.stderr
    assert prints(site) == "leftright\n"
    assert read_manifest(tmp_path / "made") == made.manifest


def test_pnpm_refuses_bytes_that_its_lock_does_not_pin(
    tmp_path: Path, registry: Registry, fetched: Fetch
) -> None:
    files = pnpm_files(registry, "9.0")
    fetched(files, tmp_path / "made")
    (tmp_path / "made/pnpm/left/-/left-1.0.0.tgz").write_bytes(SCOPED)
    site = project(tmp_path / "site", files)
    install = ["pnpm", "install", "--frozen-lockfile"]
    done = installed(install, site, ["pnpm"], tmp_path / "made")
    assert done.returncode != 0
    assert "TARBALL_INTEGRITY" in done.stdout + done.stderr


def test_npm_and_pnpm_find_their_packages_beside_each_other(
    tmp_path: Path, registry: Registry, fetched: Fetch
) -> None:
    files = pnpm_files(registry, "9.0") | npm_files(registry)
    fetched(files, tmp_path / "made")
    for command in (["npm", "ci"], ["pnpm", "install", "--frozen-lockfile"]):
        site = project(tmp_path / command[0], files)
        done = installed(command, site, ["npm", "pnpm"], tmp_path / "made")
        assert done.returncode == 0, done.stdout + done.stderr
        assert prints(site) == "leftright\n"


def test_both_versions_of_the_lock_give_the_same_folder(
    tmp_path: Path, registry: Registry, fetched: Fetch
) -> None:
    old = fetched(pnpm_files(registry, "6.0"), tmp_path / "old")
    new = fetched(pnpm_files(registry, "9.0"), tmp_path / "new")
    assert old.manifest == new.manifest


def test_yarn_1_installs_from_its_offline_mirror(
    tmp_path: Path, registry: Registry, fetched: Fetch
) -> None:
    npm_files(registry)
    entries = "".join(
        f'"{name}@{version}":\n  version "{version}"\n'
        f'  resolved "https://registry.yarnpkg.com/{name}/-/{name.split("/")[-1]}-{version}.tgz"\n'
        f"  integrity {integrity(content)}\n\n"
        for name, version, content in (("@our/right", "2.0.0", SCOPED), ("left", "1.0.0", LEFT))
    )
    files = {"yarn.lock": f"# yarn lockfile v1\n\n\n{entries}"}
    fetched(files, tmp_path / "made")
    site = project(tmp_path / "site", files)
    install = ["yarn", "install", "--offline", "--frozen-lockfile"]
    done = installed(install, site, ["yarn"], tmp_path / "made")
    assert done.returncode == 0, done.stdout + done.stderr
    assert prints(site) == "leftright\n"
