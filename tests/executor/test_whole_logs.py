"""Whole logs stay with the executor, named by their sha256, until they are too old or too many."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from dcanary.executor import whole_logs
from dcanary.executor.whole_logs import KeptLogs, WholeLog
from tests.executor.repositories import stage_record
from tests.executor.test_executor import Site, site, until

__all__ = ["site"]


def test_the_whole_of_a_long_log_is_kept_and_its_hash_is_on_chain(site: Site) -> None:
    commands = ["seq 1 250000"]
    site.add(stage_record(commands, output_bytes=4 << 20))
    until(site.chain.verdict, site.executor())
    (path,) = (site.folder / "alice/logs").iterdir()
    assert path.name == "run-1~build~0~1.log"
    whole = path.read_bytes()
    assert b"\n200000\n" in whole
    job = site.chain.job("run-1/build/0")
    assert (job["log_sha256"], job["log_total"]) == (
        hashlib.sha256(whole).hexdigest(),
        len(whole),
    )
    on_chain = site.chain.log("run-1/build/0")
    assert len(on_chain) <= 1 << 20
    assert whole.startswith(on_chain.partition(b"\n[")[0][:1_000])
    assert b"bytes of the log are left out here]" in on_chain
    assert b"\n249999\n250000\n" in on_chain
    assert b"\n200000\n" not in on_chain


def test_secrets_are_masked_in_the_whole_log_too(site: Site) -> None:
    site.add(stage_record(["echo hush-hush"]))
    until(site.chain.verdict, site.executor(secrets=("hush-hush",)))
    (path,) = (site.folder / "alice/logs").iterdir()
    assert b"***" in path.read_bytes()
    assert b"hush-hush\n" not in path.read_bytes()


def test_the_log_of_work_that_was_given_back_is_kept_as_well(site: Site) -> None:
    site.add(stage_record(["true"]))
    (site.folder / "repository").rename(site.folder / "gone")
    until(lambda: site.chain.reasons("run-1/build/0"), site.executor())
    assert (site.folder / "alice/logs/run-1~build~0~1.log").is_file()


def keep(logs: KeptLogs, job: str, attempt: int, text: bytes, scratch: Path) -> None:
    log = WholeLog(scratch)
    log.write(text)
    logs.take(job, attempt, scratch)


def test_logs_are_found_by_job_and_attempt(tmp_path: Path) -> None:
    logs = KeptLogs(tmp_path / "logs")
    for job, attempt in (("run-1/a/0", 1), ("run-1/a/0", 12), ("run-1/a/01", 2), ("run-1/b/0", 3)):
        keep(logs, job, attempt, b"text", tmp_path / "log")
    assert list(logs.find("run-1/a/0")) == [1, 12]
    assert logs.find("run-1/c/0") == {}


def test_old_logs_go_and_the_oldest_of_too_many(tmp_path: Path) -> None:
    logs = KeptLogs(tmp_path / "logs", max_bytes=25, max_age_seconds=1_000)
    for attempt in range(1, 5):
        keep(logs, "run-1/a/0", attempt, b"0123456789", tmp_path / "log")
        found = logs.find("run-1/a/0")
        for number, path in found.items():
            changed = time.time() - 100 + number
            os.utime(path, (changed, changed))
    assert list(logs.find("run-1/a/0")) == [3, 4]
    old = time.time() - 2_000
    os.utime(logs.find("run-1/a/0")[3], (old, old))
    logs.collect()
    assert list(logs.find("run-1/a/0")) == [4]


def test_an_empty_log_and_one_that_the_disk_does_not_take(tmp_path: Path) -> None:
    logs = KeptLogs(tmp_path / "logs")
    logs.take("run-1/a/0", 1, tmp_path / "log")
    assert logs.find("run-1/a/0")[1].read_bytes() == b""
    lost = WholeLog(tmp_path / "no folder" / "log")
    assert lost.digest() is not None
    lost.write(b"text")
    assert lost.digest() is None


def test_a_log_ends_at_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_logs, "MAX_LOG_BYTES", 10)
    log = WholeLog(tmp_path / "log")
    for _ in range(3):
        log.write(b"1234")
    assert (tmp_path / "log").read_bytes() == b"1234123412"
    found = log.digest()
    assert found is not None
    assert (found.sha256, found.size) == (hashlib.sha256(b"1234123412").hexdigest(), 10)
