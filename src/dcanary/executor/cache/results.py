"""The folder of one executor in which it keeps its own agreed results.

    results/<key>.json    a manifest, and which run it is of
    objects/              the files, by the sha256 of their bytes
    lock                  held while something is added or removed

Nothing in it is believed: a result is used only when its record is whole and every file, hashed
again while it is copied out, has the bytes that the manifest names. A result that does not is
removed, and the stage is built. What somebody changes so that all hashes fit is found by the vote,
as any other wrong result: the other operators have kept nothing of it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import filelock

from dcanary.executor.manifest import MAX_FILES, ManifestFile
from dcanary.executor.reports import TestReport
from dcanary.file_places import discard, make_way, open_unwaiting
from dcanary.objects import MissingObject, ObjectError, ObjectStore, PoisonedObject
from dcanary.pipeline.names import check_name

DEFAULT_BYTES = 2 << 30
MAX_RESULTS = 4_096
"""Results of stages without files take no room that is counted."""
_FORMAT = 1
_KEY = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """One agreed result: of which run and stage, for what. `made` and `used` are seconds of 1970.

    `used` is the time of the last use; it is the file's and not part of the record.
    """

    key: str
    run: str
    stage: str
    repository: str
    ref: str
    files: tuple[ManifestFile, ...]
    tests: TestReport | None
    made: float
    used: float = 0.0

    @property
    def size(self) -> int:
        """Bytes of the files."""
        return sum(file.size for file in self.files)


class DamagedResult(Exception):
    """A record that is not as it was written. Says how."""


class Results:
    """Keeps results in `folder`, at most `max_bytes` of files: the least recently used go first.

    With no bytes nothing is kept and nothing found. For use by several threads and processes.
    """

    def __init__(self, folder: Path, max_bytes: int = DEFAULT_BYTES) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        self._objects = ObjectStore(folder / "objects", max_bytes)

    def take(self, key: str, into: Path, say: Say) -> Result | None:
        """The result of a key, with its files copied to `into/<sha256>`; None when there is none.

        `say` is told of a result that cannot be used; a damaged one is removed.
        """
        if not self._max_bytes:
            return None
        try:
            result = self._read(key)
            if result is None:
                return None
            self._copy(result, into)
            with contextlib.suppress(OSError):
                os.utime(self._record(key))
        except (DamagedResult, MissingObject, PoisonedObject) as error:
            _empty(into)
            self.remove(key)
            say(f"a kept result was damaged, and is removed: {error}")
            return None
        except OSError as error:
            _empty(into)
            say(f"a kept result cannot be used: {_described(error)}")
            return None
        return result

    def keep(self, result: Result, file: Callable[[str], Path], say: Say) -> bool:
        """Keep a result, whose files are found by their sha256; whether it is kept.

        `say` is told why it is not. The record is written last: a killed executor leaves files that
        nothing names, which go when there is need of room, and no half of a result.
        """
        if not self._max_bytes:
            return False
        about = f"the result of {result.run}'s stage {result.stage} is not kept for later runs"
        if result.size > self._max_bytes:
            said = f"{result.size:,} bytes, over the {self._max_bytes:,} of the cache"
            say(f"{about}: {said}")
            return False
        try:
            with self._locked():
                self._make_room(result)
                for each in result.files:
                    with file(each.sha256).open("rb") as stream:
                        self._objects.put(stream, sha256=each.sha256, max_bytes=each.size)
                self._write(result)
        except (ObjectError, OSError) as error:
            say(f"{about}: {_described(error)}")
            with contextlib.suppress(OSError), self._locked():
                self._collect()
            return False
        return True

    def remove(self, key: str) -> None:
        """Forget a result. Its files go when there is need of room."""
        discard(self._record(key))

    def all(self) -> list[Result]:
        """The results, those used last first. Damaged ones are left out."""
        found = []
        for record in self._records():
            with contextlib.suppress(DamagedResult, OSError):
                result = self._read(record.stem)
                if result is not None:
                    found.append(result)
        return sorted(found, key=lambda each: each.used, reverse=True)

    def clear(self) -> tuple[int, int]:
        """Remove everything; how many results there were, and the bytes that are free now."""
        with self._locked():
            records = list(self._records())
            for record in (*records, *self._results.glob("*.partial")):
                discard(record)
            return len(records), self._objects.collect_garbage(set())

    def _read(self, key: str) -> Result | None:
        """The record of a key. Raises DamagedResult, OSError."""
        path = self._record(key)
        try:
            with open_unwaiting(path) as file:
                text, used = file.read(), os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            return None
        return replace(_parsed(key, text), used=used)

    def _copy(self, result: Result, into: Path) -> None:
        """Copy the files out. Raises DamagedResult, ObjectError, OSError."""
        into.mkdir(parents=True, exist_ok=True)
        for file in result.files:
            target, digest, size = into / file.sha256, hashlib.sha256(), 0
            with self._objects.open(file.sha256) as stream, target.open("wb") as copy:
                while chunk := stream.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    size += len(chunk)
                    copy.write(chunk)
                copy.flush()
                os.fsync(copy.fileno())
            # What is attested to is what lies in the copy, whoever writes in the cache meanwhile.
            if (digest.hexdigest(), size) != (file.sha256, file.size):
                raise DamagedResult(f"{file.path} is not what the manifest says")

    def _write(self, result: Result) -> None:
        record = self._record(result.key)
        record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = record.with_suffix(".partial")
        make_way(record)
        make_way(partial)
        try:
            with partial.open("wb") as stream:
                stream.write(_formatted(result))
                stream.flush()
                os.fsync(stream.fileno())
            partial.replace(record)
        finally:
            partial.unlink(missing_ok=True)

    def _make_room(self, coming: Result) -> None:
        """Remove the least recently used results until the coming one fits, and unnamed files."""
        for partial in self._results.glob("*.partial"):
            discard(partial)
        # Records are read only when there is need of room: there may be thousands.
        is_full = self._objects.size() + coming.size > self._max_bytes
        if not is_full and sum(1 for _ in self._records()) < MAX_RESULTS:
            return
        room, count = self._max_bytes - coming.size, MAX_RESULTS - 1
        for result in self.all():
            if result.key == coming.key:
                continue
            room -= result.size
            count -= 1
            if room < 0 or count < 0:
                self.remove(result.key)
        self._collect()

    def _collect(self) -> None:
        self._objects.collect_garbage({f.sha256 for each in self.all() for f in each.files})

    def _records(self) -> Iterator[Path]:
        return (path for path in self._results.glob("*.json") if _KEY.fullmatch(path.stem))

    @property
    def _results(self) -> Path:
        return self._folder / "results"

    def _record(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is not a sha256 in small hexadecimal digits")
        return self._results / f"{key}.json"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with filelock.FileLock(self._folder / "lock"):
            yield


def _formatted(result: Result) -> bytes:
    record = asdict(result)
    del record["used"]
    text = json.dumps({**record, "format": _FORMAT}, sort_keys=True)
    # Against disks, not against people: who writes here can write this line, too.
    return f"{text}\n{hashlib.sha256(text.encode()).hexdigest()}\n".encode()


def _parsed(key: str, content: bytes) -> Result:
    """A record. Raises DamagedResult."""
    where = f"the record of {key[:12]}"
    try:
        text, check = content.decode().splitlines()
        if hashlib.sha256(text.encode()).hexdigest() != check:
            raise DamagedResult(f"{where} is not what was written")
        record: dict[str, Any] = json.loads(text)
        if record.pop("format") != _FORMAT or record["key"] != key:
            raise DamagedResult(f"{where} is of another result or another version")
        files = tuple(ManifestFile(**each) for each in record.pop("files"))
        said = record.pop("tests")
        tests = None if said is None else TestReport(**{**said, "failed": tuple(said["failed"])})
        result = Result(**record, files=files, tests=tests)
        _check(result)
    except DamagedResult:
        raise
    except Exception as error:
        # What a changed file makes of the lines above is not to be foreseen.
        raise DamagedResult(f"{where} cannot be read ({type(error).__name__})") from error
    return result


def _check(result: Result) -> None:
    """Raise for what could not be attested to, or would not be found again."""
    texts = [result.run, result.stage, result.repository, result.ref]
    texts += [text for file in result.files for text in (file.path, file.sha256)]
    "".join(texts).encode()
    check_name(result.run)
    time.gmtime(result.made)
    if len(result.files) > MAX_FILES or not all(
        type(file.size) is int and 0 <= file.size < 1 << 63 and _KEY.fullmatch(file.sha256)
        for file in result.files
    ):
        raise ValueError(result.key)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _described(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return f"no room on the disk ({error.strerror})"
    return str(error)
