"""The folder of dependencies is what the real tools use without a network."""

from __future__ import annotations

import fcntl
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from dcanary.download.model import NotThere
from dcanary.fetch.bring import FetchFailed
from dcanary.fetch.layout.folder import Folder, LayoutError, read_manifest
from dcanary.fetch.layout.kinds import environment
from dcanary.fetch.layout.yarn import mirror_name
from tests.fetch.conftest import Fetch
from tests.fetch.packages import archive, crate, integrity, npm_package, sha256, wheel
from tests.registry import Registry
from tests.test_tar_headers import bomb

LEFT = npm_package("left", "1.0.0", "module.exports = 'left'")
SCOPED = npm_package("@our/right", "2.0.0", "module.exports = 'right'")
WHEEL = wheel("answer", "1.0", "answer = 42\n")
CRATE = crate("helper", "0.1.0")


def npm_files(registry: Registry) -> dict[str, str]:
    registry.files["/npm/left/-/left-1.0.0.tgz"] = LEFT
    registry.files["/npm/@our/right/-/right-2.0.0.tgz"] = SCOPED
    public = "https://registry.npmjs.org"
    packages = {
        "": {"name": "site", "dependencies": {"left": "1.0.0", "@our/right": "2.0.0"}},
        "node_modules/left": {
            "version": "1.0.0",
            "resolved": f"{public}/left/-/left-1.0.0.tgz",
            "integrity": integrity(LEFT),
        },
        "node_modules/@our/right": {
            "version": "2.0.0",
            "resolved": f"{public}/@our/right/-/right-2.0.0.tgz",
            "integrity": integrity(SCOPED),
        },
    }
    return {"package-lock.json": json.dumps({"lockfileVersion": 3, "packages": packages})}


def pypi_files(registry: Registry) -> dict[str, str]:
    name = "answer-1.0-py3-none-any.whl"
    registry.files[f"/files/{name}"] = WHEEL
    page = f'<a href="../../files/{name}#sha256={sha256(WHEEL)}">{name}</a>'
    registry.files["/simple/answer/"] = page.encode()
    return {"requirements.txt": f"answer==1.0 --hash=sha256:{sha256(WHEEL)}\n"}


def cargo_files(registry: Registry, content: bytes = CRATE) -> dict[str, str]:
    registry.files["/crates/helper/helper-0.1.0.crate"] = content
    source = "registry+https://github.com/rust-lang/crates.io-index"
    return {
        "Cargo.lock": f'version = 4\n[[package]]\nname = "helper"\nversion = "0.1.0"\n'
        f'source = "{source}"\nchecksum = "{sha256(content)}"\n'
    }


def tools_environment(kinds: list[str], folder: Path, home: Path) -> dict[str, str]:
    """An environment in which a tool has the layout, no settings of this machine, no registry."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        # Nothing listens there: what asks a registry fails.
        "npm_config_registry": "http://127.0.0.1:9/",
        "PIP_CONFIG_FILE": os.devnull,
        **environment(kinds, str(folder)),
    }


def test_npm_installs_from_a_cache_that_it_may_not_write(
    tmp_path: Path, registry: Registry, fetched: Fetch
) -> None:
    files = npm_files(registry)
    fetched(files, tmp_path / "made")
    project = tmp_path / "project"
    project.mkdir()
    (project / "package-lock.json").write_text(files["package-lock.json"])
    root = json.loads(files["package-lock.json"])["packages"][""]
    (project / "package.json").write_text(json.dumps(root))
    before = read_manifest(tmp_path / "made")
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts"],
        cwd=project,
        env=tools_environment(["npm"], tmp_path / "made", tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    printed = subprocess.run(
        ["node", "-p", "require('left') + require('@our/right')"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout == "leftright\n"
    # Nothing was added: the cache can be mounted read-only.
    assert {each.path for each in read_manifest(tmp_path / "made").entries} == {
        each.path for each in before.entries
    }


def test_pip_installs_with_hashes_from_the_folder(
    tmp_path: Path, registry: Registry, fetched: Fetch
) -> None:
    files = pypi_files(registry)
    fetched(files, tmp_path / "made")
    (tmp_path / "requirements.txt").write_text(files["requirements.txt"])
    arguments = ["--target", str(tmp_path / "site"), "--require-hashes", "-r", "requirements.txt"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *arguments],
        cwd=tmp_path,
        env=tools_environment(["pypi"], tmp_path / "made", tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site/answer.py").read_text() == "answer = 42\n"


def test_crates_are_vendored_as_cargo_does_it(
    tmp_path: Path, registry: Registry, fetched: Fetch
) -> None:
    fetched(cargo_files(registry), tmp_path / "made")
    top = tmp_path / "made/cargo"
    checksums = json.loads((top / "vendor/helper-0.1.0/.cargo-checksum.json").read_text())
    assert checksums["package"] == sha256(CRATE)
    assert sorted(checksums["files"]) == ["Cargo.toml", "build.sh", "src/lib.rs"]
    for path, digest in checksums["files"].items():
        assert sha256((top / "vendor/helper-0.1.0" / path).read_bytes()) == digest
    assert (top / "vendor/helper-0.1.0/build.sh").stat().st_mode & 0o777 == 0o755
    assert (top / "vendor/helper-0.1.0/Cargo.toml").stat().st_mode & 0o777 == 0o644
    assert 'directory = "vendor"' in (top / "home/config.toml").read_text()
    assert environment(["cargo"], "/d")["CARGO_HOME"] == "/d/cargo/home"


def member(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


PLAIN = member("helper-0.1.0/a", tarfile.REGTYPE)


def odd(name: str, **attributes: str) -> bytes:
    """A crate of one file with attributes that nobody checks."""
    info = tarfile.TarInfo(name)
    info.pax_headers = attributes
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info)
    return written.getvalue()


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"helper-0.1.0/../../x": b"x"}, "no normalised relative path"),
        ({"/etc/x": b"x"}, "which no crate may hold"),
        ({"other-0.1.0/x": b"x"}, "which no crate may hold"),
        ({"l": member("helper-0.1.0/l", tarfile.SYMTYPE, "/etc")}, "which no crate may hold"),
        ({"l": member("helper-0.1.0/l", tarfile.LNKTYPE, "/etc/x")}, "which no crate may hold"),
        ({"l": member("helper-0.1.0/l", tarfile.FIFOTYPE)}, "which no crate may hold"),
        ({"helper-0.1.0/a": b"", "helper-0.1.0/a/b": b""}, "as a file and as a folder"),
        ({"helper-0.1.0/a": b"", "./helper-0.1.0/a": b""}, "which no crate may hold"),
        ({"a": PLAIN, "b": PLAIN}, "is there twice"),
        ({"helper-0.1.0/.cargo-checksum.json": b"{}"}, "which no crate may hold"),
        ({"helper-0.1.0/a\udcff": b""}, "has characters that no path here may have"),
        ({"helper-0.1.0/" + "x" * 256: b""}, "no normalised relative path"),
    ],
)
def test_a_crate_that_leads_out_of_its_folder_is_refused(
    tmp_path: Path,
    registry: Registry,
    fetched: Fetch,
    files: dict[str, bytes | tarfile.TarInfo],
    told: str,
) -> None:
    with pytest.raises(LayoutError, match=f"^Cargo\\.lock line 2: helper 0\\.1\\.0: .*{told}"):
        fetched(cargo_files(registry, archive(files)), tmp_path / "made")
    # Nothing half made is left.
    assert not [each for each in tmp_path.iterdir() if "made" in each.name]


@pytest.mark.parametrize(
    "content",
    [
        b"no archive",
        CRATE[:200],
        b"",
        bomb(tarfile.GNUTYPE_LONGNAME, 2 << 20, False),
        odd("helper-0.1.0/a", size="-5"),
        odd("helper-0.1.0/a", size=str(1 << 80)),
        odd("helper-0.1.0/a", **{"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}),
        odd("helper-0.1.0/a", **{"GNU.sparse.map": "a,b"}),
    ],
)
def test_a_crate_that_is_no_archive_is_refused(
    tmp_path: Path, registry: Registry, fetched: Fetch, content: bytes
) -> None:
    with pytest.raises(LayoutError, match=r"^Cargo\.lock line 2: helper 0\.1\.0: it ") as caught:
        fetched(cargo_files(registry, content), tmp_path / "made")
    # The words of a library, which differ between machines, are no part of the reason.
    if "too large" not in str(caught.value):
        assert str(caught.value).endswith("it is no archive of a crate")
        assert caught.value.in_full.startswith(f"{caught.value}: ")


def test_yarn_finds_its_files_by_the_names_of_its_mirror(
    tmp_path: Path, registry: Registry, fetched: Fetch
) -> None:
    registry.files["/npm/@our/right/-/right-2.0.0.tgz"] = SCOPED
    place = "https://registry.yarnpkg.com/@our/right/-/right-2.0.0.tgz"
    lock = (
        f'# yarn lockfile v1\n\n"@our/right@2.0.0":\n  version "2.0.0"\n'
        f'  resolved "{place}#0"\n  integrity {integrity(SCOPED)}\n'
    )
    made = fetched({"yarn.lock": lock}, tmp_path / "made")
    assert [each.path for each in made.manifest.entries] == ["yarn/@our-right-2.0.0.tgz"]
    assert mirror_name("https://registry.yarnpkg.com/left/-/left-1.0.0.tgz") == "left-1.0.0.tgz"


def test_the_manifest_is_the_same_whoever_fetches_in_whatever_order(
    tmp_path: Path, registry: Registry, fetched: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks = npm_files(registry) | pypi_files(registry) | cargo_files(registry)
    first = fetched(locks, tmp_path / "first").manifest
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    old = os.umask(0o077)
    try:
        backwards = dict(reversed(locks.items()))
        second = fetched(backwards, tmp_path / "second", store="another").manifest
    finally:
        os.umask(old)
    assert first == second
    assert first.digest == second.digest
    # The folders themselves are alike, too.
    for one in sorted((tmp_path / "first").rglob("*")):
        other = tmp_path / "second" / one.relative_to(tmp_path / "first")
        assert one.stat().st_mode == other.stat().st_mode
        assert one.stat().st_mtime == other.stat().st_mtime == 0
    assert read_manifest(tmp_path / "second") == first
    # And every byte of them counts.
    (tmp_path / "second/cargo/home/config.toml").write_bytes(b"")
    assert read_manifest(tmp_path / "second").digest != first.digest


def test_a_folder_with_other_files_is_left_alone(
    tmp_path: Path, registry: Registry, fetched: Fetch
) -> None:
    locks = cargo_files(registry)
    first = fetched(locks, tmp_path / "made")
    assert fetched(locks, tmp_path / "made").manifest == first.manifest
    changed = tmp_path / "made/cargo/vendor/helper-0.1.0/src/lib.rs"
    changed.write_text("evil")
    with pytest.raises(FileExistsError, match="has other files"):
        fetched(locks, tmp_path / "made")
    changed.unlink()
    changed.symlink_to("/etc/passwd")
    with pytest.raises(FileExistsError, match="has other files"):
        fetched(locks, tmp_path / "made")
    assert changed.is_symlink()
    assert [each.name for each in tmp_path.iterdir() if "made" in each.name] == ["made"]


def test_what_a_killed_process_had_begun_is_removed(
    tmp_path: Path, registry: Registry, fetched: Fetch
) -> None:
    for name in (".made.killed", ".made.living", ".made.young", ".other.killed"):
        (tmp_path / name / "npm").mkdir(parents=True)
        if "young" not in name:
            os.utime(tmp_path / name, (0, 0))
    held = os.open(tmp_path / ".made.living", os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        fetched(cargo_files(registry), tmp_path / "made")
    finally:
        os.close(held)
    left = {each.name for each in tmp_path.iterdir() if each.name.startswith(".")}
    assert left == {".made.living", ".made.young", ".other.killed"}


def test_the_second_fetch_asks_no_registry_for_files(
    tmp_path: Path, registry: Registry, fetched: Fetch
) -> None:
    locks = npm_files(registry) | cargo_files(registry)
    fetched(locks, tmp_path / "first")
    registry.seen.clear()
    fetched(locks, tmp_path / "second")
    assert registry.seen == []


def test_a_hash_that_the_index_does_not_list_is_a_problem_of_the_lock(
    tmp_path: Path, registry: Registry, fetched: Fetch
) -> None:
    pypi_files(registry)
    lock = f"\nanswer==1.0 --hash=sha256:{'0' * 64}\n"
    with pytest.raises(FetchFailed) as caught:
        fetched({"requirements.txt": lock}, tmp_path / "made")
    assert [str(each) for each in caught.value.problems] == [
        "requirements.txt line 2: no file of answer 1.0 in the index has one of its hashes: "
        "lock again, and find out what changed"
    ]


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (b'{"files": [{"filename": "answer-1.0-py3-none-any.whl", "url": "FILE", HASH}]}', ""),
        (b'{"files": [{"filename": "../x", "url": "FILE", HASH}]}', "what is no list of files"),
        (b'{"files": 7}', "what is no list of files"),
        (b'{"files": [7]}', "what is no list of files"),
        (b"{" * 10_000, "what is no list of files"),
        (b"\xff", "what is no list of files"),
        (b'<a href="http://[x">', "what is no list of files"),
    ],
)
def test_indexes_answer_json_or_html_and_nothing_else(
    tmp_path: Path, registry: Registry, fetched: Fetch, page: bytes, told: str
) -> None:
    files = pypi_files(registry)
    hashes = f'"hashes": {{"sha256": "{sha256(WHEEL)}"}}'.encode()
    place = b"../../files/answer-1.0-py3-none-any.whl"
    registry.files["/simple/answer/"] = page.replace(b"HASH", hashes).replace(b"FILE", place)
    if not told:
        assert len(fetched(files, tmp_path / "made").brought) == 1
        return
    with pytest.raises(FetchFailed, match=told):
        fetched(files, tmp_path / "made")


def test_a_package_that_is_not_in_the_index_is_named(
    tmp_path: Path, registry: Registry, fetched: Fetch
) -> None:
    files = pypi_files(registry)
    del registry.files["/simple/answer/"]
    with pytest.raises(FetchFailed) as caught:
        fetched(files, tmp_path / "made")
    assert [type(each) for each in caught.value.downloads] == [NotThere]


@pytest.mark.parametrize("path", ["", "/x", "a//b", "../x", "a/./b", "a\nb", "a\\b", "x" * 256])
def test_no_layout_writes_outside_of_its_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(LayoutError):
        Folder(tmp_path).add(path, b"x")
