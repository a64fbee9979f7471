"""A start that takes long is waited for, spoken of, and never begun again from zero."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dcanary.replica.api import Reply
from dcanary.replica.certification.keys import SubnetKeys, load_or_create_seed
from dcanary.replica.engine import Options
from dcanary.replica.network import control
from dcanary.replica.network.files import ENGINE_FOLDER, read_starting, try_lock
from dcanary.replica.opening import open_engine
from dcanary.replica.system import system_canisters
from tests.replica.engine.test_beside import code
from tests.replica.helpers.subnet import Harness

pytestmark = pytest.mark.replica
MESSAGES = 12


@pytest.fixture
def killed(tmp_path: Path, cache_dir: Path, wat: Callable[[str], bytes]) -> Iterator[Path]:
    """The folder of a network that was killed after some seconds of work without a checkpoint."""
    folder = tmp_path / "net"
    folder.mkdir()
    keys = SubnetKeys(load_or_create_seed(folder))
    options = Options(
        subnet_id=keys.subnet_id,
        root_key=keys.root_key,
        natives=system_canisters(),
        replay_seconds=1e9,
    )
    engine = open_engine(
        folder / ENGINE_FOLDER, seed=keys.engine_seed, cache_dir=cache_dir, options=options
    )
    net = Harness(engine)
    canister = net.deploy(code(wat, 300_000_000))
    for _ in range(MESSAGES):
        assert isinstance(net.call(canister, "spin"), Reply)
    assert engine.journal is not None
    engine.journal.close()  # as a killed process would
    yield folder
    control.stop(folder)


def test_a_start_is_waited_for_as_long_as_it_makes_progress(
    killed: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Shorter than the replay takes. What the process computes is progress too.
    monkeypatch.setattr(control, "START_SECONDS", 3.0)
    monkeypatch.setattr(control, "REPORT_SECONDS", 0.2)
    lines: list[str] = []
    running, started = control.ensure(killed, cache_dir=cache_dir, report=lines.append)
    assert started
    assert control.status(killed) == running
    assert read_starting(killed) is None
    replayed = [line for line in lines if line.startswith("starting: replayed ")]
    assert replayed
    assert all(len(line) <= 80 for line in lines)


def test_an_interrupted_start_goes_on_and_the_next_one_waits_for_it(
    killed: Path, cache_dir: Path
) -> None:
    script = (
        "import sys; from pathlib import Path; from dcanary.replica.network import control; "
        "control.ensure(Path(sys.argv[1]), cache_dir=Path(sys.argv[2]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(killed), str(cache_dir)], stderr=subprocess.DEVNULL
    ) as first:
        while (begun := control.starting(killed)) is None:
            assert first.poll() is None
            time.sleep(0.01)
        first.send_signal(signal.SIGINT)
    running, started = control.ensure(killed, cache_dir=cache_dir)
    assert started
    assert running.pid == begun.pid


def test_a_network_that_starts_can_be_stopped(killed: Path, cache_dir: Path) -> None:
    waiting = threading.Thread(target=_ensure_quietly, args=(killed, cache_dir))
    waiting.start()
    while control.starting(killed) is None:
        time.sleep(0.01)
    assert control.stop(killed) is True
    waiting.join()
    lock = try_lock(killed)
    assert lock is not None
    lock.close()


def _ensure_quietly(folder: Path, cache_dir: Path) -> None:
    with pytest.raises(control.NetworkError, match="ended with code"):
        control.ensure(folder, cache_dir=cache_dir)


def test_a_start_waits_for_a_killed_network_that_still_holds_the_lock(
    tmp_path: Path, cache_dir: Path
) -> None:
    folder = tmp_path / "net"
    before = control.start(folder, cache_dir=cache_dir)
    # As one that is killed while it has many gigabytes: it holds the lock, and answers nothing.
    os.kill(before.pid, signal.SIGSTOP)
    killer = threading.Timer(1.0, os.kill, (before.pid, signal.SIGKILL))
    killer.start()
    try:
        running, started = control.ensure(folder, cache_dir=cache_dir)
        assert started
        assert running.pid != before.pid
    finally:
        killer.join()
        os.waitpid(before.pid, 0)
        assert control.stop(folder)
