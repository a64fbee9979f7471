"""The port of the last run is kept; without it a network does not go elsewhere in silence."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dcanary.cli.errors import NetworkTrouble
from dcanary.cli.operations.network import ensure_started
from dcanary.replica import network
from dcanary.replica.network import last_port
from dcanary.replica.network.last_port import LAST_PORT_FILE


@pytest.mark.parametrize(
    "content",
    [b"4?335\n", b"", b"99999\n", b"-1", b"\xff\x00", b"0", "²".encode(), b"459", b"045993\n"],
)
def test_a_damaged_port_is_named_and_nothing_is_started(tmp_path: Path, content: bytes) -> None:
    (tmp_path / LAST_PORT_FILE).write_bytes(content)
    with pytest.raises(
        NetworkTrouble, match=r"last-port is damaged: it says '.*' and not"
    ) as caught:
        ensure_started(tmp_path)
    assert "network start --port PORT" in str(caught.value)
    assert not (tmp_path / "network.log").exists()
    assert (tmp_path / LAST_PORT_FILE).read_bytes() == content


def test_a_taken_port_of_the_last_run_is_refused(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        last_port.write(tmp_path, port)
        with pytest.raises(
            NetworkTrouble, match=f"cannot listen on port {port}, that of the last run"
        ) as caught:
            ensure_started(tmp_path)
    assert "network start --port PORT" in str(caught.value.hint)
    assert not (tmp_path / "network.log").exists()


@pytest.mark.replica
def test_a_start_on_another_port_than_before_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    try:
        first, _ = ensure_started(tmp_path, warn=told.append)
        assert last_port.read(tmp_path) == first.port
        assert ensure_started(tmp_path, warn=told.append) == (first, False)
        assert ensure_started(tmp_path, first.port, warn=told.append) == (first, False)
        assert told == []
        other = first.port % 65535 + 1
        assert ensure_started(tmp_path, other, warn=told.append) == (first, False)
        (said,) = told
        assert f"on port {first.port} already; for port {other}, stop it first" in said
        told.clear()
        network.stop(tmp_path)
        # The form of 0.1.0.
        (tmp_path / LAST_PORT_FILE).write_text(f"{first.port}\n")
        again, _ = ensure_started(tmp_path, warn=told.append)
        assert again.port == first.port
        assert told == []
        network.stop(tmp_path)

        (tmp_path / LAST_PORT_FILE).unlink()
        without, _ = ensure_started(tmp_path, warn=told.append)
        (line,) = told
        assert f"{LAST_PORT_FILE} is missing: the network is now on port {without.port}" in line
        assert "dcanary system connect --same-canisters" in line
        network.stop(tmp_path)

        told.clear()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            other = probe.getsockname()[1]
        ensure_started(tmp_path, other, warn=told.append)
        (line,) = told
        assert f"has moved from port {without.port} to port {other}" in line
        network.stop(tmp_path)

        told.clear()
        (tmp_path / LAST_PORT_FILE).write_bytes(b"4%993\n")
        accepted, _ = ensure_started(tmp_path, accept_loss=True, warn=told.append)
        (line,) = told
        assert f"{LAST_PORT_FILE} is damaged: the network is now on port {accepted.port}" in line
        assert last_port.read(tmp_path) == accepted.port
    finally:
        network.stop(tmp_path)


@pytest.mark.replica
def test_starts_at_once_end_in_one_network(tmp_path: Path) -> None:
    try:
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: ensure_started(tmp_path), range(4)))
        assert len({running.pid for running, _ in found}) == 1
    finally:
        network.stop(tmp_path)
