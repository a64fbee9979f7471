"""The executor's folder: what it has attested to and the files behind it, safe against a kill -9.

    lock                 held while an executor runs on this folder
    standing.json        which process that is; see `standing`
    work/                half-done things; emptied at start
    packages/            what fetch stages brought; see `packages`
    cache/               agreed results that may be used again; see `cache.results`
    logs/                whole logs; see `whole_logs`
    kept/                files of stages that stay with executors; see `kept`
    leases/<id>.json     jobs that are being performed, to be given back after a restart
    jobs/<id>/record.json, jobs/<id>/files/<sha256>
    broken/<id>/record.json, broken/<id>/why.txt    jobs that were set aside; the newest of them

A job's folder is made in `work/` and renamed into place when it is complete, and its record is
replaced atomically, so each is either there or not. A job whose record is damaged, or with which
the executor cannot go on, is set aside: it must not keep the others from being followed.
"""

import contextlib
import hashlib
import json
import math
import os
import shutil
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import filelock

from dcanary.executor.attestation import Attestation, CommitDescription
from dcanary.executor.cache.key import Reusable
from dcanary.executor.manifest import ManifestFile
from dcanary.executor.reports import TestReport
from dcanary.executor.standing import owner
from dcanary.executor.whole_logs import KeptLogs
from dcanary.lock_holder import holder

# built: attested to, commitment perhaps not sent; committed: sent; revealed: revealed;
# agreed: the verdict is ours, so the files may be asked for.
Phase = Literal["built", "committed", "revealed", "agreed"]
LOCK_FILE = "lock"
_FORMAT = 1
_MAX_BROKEN = 16


class StateError(Exception):
    """The state folder cannot be used. Says why and what to do."""


@dataclass(frozen=True)
class HeldJob:
    """One job that this executor has attested to. `reusable` is that of its BuildReport.

    `keeps`: its files stay with executors. `log_sha256` and `log_total` (bytes) name its whole log.
    """

    run: str
    stage: str
    attempt: int
    attestation: Attestation
    wall_ns: int
    peak_memory_bytes: int
    phase: Phase
    since: float
    reusable: Reusable | None = None
    # Absent in records of 0.1.0.
    cpu_ns: int | None = None
    storage_bytes: int | None = None
    fetched_bytes: int | None = None
    keeps: bool = False
    log_sha256: str | None = None
    log_total: int | None = None

    @property
    def job(self) -> str:
        return self.attestation.job

    def size(self) -> int:
        return sum(file.size for file in self.attestation.files)


class State:
    """One executor's folder. Raises StateError when it cannot be used or is in use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Jobs in several slots end at the same time; what a folder holds is changed by one.
        self._changing = threading.RLock()
        self._lock = filelock.FileLock(
            folder / LOCK_FILE, timeout=0, mode=0o600, thread_local=False
        )
        try:
            for part in (folder, self.work, self._leases, self._jobs, self._broken):
                part.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock.acquire()
        except filelock.Timeout as error:
            known = owner(folder)
            pid = known.pid if known is not None else holder(folder / LOCK_FILE)
            who = "another executor" if pid is None else f"another executor (pid {pid})"
            raise StateError(
                f"{who} runs on {folder}: stop it, or use a folder of its own"
            ) from error
        except OSError as error:
            raise StateError(
                f"the folder {folder} cannot be used: {error.strerror}; make it writable"
            ) from error
        self._clean()

    @property
    def work(self) -> Path:
        """For half-done things; on the same file system as the rest."""
        return self._folder / "work"

    @property
    def logs(self) -> KeptLogs:
        """The whole logs of jobs."""
        return KeptLogs(self._folder / "logs")

    @property
    def tools(self) -> Path:
        """For wrappers of the runtimes' tools."""
        return self._folder / "tools"

    @property
    def _leases(self) -> Path:
        return self._folder / "leases"

    @property
    def _jobs(self) -> Path:
        return self._folder / "jobs"

    @property
    def _broken(self) -> Path:
        return self._folder / "broken"

    def close(self) -> None:
        """Let another executor use the folder."""
        self._lock.release()

    def make_scratch(self) -> Path:
        """A new folder for one piece of work. Whoever asked for it removes it."""
        folder = self.work / f"job-{time.time_ns()}"
        folder.mkdir(mode=0o700)
        return folder

    def note_lease(self, job: str, attempt: int) -> None:
        """Remember that a job is being performed."""
        _write_durably(self._lease(job), json.dumps({"job": job, "attempt": attempt}))

    def drop_lease(self, job: str) -> None:
        """Forget that a job is being performed."""
        self._lease(job).unlink(missing_ok=True)

    def noted_leases(self) -> list[tuple[str, int]]:
        """(job, attempt) of the jobs that are being performed, or were when this was stopped."""
        found: list[tuple[str, int]] = []
        for file in sorted(self._leases.glob("*.json")):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                noted = json.loads(file.read_text())
                job, attempt = str(noted["job"]), int(noted["attempt"])
                job.encode()
                found.append((job, attempt))
        return found

    def keep(self, held: HeldJob, files: Path) -> None:
        """Take over the folder `files` (of files named by their sha256) with its attestation."""
        place = self._place(held.job)
        making = self.work / f"{place.name}.{time.time_ns()}"
        making.mkdir(mode=0o700)
        if files.exists():
            files.rename(making / "files")
        _write_durably(making / "record.json", _to_json(held))
        with self._changing:
            if place.exists():
                shutil.rmtree(place)
            making.rename(place)
        _sync_folder(self._jobs)

    def advance(self, held: HeldJob, phase: Phase) -> HeldJob:
        """Record that a job is in its next phase."""
        advanced = replace(held, phase=phase)
        with self._changing:
            _write_durably(self._place(held.job) / "record.json", _to_json(advanced))
        return advanced

    def forget(self, job: str) -> None:
        """Remove a job with its files. Nothing happens when it is not held."""
        with self._changing:
            shutil.rmtree(self._place(job), ignore_errors=True)

    def set_aside(self, job: str, why: str) -> None:
        """Keep a job's record apart, for a person, without its files. It is held no longer."""
        with self._changing:
            self._set_aside(self._place(job), why)

    def get(self, job: str) -> HeldJob | None:
        """The held job of that name."""
        return _read(self._place(job))

    def held(self) -> list[HeldJob]:
        """All held jobs, the oldest first."""
        with self._changing:
            found = [_read(place) for place in self._jobs.iterdir()]
        return sorted((each for each in found if each is not None), key=lambda held: held.since)

    def file(self, job: str, sha256: str) -> Path:
        """Where a held file is."""
        return self.files(job) / sha256

    def files(self, job: str) -> Path:
        """The folder of a job's files, which are named by their sha256."""
        return self._place(job) / "files"

    def trim(self, max_bytes: int, max_jobs: int) -> list[str]:
        """Forget the oldest jobs whose part is done, until the rest fits; returns their names."""
        held = self.held()
        total, count = sum(each.size() for each in held), len(held)
        forgotten: list[str] = []
        for each in held:
            if total <= max_bytes and count <= max_jobs:
                break
            if each.phase in ("revealed", "agreed"):
                self.forget(each.job)
                forgotten.append(each.job)
                total -= each.size()
                count -= 1
        return forgotten

    def _place(self, job: str) -> Path:
        return self._jobs / hashlib.sha256(job.encode()).hexdigest()[:32]

    def _lease(self, job: str) -> Path:
        return self._leases / f"{self._place(job).name}.json"

    def _clean(self) -> None:
        for leftover in self.work.iterdir():
            shutil.rmtree(leftover, ignore_errors=True)
        for place in self._jobs.iterdir():
            if _read(place) is None:
                self._set_aside(place, "its record cannot be read")

    def _set_aside(self, place: Path, why: str) -> None:
        shutil.rmtree(place / "files", ignore_errors=True)
        aside = self._broken / place.name
        # Whatever cannot be kept is removed: what stays among the jobs would be met again.
        with contextlib.suppress(OSError):
            shutil.rmtree(aside, ignore_errors=True)
            place.rename(aside)
            (aside / "why.txt").write_text(f"{why}\n", errors="backslashreplace")
        shutil.rmtree(place, ignore_errors=True)
        kept = sorted(self._broken.iterdir(), key=lambda each: each.lstat().st_mtime_ns)
        for oldest in kept[:-_MAX_BROKEN]:
            shutil.rmtree(oldest, ignore_errors=True)


def _to_json(held: HeldJob) -> str:
    attestation = asdict(held.attestation)
    attestation["nonce"] = held.attestation.nonce.hex()
    return json.dumps({**asdict(held), "attestation": attestation, "format": _FORMAT})


def _read(place: Path) -> HeldJob | None:
    """The held job in a folder; None for a record that is damaged or of another format."""
    try:
        record: dict[str, Any] = json.loads((place / "record.json").read_text())
        if record.pop("format") != _FORMAT:
            return None
        attestation = record.pop("attestation")
        files = tuple(ManifestFile(**file) for file in attestation.pop("files"))
        nonce = bytes.fromhex(attestation.pop("nonce"))
        described = attestation.pop("commit", None)
        commit = None if described is None else CommitDescription(**described)
        said = attestation.pop("tests", None)
        tests = None if said is None else TestReport(**{**said, "failed": tuple(said["failed"])})
        attested = Attestation(**attestation, files=files, nonce=nonce, commit=commit, tests=tests)
        found = record.pop("reusable", None)
        reusable = None if found is None else Reusable(**found)
        held = HeldJob(attestation=attested, reusable=reusable, **record)
        return held if _is_sound(held) else None
    except Exception:
        # What a damaged file makes of the lines above is not to be foreseen, and to end by it would
        # be to end at every start.
        return None


def _is_sound(held: HeldJob) -> bool:
    """Whether a record that was read can be worked with. May raise when it cannot."""
    attestation, commit, tests = (
        held.attestation,
        held.attestation.commit,
        held.attestation.tests,
    )
    texts = [held.run, held.stage, held.job, attestation.reason, attestation.environment]
    texts += [text for file in attestation.files for text in (file.path, file.sha256)]
    texts += [] if held.log_sha256 is None else [held.log_sha256]
    texts += [] if commit is None else [commit.author, commit.message]
    texts += [] if tests is None else tests.failed
    reusable = held.reusable
    if reusable is not None:
        texts += [reusable.key, reusable.repository, reusable.ref, reusable.reused]
    numbers = [held.attempt, held.wall_ns, held.peak_memory_bytes]
    used = (held.cpu_ns, held.storage_bytes, held.fetched_bytes)
    numbers += [number for number in used if number is not None]
    numbers += [] if held.log_total is None else [held.log_total]
    numbers += [file.size for file in attestation.files]
    numbers += [] if tests is None else [tests.ran, tests.skipped, tests.failed_count]
    # Raises for text with lone surrogates, which no message could hold.
    "".join(texts).encode()
    return (
        held.phase in get_args(Phase)
        and all(isinstance(number, int) and 0 <= number < 1 << 64 for number in numbers)
        and isinstance(held.since, int | float)
        and math.isfinite(held.since)
    )


def _write_durably(file: Path, text: str) -> None:
    partial = file.with_name(f"{file.name}.partial")
    # The nonce is in here: until the reveal only this executor may know it.
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(file)
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
