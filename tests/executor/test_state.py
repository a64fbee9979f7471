"""What an executor holds is there after a kill -9, whole or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dcanary.executor.attestation import Attestation
from dcanary.executor.manifest import ManifestFile
from dcanary.executor.state import HeldJob, Phase, State, StateError


def held(number: int, size: int = 5, phase: Phase = "built") -> HeldJob:
    files = (ManifestFile("a", size, f"{number:064x}"),)
    attestation = Attestation(f"run-{number}/build/0", "", "e" * 64, files)
    return HeldJob(f"run-{number}", "build", 1, attestation, 7, 8, phase, float(number))


def keep(state: State, job: HeldJob) -> None:
    folder = state.make_scratch()
    (folder / "files").mkdir()
    (folder / "files" / job.attestation.files[0].sha256).write_text("hello")
    state.keep(job, folder / "files")
    folder.rmdir()


def test_a_held_job_is_read_back_by_the_next_executor(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    job = held(1)
    keep(state, job)
    state.advance(job, "committed")
    state.close()
    again = State(tmp_path / "state")
    (found,) = again.held()
    assert found == HeldJob(**{**vars(job), "phase": "committed"})
    assert found.attestation.commitment() == job.attestation.commitment()
    assert again.file(job.job, job.attestation.files[0].sha256).read_text() == "hello"
    again.close()


def test_the_folder_and_the_nonce_are_for_the_executor_alone(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    keep(state, held(1))
    (record,) = (tmp_path / "state").glob("jobs/*/record.json")
    assert record.stat().st_mode & 0o077 == 0
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0
    state.close()


def test_two_executors_cannot_use_one_folder(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    with pytest.raises(StateError, match=r"another executor \(pid \d+\) runs on"):
        State(tmp_path / "state")
    state.close()
    State(tmp_path / "state").close()


def test_what_was_half_written_is_removed_at_the_next_start(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    keep(state, held(1))
    (state.work / "job-1" / "files").mkdir(parents=True)
    (tmp_path / "state" / "jobs" / "torn" / "files").mkdir(parents=True)
    (tmp_path / "state" / "jobs" / "torn" / "record.json").write_text('{"format": 1, "run"')
    state.close()
    again = State(tmp_path / "state")
    assert [job.run for job in again.held()] == ["run-1"]
    assert list(again.work.iterdir()) == []
    assert not (tmp_path / "state" / "jobs" / "torn").exists()
    again.close()


def test_the_oldest_finished_jobs_make_room_and_unrevealed_ones_stay(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    for number, phase in enumerate(("committed", "revealed", "agreed", "revealed"), start=1):
        keep(state, held(number, 10, phase))  # type: ignore[arg-type]
    assert state.trim(20, 10) == ["run-2/build/0", "run-3/build/0"]
    assert state.trim(0, 0) == ["run-4/build/0"]
    assert [job.run for job in state.held()] == ["run-1"]
    state.close()


def test_a_kill_at_any_moment_leaves_whole_records(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.executor.test_state import held, keep
from dcanary.executor.state import State
state = State(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    for number in range(1, 4):
        job = held(number)
        keep(state, job)
        state.advance(job, "committed")
"""
    root = str(Path(__file__).parents[2])
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "state"), root], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            os.sched_yield()
            process.kill()
        state = State(tmp_path / "state")
        for job in state.held():
            file = job.attestation.files[0]
            assert state.file(job.job, file.sha256).read_text() == "hello"
        state.close()
