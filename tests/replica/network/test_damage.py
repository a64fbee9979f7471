"""A network does not start on a damaged folder, and `check` tells without starting it."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from ic.identity import Identity

from dcanary.cli.main import run
from dcanary.replica import network
from dcanary.replica.network.check import check
from dcanary.replica.network.last_port import LAST_PORT_FILE
from tests.replica.helpers.deploy import agent_of, create

pytestmark = [
    pytest.mark.replica,
    # ic-py calls httpx in a way that httpx warns of.
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Path]:
    """The folder of a network that was killed after it made two canisters."""
    folder = tmp_path / "net"
    running = network.start(folder)
    for _ in range(2):
        # ic-py tells two calls of one identity apart by the second in which they are made.
        create(agent_of(running.url, Identity()))
    with pytest.raises(network.NetworkError, match="stop it first"):
        check(folder)
    os.kill(running.pid, signal.SIGKILL)
    os.waitpid(running.pid, 0)
    yield folder
    network.stop(folder)


def log_of(folder: Path) -> Path:
    (log,) = (folder / "engine" / "log").iterdir()
    return log


def damage_at(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_a_killed_network_is_sound(killed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = check(killed)
    assert found.damage == []
    assert found.inputs >= 4
    assert run(["network", "check", "--state", str(killed)]) == 0
    assert f"{found.inputs} inputs after the checkpoint" in capsys.readouterr().out
    assert run(["--json", "network", "check", "--state", str(killed)]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["inputs"] == found.inputs
    assert record["damage"] == []


def test_damage_is_named_and_accepted_only_when_told(
    killed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = log_of(killed)
    damage_at(log, log.stat().st_size - 5)
    damaged = log.read_bytes()
    assert run(["network", "check", "--state", str(killed)]) == 1
    # A path may be longer than a line of the terminal.
    told = "".join(capsys.readouterr().err.split())
    assert f"{log}isdamagedatbyte" in told
    assert "dcanarynetworkstart--accept-loss" in told
    with pytest.raises(network.NetworkError, match="is damaged at byte"):
        network.start(killed)
    assert log.read_bytes() == damaged
    network.start(killed, accept_loss=True)
    (kept,) = (killed / "engine" / "damaged").rglob("log-*")
    assert kept.read_bytes() == damaged
    assert network.stop(killed)
    assert check(killed).damage == []


def test_changed_keys_are_named(killed: Path) -> None:
    seed = killed / "subnet.seed"
    damage_at(seed, 7)
    (finding,) = check(killed).damage
    assert finding.startswith(f"{seed} is damaged")
    with pytest.raises(network.NetworkError, match=f"{seed} is damaged or was replaced"):
        network.start(killed)
    damage_at(seed, 7)
    assert network.start(killed)


def test_a_damaged_port_is_named(killed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = killed / LAST_PORT_FILE
    written = file.read_bytes()
    for before, after in ((b" ", b" 1"), (b"dcanary-port-1 ", b""), (b"\n", b"")):
        file.write_bytes(written.replace(before, after))
        (finding,) = check(killed).damage
        assert finding.startswith(f"{file} is damaged: it says")
    assert run(["network", "check", "--state", str(killed)]) == 1
    told = "".join(capsys.readouterr().err.split())
    assert "dcanarynetworkstart--portPORT" in told


def test_what_is_missing_of_a_state_is_named(killed: Path) -> None:
    kept = killed.parent / "kept"
    for removed, found, named in (
        ("engine", "is missing, but", "engine is missing, but subnet.seed and last-port show"),
        (
            "engine/checkpoints",
            "checkpoints is damaged",
            "engine holds no checkpoint, but subnet.seed and last-port show",
        ),
        ("subnet.seed", "is missing, but", "subnet.seed is missing, but "),
    ):
        path = killed / removed
        shutil.move(path, kept)
        (finding,) = check(killed).damage
        assert found in finding
        with pytest.raises(network.NetworkError) as caught:
            network.start(killed)
        assert named in str(caught.value)
        assert "dcanary network start --accept-loss" in str(caught.value)
        # Nothing was put in its place.
        assert check(killed).damage == [finding]
        assert not path.exists()
        shutil.move(kept, path)
    assert check(killed).damage == []
    assert network.start(killed)


def test_a_network_begins_anew_when_the_loss_is_accepted(killed: Path) -> None:
    shutil.rmtree(killed / "engine")
    assert network.start(killed, accept_loss=True)
    assert network.stop(killed)
    assert check(killed).damage == []
    assert check(killed).canisters == 0


def test_a_first_start_that_failed_is_no_loss(tmp_path: Path) -> None:
    with pytest.raises(network.NetworkError, match="no such host of mine"):
        network.start(tmp_path, host="no such host of mine")
    assert network.start(tmp_path)
    assert network.stop(tmp_path)
    assert check(tmp_path).damage == []


def test_a_folder_without_state_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["network", "check", "--state", str(tmp_path)]) == 3
    assert "there is no network's state in" in capsys.readouterr().err
