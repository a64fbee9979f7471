"""A network does not start on a damaged folder, and `check` tells without starting it."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ic.identity import Identity

from dcanary.cli.main import run
from dcanary.replica import network
from dcanary.replica.network import last_port, losses
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
    (told,) = losses.read(killed)
    assert f"{log} is damaged at byte" in told
    assert "the network then goes on after input" in told
    assert f"is kept in {kept.parent}" in told
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


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5])


def made_a_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (cut, "is damaged: expected 32 bytes, found 5"),
        (made_a_folder, "is damaged: it cannot be read"),
        (Path.unlink, "is missing, but"),
        (lambda path: damage_at(path, 7), "is damaged or was replaced"),
    ],
)
def test_lost_keys_are_accepted_once_and_what_follows_is_told(
    killed: Path, damage: Callable[[Path], None], named: str
) -> None:
    seed = killed / "subnet.seed"
    damage(seed)
    with pytest.raises(network.NetworkError) as caught:
        network.start(killed)
    assert f"{seed} {named}" in str(caught.value)
    assert "network start --accept-loss" in str(caught.value)
    first = network.start(killed, accept_loss=True)
    (told,) = losses.read(killed)
    assert told.startswith(f"{seed} {named}")
    assert "clients must trust its new root key" in told
    if named.startswith("is damaged:"):
        (kept,) = (killed / "engine" / "damaged").glob("*/subnet.seed")
        assert f"is kept in {kept.parent}" in told
    # No update comes before the stop.
    assert network.stop(killed)
    assert check(killed).damage == []
    assert network.start(killed).root_key == first.root_key
    assert losses.read(killed) == []


@pytest.mark.parametrize(
    "name",
    ["network.lock", "network.log", "network.json", "starting.json", "engine/lock"],
)
def test_a_folder_in_the_place_of_a_file_without_state_is_named_with_its_remedy(
    killed: Path, name: str
) -> None:
    made_a_folder(killed / name)
    with pytest.raises(network.NetworkError) as caught:
        network.start(killed)
    assert f"{killed / name} cannot be " in str(caught.value)
    assert "remove it" in str(caught.value)
    (killed / name).rmdir()
    assert network.start(killed)


def test_a_folder_in_the_place_of_the_last_port_is_kept_aside(killed: Path) -> None:
    made_a_folder(killed / LAST_PORT_FILE)
    running = network.start(killed)
    assert last_port.read(killed) == running.port
    assert list((killed / "engine" / "damaged").glob(f"*/{LAST_PORT_FILE}"))


def test_a_file_in_the_place_of_a_folder_is_named_and_kept_aside(tmp_path: Path) -> None:
    (tmp_path / "net").write_bytes(b"state?")
    with pytest.raises(network.NetworkError, match="net, the folder of the network, cannot be"):
        network.start(tmp_path / "net")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "engine").write_bytes(b"state?")
    with pytest.raises(network.NetworkError, match=r"engine cannot be used \(it is not a folder\)"):
        network.start(tmp_path / "other")
    assert network.start(tmp_path / "other", accept_loss=True)
    (told,) = losses.read(tmp_path / "other")
    assert "engine is not a folder: the network begins empty" in told
    (kept,) = (tmp_path / "other" / "engine" / "damaged").glob("*/engine.damaged")
    assert kept.read_bytes() == b"state?"
    assert network.stop(tmp_path / "other")


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
