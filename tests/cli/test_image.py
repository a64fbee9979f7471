"""`dcanary image` on a folder of its own, with a registry on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcanary.image.lock import format_lock
from tests.image.debs import deb, member, pool
from tests.registry import Registry, serve

POOL = pool({"one": deb("one", [member("./usr/bin/one", b"12345", mode=0o755)])})


class Command:
    """The real command, as a process with caches of its own."""

    def __init__(self, folder: Path, registry: Registry) -> None:
        self.folder = folder
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("DCANARY")},
            "XDG_CACHE_HOME": str(folder / "cache"),
            "DCANARY_DEBIAN_URL": registry.url,
            "DCANARY_DEBIAN_SNAPSHOT": "",
        }

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dcanary", *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def json(self, *words: str) -> Any:
        done = self("--json", *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serve() as serving:
        yield serving


@pytest.fixture
def dcanary(tmp_path: Path, registry: Registry) -> Command:
    registry.files.update(POOL.files)
    (tmp_path / "own.lock").write_text(format_lock(POOL.lock))
    return Command(tmp_path, registry)


def test_an_image_is_built_listed_shown_checked_and_removed(dcanary: Command) -> None:
    built = dcanary.json("image", "build", "own.lock")
    digest = built["digest"]
    assert digest == POOL.lock.digest
    assert (Path(built["root"]) / "usr/bin/one").read_bytes() == b"12345"
    assert [(each["digest"], each["name"]) for each in dcanary.json("image", "list")] == [
        (digest, "own")
    ]
    shown = dcanary.json("image", "show", digest[:8])
    assert (shown["debian"], shown["built"], shown["tree"]) == (["one 1.0-1"], True, built["tree"])
    assert [each["digest"] for each in dcanary.json("image", "check", "own.lock")] == [digest]
    assert dcanary("-q", "image", "list").stdout.split() == [digest]
    (Path(built["root"]) / "usr/bin/one").write_bytes(b"54321")
    done = dcanary("image", "check")
    assert done.returncode == 1
    assert "usr/bin/one: its bytes have changed since the image was built" in done.stderr
    assert dcanary.json("image", "remove", digest[:8])["digest"] == digest
    assert dcanary.json("image", "list") == []
    assert dcanary.json("image", "collect", "--unused-days", "0", "--packages") == []
    assert not list((dcanary.folder / "cache").rglob(POOL.packages[0].sha256[2:]))


def test_standard_images_are_shown_without_being_built(dcanary: Command) -> None:
    shown = dcanary.json("image", "show", "base")
    assert shown["built"] is False
    assert any(each.startswith("bash ") for each in shown["debian"])


def test_unused_images_are_collected(dcanary: Command) -> None:
    digest = dcanary.json("image", "build", "own.lock")["digest"]
    assert dcanary.json("image", "collect") == []
    collected = dcanary.json("image", "collect", "--unused-days", "0")
    assert [each["digest"] for each in collected] == [digest]


@pytest.mark.parametrize(
    ("words", "told", "code"),
    [
        (("build", "nothing"), "there is no image nothing: name a standard image (azle, base, ", 2),
        (("build", "none.lock"), "none.lock: cannot be read: No such file", 2),
        (("build", "bad.lock"), "bad.lock: debian[0].sha256: is not 64 hexadecimal digits", 2),
        (("build", "future.lock"), "future.lock: version: 7 is not supported", 2),
        (
            ("build", "wrong.lock"),
            "is pinned by wrong.lock line 4, debian[0].sha256 (one 1.0-1)",
            2,
        ),
        (("build", "small.lock"), "small.lock line 4, debian[0].size (one 1.0-1): ", 2),
        (("build", "below.lock"), "below.lock: files./usr/bin/a/b: is below /usr/bin/a", 2),
        (("build", "spec.yml"), "is a specification: run `dcanary image lock spec.yml` first", 2),
        (("lock", "none.yml"), "none.yml: file: cannot be read: No such file", 2),
        (("lock", "spec.yml"), "no key of Debian's archive has signed it", 1),
        (("lock", "spec.yml", "--out", "spec.yml"), "would be overwritten", 2),
        (("lock", "bad.yml"), "bad.yml: npm.x: '^1.0' is not one exact version", 2),
        (("show", "abcdef"), "there is no image abcdef", 2),
        (("check", "base"), "is not built", 1),
    ],
)
def test_what_is_wrong_is_told(
    dcanary: Command, registry: Registry, words: tuple[str, ...], told: str, code: int
) -> None:
    folder, text = dcanary.folder, format_lock(POOL.lock)
    sha256 = POOL.packages[0].sha256
    (folder / "bad.lock").write_text(text.replace(sha256, "x"))
    (folder / "wrong.lock").write_text(text.replace(sha256, "0" * 64))
    size = POOL.packages[0].size
    (folder / "small.lock").write_text(text.replace(f'"size": {size},', '"size": 1,'))
    files = '"files": {"/usr/bin/a": "1", "/usr/bin/a/b": "2"}'
    (folder / "below.lock").write_text(text.replace('"files": {}', files))
    (folder / "future.lock").write_text(text.replace('"version": 1\n', '"version": 7\n'))
    (folder / "spec.yml").write_text("version: 1\n")
    (folder / "bad.yml").write_text("version: 1\nnpm: {x: ^1.0}\n")
    registry.files["/debian/dists/bookworm/InRelease"] = b"Origin: Debian\nCodename: bookworm\n"
    done = dcanary("image", *words)
    assert told in " ".join(done.stderr.split())
    assert done.returncode == code
    assert "Traceback" not in done.stderr
