"""The folder of agreed results: bounded, never believed, and never with half of one."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dcanary.executor.cache.results import MAX_RESULTS, Result, Results
from dcanary.executor.manifest import ManifestFile
from dcanary.executor.reports import TestReport
from tests.executor.cache.cached_stages import rewrite

ROOT = Path(__file__).parents[3]


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


class Yard:
    """A cache, and files to keep in it."""

    def __init__(self, folder: Path, max_bytes: int = 1_000) -> None:
        self.folder, self.said = folder, list[str]()
        self.results = Results(folder / "cache", max_bytes)
        self.files = folder / "files"
        self.files.mkdir(exist_ok=True)

    def result(self, number: int = 1, content: bytes = b"module", **more: Any) -> Result:
        sha256 = hashlib.sha256(content).hexdigest()
        (self.files / sha256).write_bytes(content)
        file = ManifestFile("build/out", len(content), sha256)
        made = Result(
            key(number), f"run-{number}", "build", "counter", "refs/heads/main", (file,), None, 1.5
        )
        return replace(made, **more)

    def keep(self, result: Result) -> bool:
        return self.results.keep(result, lambda sha256: self.files / sha256, self.said.append)

    def take(self, number: int = 1) -> Result | None:
        return self.results.take(key(number), self.folder / "into", self.said.append)

    def runs(self) -> list[str]:
        return [each.run for each in self.results.all()]

    def record(self, number: int = 1) -> Path:
        return self.folder / "cache" / "results" / f"{key(number)}.json"

    def object(self, content: bytes = b"module") -> Path:
        digest = hashlib.sha256(content).hexdigest()
        return self.folder / "cache" / "objects" / "sha256" / digest[:2] / digest[2:]

    def bytes(self) -> int:
        """Of all kept files."""
        return sum(path.stat().st_size for path in self.folder.glob("cache/objects/sha256/*/*"))


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def test_what_was_kept_is_taken_with_its_files_and_tests(yard: Yard) -> None:
    result = yard.result(tests=TestReport(3, 1, 1, ("a::b",)))
    assert yard.take() is None
    assert yard.keep(result)
    found = yard.take()
    assert found is not None and replace(found, used=0.0) == result
    assert (yard.folder / "into" / result.files[0].sha256).read_bytes() == b"module"
    assert yard.said == []


def test_the_least_recently_used_results_go_first(yard: Yard) -> None:
    for number in (1, 2, 3):
        assert yard.keep(yard.result(number, bytes([number]) * 300))
        os.utime(yard.record(number), (number, number))
    yard.take(1)
    assert yard.keep(yard.result(4, bytes(350)))
    assert sorted(yard.runs()) == ["run-1", "run-3", "run-4"]
    assert not yard.object(b"\2" * 300).exists()
    assert yard.bytes() <= 1_000


def test_results_without_files_are_bounded_by_their_number(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_RESULTS == 4_096
    monkeypatch.setattr("dcanary.executor.cache.results.MAX_RESULTS", 3)
    for number in range(5):
        assert yard.keep(yard.result(number, files=()))
        os.utime(yard.record(number), (number + 1, number + 1))
    assert yard.runs() == ["run-4", "run-3", "run-2"]


def test_a_result_that_is_larger_than_the_cache_is_not_kept_and_that_is_said(yard: Yard) -> None:
    yard.keep(yard.result(1))
    assert not yard.keep(yard.result(2, bytes(1_001)))
    assert yard.said == [
        "the result of run-2's stage build is not kept for later runs: 1,001 bytes, over the "
        "1,000 of the cache"
    ]
    assert yard.runs() == ["run-1"]


def garbled(text: bytes) -> bytes:
    return text[: len(text) // 2]


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
@pytest.mark.timeout(30)
def test_what_is_no_file_in_place_of_a_record_hinders_nobody(yard: Yard, make: Any) -> None:
    yard.record().parent.mkdir(parents=True)
    make(yard.record())
    make(yard.record().with_suffix(".partial"))
    assert yard.take() is None
    assert yard.runs() == []
    assert yard.keep(yard.result())
    assert yard.take() is not None
    assert yard.runs() == ["run-1"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (garbled, "cannot be read"),
        (lambda text: text.replace(b"run-1", b"run-9"), "is not what was written"),
        (lambda text: b"", "cannot be read"),
        (lambda text: b"[" * 100_000 + b"\n\n", "is not what was written"),
    ],
)
def test_a_damaged_record_is_removed_and_said(yard: Yard, change: Any, said: str) -> None:
    yard.keep(yard.result())
    yard.record().write_bytes(change(yard.record().read_bytes()))
    assert yard.results.all() == []
    assert yard.take() is None
    (line,) = yard.said
    assert line.startswith("a kept result was damaged, and is removed: the record of ")
    assert said in line
    assert not yard.record().exists()
    assert yard.keep(yard.result())
    assert yard.take() is not None


@pytest.mark.parametrize(
    "change",
    [
        {"key": "0" * 64},
        {"format": 2},
        {"run": "../run"},
        {"made": "today"},
        {"files": [{"path": "a", "size": 6, "sha256": "../../key.pem"}]},
        {"files": [{"path": "a", "size": -1, "sha256": "0" * 64}]},
        {"files": [{"path": "\ud800", "size": 6, "sha256": "0" * 64}]},
        {"surprise": 1},
    ],
)
def test_a_record_that_somebody_wrote_with_a_hash_that_fits_must_make_sense(
    yard: Yard, change: dict[str, Any]
) -> None:
    yard.keep(yard.result())
    rewrite(yard.record(), lambda record: record.update(change))
    assert yard.take() is None
    assert "is removed" in yard.said[0]
    assert not (yard.folder / "into").exists()


def test_a_file_that_was_changed_or_is_gone_is_found(yard: Yard) -> None:
    yard.keep(yard.result())
    yard.object().chmod(0o644)
    yard.object().write_bytes(b"poison")
    assert yard.take() is None
    assert "its bytes were changed after they were checked" in yard.said[0]
    assert not yard.object().exists() and not yard.record().exists()

    yard.keep(yard.result())
    yard.object().unlink()
    assert yard.take() is None
    assert "is not in" in yard.said[1]
    assert not (yard.folder / "into").exists()


def test_clearing_removes_everything(yard: Yard) -> None:
    for number in (1, 2):
        yard.keep(yard.result(number, bytes([number]) * 10))
    (yard.record().parent / "half.partial").write_text("x")
    assert yard.results.clear() == (2, 20)
    assert yard.results.clear() == (0, 0)
    assert list(yard.record().parent.iterdir()) == []


_KILLED = """
import os, signal, sys
from pathlib import Path

sys.path.insert(0, sys.argv[3])
from tests.executor.cache.test_results import Yard

yard, phase = Yard(Path(sys.argv[1]), 1 << 22), sys.argv[2]
result = yard.result(1, bytes(1 << 20))

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

class Dying:
    def __init__(self, path):
        self.path = path
    def open(self, mode):
        return self
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass
    def read(self, size):
        if self.path is None:
            die()
        self.path = None
        return bytes(1 << 18)

file = lambda sha256: yard.files / sha256
if phase == "file":
    file = Dying
elif phase == "record":
    yard.results._write = die
else:
    Path.replace, replace = lambda self, to: die() if self.suffix == ".partial" else replace(
        self, to), Path.replace
yard.results.keep(result, file, print)
"""


@pytest.mark.parametrize("phase", ["file", "record", "rename"])
def test_an_executor_that_is_killed_leaves_no_half_of_a_result(tmp_path: Path, phase: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(tmp_path), phase, str(ROOT)], check=False
    )
    assert done.returncode == -signal.SIGKILL
    yard = Yard(tmp_path, 1 << 22)
    assert yard.results.all() == []
    assert yard.take() is None
    assert yard.keep(yard.result(1, bytes(1 << 20)))
    assert yard.take() is not None
    assert list((tmp_path / "cache").glob("results/*.partial")) == []
    assert list((tmp_path / "cache").glob("objects/partial/*")) == []
    assert yard.said == []


def test_a_full_disk_is_said_and_nothing_is_left_behind(tmp_path: Path) -> None:
    """The disk is a tmpfs of 256 KiB in a mount namespace of its own."""
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path

        sys.path.insert(0, sys.argv[2])
        from tests.executor.cache.test_results import Yard

        disk = Path(sys.argv[1])
        files, cache = Yard(disk / "elsewhere"), disk / "small"
        yard = Yard(cache, 1 << 30)
        yard.files = files.files
        print(yard.keep(yard.result(1, bytes(1 << 20))))
        print(yard.keep(yard.result(2, b"x" * 150_000)))
        print(yard.take(2))
        print([each.name for each in cache.iterdir()])
        print(yard.runs(), yard.bytes())
        print(*yard.said, sep=chr(10))
        """
    )
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "small").mkdir()
    mount = 'mount -t tmpfs -o size=256k tmpfs "$1/small" && exec "$2" -c "$3" "$1" "$4"'
    done = subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"),
            *(str(tmp_path), sys.executable, program, str(ROOT)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    large, small, taken, left, kept, said, again = done.stdout.splitlines()
    assert (large, small, taken) == ("False", "True", "None")
    assert "into" not in left
    assert kept == "['run-2'] 150000"
    assert said.startswith("the result of run-1's stage build is not kept for later runs: no room")
    assert again.startswith("a kept result cannot be used: no room on the disk")


def test_several_threads_keep_and_take_at_once(yard: Yard) -> None:
    failures: list[BaseException] = []

    def work(name: int) -> None:
        try:
            for number in range(12):
                content = bytes([name, number]) * 100
                chosen = name * 100 + number
                assert yard.keep(yard.result(chosen, content))
                into = yard.folder / f"into-{name}"
                yard.results.take(key(chosen), into, lambda _: None)
        except Exception as error:
            # Raised in a thread it would be lost.
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert 0 < yard.bytes() <= 1_000
