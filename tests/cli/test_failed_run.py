"""A run that failed says which command it was, how that ended and where its log is, once."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dcanary.cli.context import Context
from dcanary.cli.operations.failures import TAIL_BYTES, failure_of, last_failure
from dcanary.cli.operations.watch import Ended
from dcanary.cli.output import Output, fitted
from dcanary.cli.run import NO_FILES, summary, votes, watch
from tests.cli.test_waiting import run

TOLD = "command 2 of 3 ended with exit code 1: python3 check.py"
LOG = f"$ python3 check.py\nno\n[dcanary] failed: command: {TOLD}\n".encode()


def failed(reason: str = "command") -> Any:
    stages = [
        {"name": "lint", "state": {"Succeeded": None}, "reused": []},
        {"name": "build", "state": {"Failed": reason}, "reused": None},
    ]
    return {**run("Failed"), "state": {"Failed": f"stage build: {reason}"}, "stages": stages}


def job(replica: int, log: bytes, stage: str = "build", state: str = "Committed") -> dict[str, Any]:
    name = f"run-7/{stage}/{replica}"
    return {
        "job": name,
        "stage": stage,
        "replica": replica,
        "state": {state: None},
        "log_bytes": len(log),
    }


@dataclass
class Executors:
    """The answers of build_executor about one run."""

    found: Any
    logs: dict[str, bytes]
    jobs: list[Any] = field(default_factory=list)

    def get_run(self, name: str) -> Any:
        return self.found

    def list_jobs(self, run: str, page: Any) -> Any:
        return {"items": self.jobs, "next": None}

    def get_log(self, name: str, offset: int) -> Any:
        log = self.logs[name]
        return {"offset": offset, "content": log[offset:], "total": len(log)}


@dataclass
class Installed:
    build_executor: Executors


def installed(found: Any, *logs: bytes) -> Any:
    jobs = [job(number, log) for number, log in enumerate(logs)]
    named = {each["job"]: log for each, log in zip(jobs, logs, strict=True)}
    return Installed(Executors(found, named, [job(0, b"x", "lint"), *reversed(jobs)]))


def test_a_stage_of_a_queued_run_is_not_said_to_be_building() -> None:
    building = [{"name": "build", "state": {"Building": None}, "reused": None}]
    assert summary({**run("Queued"), "stages": building})["stages"] == ["build Queued"]
    assert summary({**run("Running"), "stages": building})["stages"] == ["build Building"]


def test_the_command_and_its_exit_code_come_from_the_first_log_that_has_them() -> None:
    long = b"x" * 3 * TAIL_BYTES + b"\n" + LOG
    assert failure_of(installed(failed(), b"cut off", long), failed()) == ("run-7/build/1", TOLD)
    assert failure_of(installed(failed(), LOG, long), failed()) == ("run-7/build/0", TOLD)


def test_without_that_line_the_log_is_named_and_without_a_log_nothing() -> None:
    assert failure_of(installed(failed(), b"cut off"), failed()) == ("run-7/build/0", "")
    assert failure_of(installed(failed(), b""), failed()) is None
    assert failure_of(installed(run("Cancelled")), run("Cancelled")) is None


def test_other_failures_keep_their_kind() -> None:
    assert last_failure("[dcanary] failed: time: ran longer than 60 seconds\nmore") == (
        "time: ran longer than 60 seconds"
    )
    killed = "command 1 of 1 was killed by SIGKILL: ./build"
    assert last_failure(f"[dcanary] failed: command: {killed}\n") == killed
    assert last_failure("nothing of it") == ""


def watched(system: Any, capsys: pytest.CaptureFixture[str], as_json: bool = False) -> Any:
    context = Context(Path(), "default", Output(as_json=as_json))
    context.__dict__["system"] = system
    with pytest.raises(Ended) as ended:
        watch.callback.__wrapped__(context, "run-7", 5.0)  # type: ignore[union-attr]
    return capsys.readouterr(), str(ended.value)


def test_watching_a_failed_run_says_the_reason_once(capsys: pytest.CaptureFixture[str]) -> None:
    printed, error = watched(installed(failed(), LOG), capsys)
    told = printed.out + printed.err + error
    assert told.count("stage build: command") == 1
    assert told.count(TOLD) == 1
    assert "dcanary run log run-7/build/0" in printed.out
    assert error == "run-7 ended as Failed"


def test_a_reason_that_the_state_gives_is_not_said_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reason = "source: commit abc is not on refs/heads/main"
    log = f"[dcanary] failed: {reason}\n".encode()
    printed, error = watched(installed(failed(reason), log), capsys)
    assert (printed.out + printed.err + error).count(reason) == 1


def test_for_programs_the_message_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    _, error = watched(installed(failed(), LOG), capsys, as_json=True)
    assert error == "run-7 ended as Failed: stage build: command"


def test_the_manifest_of_nothing_is_left_out() -> None:
    vote = {
        "operator": "alice",
        "revealed_ns": 1,
        "outcome": {"Failed": "command"},
        "manifest": NO_FILES,
        "tests": None,
    }
    verdict = {
        "kind": {"Failed": None},
        "reason": "command",
        "manifest": NO_FILES,
        "files": [],
        "disputes": [],
        "flaky_tests": None,
    }
    voted: Any = {"votes": [vote], "verdict": verdict}
    assert votes(voted) == ["alice: Failed", "verdict: Failed: command"]
    some: Any = {"votes": [{**vote, "manifest": "ab" * 32}], "verdict": None}
    assert "manifest abab" in votes(some)[0]


def test_the_reason_of_a_failed_round_is_said_once() -> None:
    reason = "source: commit abc is not on refs/heads/main"
    cast = [
        {
            "operator": name,
            "revealed_ns": 1,
            "outcome": {"Failed": why},
            "manifest": NO_FILES,
            "tests": None,
        }
        for name, why in (("alice", reason), ("bob", reason), ("carol", "command"))
    ]
    verdict = {
        "kind": {"Failed": None},
        "reason": f"2 of 3 operators report that the stage failed: {reason}",
        "manifest": NO_FILES,
        "files": [],
        "disputes": [],
        "flaky_tests": None,
    }
    voted: Any = {"votes": cast, "verdict": verdict}
    lines = votes(voted)
    assert "\n".join(lines).count(reason) == 1
    assert lines[:3] == ["alice: Failed", "bob: Failed", "carol: Failed: command"]
    state = f"Failed: stage build: {verdict['reason']}"
    assert votes(voted, state)[3] == "verdict: Failed"


def test_progress_and_errors_fit_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    text = f"run-7: waiting: build: {'the next attempt after a failure ' * 4}"
    output = Output()
    output.progress(text)
    output.warning(text)
    output.error(f"{text}\n  {text}", "failed")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 9
    assert max(map(len, lines)) <= 60
    assert lines[1].startswith("  ") and not lines[1].startswith("   ")
    assert fitted("short\n  hint", sys.stderr) == "short\n  hint"


def test_who_has_not_revealed_is_told() -> None:
    voted: Any = {
        "votes": [
            {"operator": "a", "outcome": None, "manifest": "", "revealed_ns": 5, "tests": None},
            {"operator": "b", "outcome": None, "manifest": "", "revealed_ns": None, "tests": None},
        ],
        "verdict": None,
    }
    assert votes(voted) == ["a: committed, and has revealed", "b: committed, not revealed"]
