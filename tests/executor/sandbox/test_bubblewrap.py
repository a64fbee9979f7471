"""Hostile stages are stopped by their limit, with its reason, and the sandbox works afterwards."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dcanary.executor.manifest import ManifestFile, collect_artifacts
from dcanary.executor.sandbox import (
    BubblewrapSandbox,
    Limits,
    Plan,
    SandboxError,
    StageResult,
    filesystem,
)
from tests.executor.conftest import write_source

MIB = 1 << 20
LIMITS = Limits(
    memory_bytes=96 * MIB,
    storage_bytes=8 * MIB,
    output_bytes=64 * 1024,
    processes=24,
    timeout_seconds=20,
)


class Bench:
    """Runs commands in a sandbox and keeps what they printed and made."""

    def __init__(self, sandbox: BubblewrapSandbox, folder: Path) -> None:
        self.sandbox, self.folder = sandbox, folder
        self.source = write_source(folder / "source.tar", {"hello.txt": "hello"})
        self.printed = b""
        self.files: list[ManifestFile] = []

    def run(
        self,
        *commands: str,
        limits: Limits = LIMITS,
        artifacts: tuple[str, ...] = (),
        stop: Callable[[], bool] = lambda: False,
        environment: dict[str, str] | None = None,
    ) -> StageResult:
        self.printed = b""

        def output(chunk: bytes) -> None:
            self.printed += chunk

        def collect(folder: int) -> None:
            self.files = collect_artifacts(folder, artifacts, self.folder / "held", MIB)

        plan = Plan(list(commands), self.source, environment or {})
        return self.sandbox.run(plan, limits, output, stop, collect)

    def is_healthy(self) -> bool:
        return self.run("cat hello.txt").succeeded and b"hello" in self.printed


@pytest.fixture(params=["control groups", "watching"])
def bench(request: pytest.FixtureRequest, sandbox: BubblewrapSandbox, tmp_path: Path) -> Bench:
    watching = request.param == "watching"
    return Bench(BubblewrapSandbox(use_cgroups=False) if watching else sandbox, tmp_path)


def test_a_stage_finds_its_source_and_leaves_its_artifact(bench: Bench) -> None:
    # Memory is looked at now and then: a stage of milliseconds may be over before.
    commands = ("mkdir build", "cp hello.txt build/out", "sleep 2")
    result = bench.run(*commands, artifacts=("build/out",))
    assert result.succeeded, result
    assert [(file.path, file.size) for file in bench.files] == [("build/out", 5)]
    assert bench.printed == b"$ mkdir build\n$ cp hello.txt build/out\n$ sleep 2\n"
    assert result.peak_memory_bytes > 0


def test_a_failing_command_ends_the_stage_and_is_named(bench: Bench) -> None:
    result = bench.run("true", "exit 3", "echo not reached")
    assert (result.reason, result.detail) == (
        "command",
        "command 2 of 3 ended with exit code 3: exit 3",
    )
    assert b"not reached" not in bench.printed.split(b"$ exit 3")[1]


@pytest.mark.parametrize(
    ("command", "how"),
    [
        ("kill -KILL $$", "exit code 137 (as when killed by SIGKILL)"),
        ("sh -c 'kill -SEGV $$'", "exit code 139 (as when killed by SIGSEGV)"),
        # Nothing was killed, and nobody says so.
        ("exit 137", "exit code 137 (as when killed by SIGKILL)"),
        ("dfx generate", "exit code 127 (as when the stage has no such program)"),
        ("exit 128", "exit code 128"),
        ("exit 250", "exit code 250"),
    ],
)
def test_how_a_command_ended_is_said_as_far_as_it_is_known(
    bench: Bench, command: str, how: str
) -> None:
    assert bench.run(command).detail == f"command 1 of 1 ended with {how}: {command}"


HOSTILE = {
    "loops forever": ("while :; do :; done", "time_limit"),
    "sleeps forever": ("sleep 1000", "time_limit"),
    "fills the disk": ("cat /dev/zero > big", "storage_limit"),
    "fills the temporary folder": ("cat /dev/zero > /tmp/big", "storage_limit"),
    "fills the disk with small files": (
        "while :; do i=$((i+1)); echo x > f$i || exit; done",
        "storage_limit",
    ),
    "prints 1 GB": ("head -c 1000000000 /dev/zero", "output_limit"),
    "prints 1 GB to standard error": ("head -c 1000000000 /dev/zero >&2", "output_limit"),
    "forks": ("f() { f & f & wait; f; }; f", "process_limit"),
    "starts too many": ("for i in $(seq 60); do sleep 9 & done; wait", "process_limit"),
    "takes memory": (
        "awk 'BEGIN { s = \"x\"; for (i = 0; i < 30; i++) s = s s; print length(s) }'",
        "memory_limit",
    ),
    "opens the network": ("bash -c 'exec 3<>/dev/tcp/127.0.0.1/80'", "command"),
    "opens the network outside": ("bash -c 'exec 3<>/dev/tcp/1.1.1.1/80'", "command"),
    "kills everything": ("kill -9 -1; kill -9 0", "command"),
    "writes outside": ("echo x > /x", "command"),
    "writes to tools": ("echo x > /usr/bin/x", "command"),
    "writes to devices' folder": ("echo x > /dev/x", "command"),
    "sets kernel parameters": ("test -w /proc/sys/kernel/core_pattern", "command"),
    "mounts": ("mount -t tmpfs none /build/tmp", "command"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_stage_is_stopped_with_its_reason(bench: Bench, name: str) -> None:
    command, reason = HOSTILE[name]
    seconds = 1 if reason == "time_limit" else 20
    limits = Limits(96 * MIB, 8 * MIB, 64 * 1024, 24, seconds)
    started = time.monotonic()
    result = bench.run(command, limits=limits)
    # Where only the kernel's refusal to fork is left, the command may fail before it is seen,
    # or each of its shells prints that refusal until the limit of output ends the stage.
    refused = reason == "process_limit" and b"Cannot fork" in bench.printed
    expected = (reason, "command", "output_limit") if refused else (reason,)
    assert result.reason in expected, (result, bench.printed[-500:])
    assert time.monotonic() - started < 15
    assert len(bench.printed) <= limits.output_bytes
    assert bench.is_healthy()


@pytest.mark.parametrize(
    ("commands", "words"),
    [
        (["ln -s /etc/passwd out"], "out is a symbolic link"),
        (["ln -s ../../../../../../etc/passwd out"], "out is a symbolic link"),
        (["mkdir x", "rm -r x", "ln -s / x", "true"], "No such file"),
        (["cd .. && mv source gone && ln -s / source"], "checkout folder is gone"),
        (["mkfifo out"], "not a regular file"),
        (["truncate -s 2M out"], "larger than"),
    ],
)
def test_an_artifact_that_is_no_file_of_the_checkout_fails_the_stage(
    bench: Bench, commands: list[str], words: str
) -> None:
    result = bench.run(*commands, artifacts=("out",))
    assert result.reason == "artifact"
    assert words in result.detail
    assert bench.is_healthy()


def test_an_artifact_below_a_linked_folder_is_not_read_from_the_host(bench: Bench) -> None:
    result = bench.run("ln -s /etc x", artifacts=("x/passwd",))
    assert result.reason == "artifact"
    assert "x is a symbolic link" in result.detail


def test_the_inside_is_the_same_whatever_the_host_has_set(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = "id -u; id -g; hostname; pwd; umask; env | sort; ls -la; ls /"
    first = bench.run(command)
    seen = bench.printed
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("HOME", "/elsewhere")
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    before = os.umask(0o077)
    try:
        second = bench.run(command)
    finally:
        os.umask(before)
    assert first.succeeded and second.succeeded
    assert bench.printed == seen
    assert b"1000\n1000\ndcanary\n/build/source\n0022\n" in seen
    assert b"hush" not in seen


def test_a_stage_cannot_replace_what_the_executor_sets(bench: Bench) -> None:
    assert bench.run("env", environment={"TZ": "Asia/Tokyo", "MINE": "yes"}).succeeded
    assert b"TZ=UTC" in bench.printed
    assert b"MINE=yes" in bench.printed


def test_what_a_stage_leaves_running_ends_with_it(bench: Bench) -> None:
    mark = f"31{os.getpid()}"
    assert bench.run(f"setsid sleep {mark} & setsid sleep {mark} &").succeeded
    found = subprocess.run(["pgrep", "-f", f"sleep {mark}"], capture_output=True, check=False)
    assert found.stdout == b""


def test_a_stage_that_is_cancelled_stops_at_once(bench: Bench) -> None:
    started = time.monotonic()
    result = bench.run("sleep 100", stop=lambda: time.monotonic() > started + 0.2)
    assert result.cancelled
    assert not result.succeeded
    assert time.monotonic() - started < 5


def test_a_source_that_does_not_fit_is_a_storage_failure(bench: Bench) -> None:
    write_source(bench.source, {"large": "x" * (9 * MIB)})
    assert bench.run("true").reason == "storage_limit"


def test_a_sandbox_that_does_not_start_is_no_verdict_on_the_stage(tmp_path: Path) -> None:
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho no namespaces for you >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(SandboxError, match="no namespaces for you"):
        Bench(BubblewrapSandbox(str(program)), tmp_path).run("true")


def test_a_temporary_folder_of_one_user_alone_does_not_stop_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root the sandbox begins as a user who could not pass through it."""
    tmp_path.chmod(0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = filesystem.make_base()
    try:
        steps = (made, *made.parents)
        assert all(step.stat().st_mode & 0o001 for step in steps)
    finally:
        made.rmdir()


BUSY = "awk 'BEGIN { for (i = 0; i < 10000000; i++) n += i; print n }'"


def test_cpu_time_of_all_commands_is_counted_and_waiting_is_not(bench: Bench) -> None:
    patient = replace(LIMITS, timeout_seconds=250)
    waiting = bench.run("sleep 1", limits=patient)
    one = bench.run(BUSY, limits=patient)
    several = bench.run(BUSY, f"({BUSY}) & ({BUSY}) & wait", limits=patient)
    assert waiting.succeeded and one.succeeded and several.succeeded
    assert 0 < one.cpu_ns <= 1.2 * one.wall_ns
    assert waiting.cpu_ns < one.cpu_ns / 2
    # Work in three times as many processes; where they are watched, the last look comes before
    # their end.
    assert 1.3 * one.cpu_ns < several.cpu_ns < 6 * one.cpu_ns


def test_cpu_time_counts_when_a_limit_ends_the_stage(bench: Bench) -> None:
    result = bench.run("while :; do :; done", limits=Limits(96 * MIB, 8 * MIB, 64 * 1024, 24, 4))
    assert result.reason == "time_limit"
    # On a busy machine it gets little of the 4 s.
    assert result.cpu_ns > 50_000_000


def test_the_most_storage_at_once_is_told_after_files_are_gone(bench: Bench) -> None:
    kept = bench.run("head -c 1000000 /dev/zero > kept", "sleep 1.5")
    gone = bench.run("head -c 3000000 /dev/zero > gone", "sleep 1.5", "rm gone")
    assert kept.succeeded and gone.succeeded
    assert 1_000_000 <= kept.storage_bytes < 2_000_000
    assert 3_000_000 <= gone.storage_bytes < 4_000_000
