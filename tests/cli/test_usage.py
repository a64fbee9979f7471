"""What a person sees who types something wrong: one clear message, the right exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dcanary.cli.main import run
from dcanary.cli.nouns import NOUNS


def dcanary(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The real command, as a process, in a folder of its own."""
    # Without a width that the test run may set, by which messages would be folded.
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith("DCANARY") and k != "COLUMNS"
    }
    return subprocess.run(
        [sys.executable, "-m", "dcanary", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("noun", sorted(NOUNS))
def test_every_noun_explains_itself(noun: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([noun, "--help"]) == 0
    assert "Usage:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["run", "nonsense"], "No such command 'nonsense'"),
        (["run", "show"], "Missing argument"),
        (["run", "list", "--limit", "0"], "--limit"),
        *(
            (["executor", *verb, name], "is not a name of an executor")
            for verb in (["register", "--operator", "o"], ["start"], ["stop"])
            for name in ("a/b", "", "../x", "..", "a" * 65, "a\u202eb")
        ),
        (["--wrong"], "No such option"),
        (["network", "start", "--port", "99999"], "--port"),
    ],
)
def test_a_wrong_argument_is_usage_with_exit_code_2(
    arguments: list[str], told: str, tmp_path: Path
) -> None:
    done = dcanary(tmp_path, *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_without_an_installation_the_way_to_one_is_told(tmp_path: Path) -> None:
    assert dcanary(tmp_path, "identity", "new", "default").returncode == 0
    done = dcanary(tmp_path, "run", "list")
    assert done.returncode == 2
    assert "dcanary system deploy" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "list"],
        ["executor", "register", "alice-1", "--operator", "alice"],
        ["executor", "start", "alice-1"],
        ["executor", "start", "alice-1", "--background"],
    ],
)
def test_in_the_wrong_folder_no_key_is_asked_for_or_made(
    arguments: list[str], tmp_path: Path
) -> None:
    done = dcanary(tmp_path, *arguments)
    assert done.returncode == 2
    assert "there is no DCanary installation here" in done.stderr
    assert "DCANARY_HOME" in done.stderr
    assert "identity" not in done.stderr
    assert not (tmp_path / ".dcanary").exists()


def test_in_the_wrong_folder_there_is_no_forge(tmp_path: Path) -> None:
    done = dcanary(tmp_path, "forge", "url", "x")
    assert done.returncode == 2
    assert "there is no forge in" in done.stderr
    assert "dcanary forge start" in done.stderr


def test_an_executor_is_not_started_in_the_background_without_its_network(tmp_path: Path) -> None:
    write_system(tmp_path, "http://127.0.0.1:9")
    begun = time.monotonic()
    done = dcanary(tmp_path, "executor", "start", "alice-1", "--background", "--allow-unsandboxed")
    assert done.returncode == 3
    assert "cannot reach the network at http://127.0.0.1:9" in done.stderr
    assert time.monotonic() - begun < 60
    assert not (tmp_path / ".dcanary" / "executors").exists()


def write_system(folder: Path, url: str) -> None:
    canister = "rrkah-fqaaa-aaaaa-aaaaq-cai"
    names = ["webhook", "pipeline_config", "build_executor", "verification", "deployment"]
    (folder / ".dcanary").mkdir(exist_ok=True)
    record = {
        "version": 1,
        "url": url,
        "root_key": "00",
        "canisters": dict.fromkeys(names, canister),
    }
    (folder / ".dcanary" / "system.json").write_text(json.dumps(record))


def test_an_unreachable_network_is_exit_code_3(tmp_path: Path) -> None:
    write_system(tmp_path, "http://127.0.0.1:9")
    dcanary(tmp_path, "identity", "new", "default")
    done = dcanary(tmp_path, "run", "list")
    assert done.returncode == 3
    assert "cannot reach the network at http://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


def test_json_errors_are_json(tmp_path: Path) -> None:
    write_system(tmp_path, "http://127.0.0.1:9")
    dcanary(tmp_path, "identity", "new", "default")
    done = dcanary(tmp_path, "run", "list", "--json")
    assert json.loads(done.stderr)["error"] == "network"


def test_a_broken_installation_file_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / ".dcanary").mkdir()
    (tmp_path / ".dcanary" / "system.json").write_text("{")
    dcanary(tmp_path, "identity", "new", "default")
    done = dcanary(tmp_path, "run", "list")
    assert done.returncode == 2
    assert "system.json is not the file of a DCanary installation, or damaged" in done.stderr
    assert "dcanary system connect --webhook PRINCIPAL" in done.stderr


def test_a_root_key_without_the_network_that_it_is_of_is_refused(tmp_path: Path) -> None:
    done = dcanary(tmp_path, "system", "connect", "--root-key", "zz")
    assert done.returncode == 2
    assert "--root-key is of the network at --url" in done.stderr


def test_more_cycles_than_a_canister_can_have_are_no_amount(tmp_path: Path) -> None:
    for amount in ("0", "-1", str(1 << 128)):
        for top_up in (("system", "top-up", "webhook"), ("target", "top-up", "counter")):
            done = dcanary(tmp_path, *top_up, "--cycles", amount)
            assert done.returncode == 2
            assert "is not in the range" in done.stderr


def test_an_invalid_pipeline_file_names_line_and_field(tmp_path: Path) -> None:
    (tmp_path / "dcanary.yml").write_text(
        "version: 1\nname: x\non: {push: {branches: [main]}}\nstages:\n  build:\n"
        "    runtime: shell\n    commands: [make]\n    replicas: 1\n    quorum: 3\n"
    )
    done = dcanary(tmp_path, "pipeline", "validate")
    assert done.returncode == 2
    assert "dcanary.yml:9:" in done.stderr
    assert "stages.build.quorum" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_stands_for_the_pipeline_file_in_it(tmp_path: Path) -> None:
    (tmp_path / "hello").mkdir()
    (tmp_path / "hello" / "dcanary.yml").write_text(
        "version: 1\nname: x\non: {push: {branches: [main]}}\nstages:\n  build:\n"
        "    runtime: shell\n    commands: [make]\n"
    )
    done = dcanary(tmp_path, "--json", "pipeline", "validate", "hello")
    assert json.loads(done.stdout)["file"] == "hello/dcanary.yml"


def test_a_network_that_does_not_run_is_exit_code_3(tmp_path: Path) -> None:
    done = dcanary(tmp_path, "network", "status")
    assert done.returncode == 3
    assert "dcanary network start" in done.stderr


def test_a_source_that_does_not_compile_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("from kybra import query\n\ndef broken(:\n")
    done = dcanary(tmp_path, "build", "main.py")
    assert done.returncode == 1
    assert "main.py:3" in done.stderr
    assert "Traceback" not in done.stderr
