"""Port file, time to live, and version of the server process."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

BINARY = Path(sys.executable).parent / "dcanary-pocket-ic"


def wait_for_port(port_file: Path) -> int:
    for _ in range(500):
        if port_file.exists() and port_file.read_text().endswith("\n"):
            return int(port_file.read_text())
        time.sleep(0.02)
    raise AssertionError("the server does not listen")


def test_a_second_server_on_the_same_port_file_ends_at_once(tmp_path: Path) -> None:
    port_file = tmp_path / "pocket_ic_1.port"
    command = [str(BINARY), "--port-file", str(port_file), "--ttl", "30"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        port = wait_for_port(port_file)
        second = subprocess.run(command, timeout=20, capture_output=True)
        assert (second.returncode, second.stdout) == (0, b"")
        assert httpx.get(f"http://127.0.0.1:{port}/status").status_code == 200
        assert httpx.get(f"http://127.0.0.1:{port}/instances").json() == []
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    assert not port_file.exists()


def test_a_server_that_nobody_asks_ends_after_its_time_to_live(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    command = [str(BINARY), "--port-file", str(port_file), "--ttl", "1"]
    start = time.monotonic()
    assert subprocess.run(command, timeout=30, stdout=subprocess.DEVNULL).returncode == 0
    assert time.monotonic() - start >= 1
    assert not port_file.exists()


def test_errors_are_messages_in_json(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    command = [str(BINARY), "--port-file", str(port_file), "--ttl", "30"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        url = f"http://127.0.0.1:{wait_for_port(port_file)}"
        cases = [
            (httpx.get(f"{url}/nothing"), 404),
            (httpx.post(f"{url}/instances", content=b"{"), 400),
            (httpx.post(f"{url}/instances", json={"subnet_config_set": {}}), 400),
            (httpx.post(f"{url}/instances/7/read/query", json={}), 404),
            (httpx.delete(f"{url}/instances/7"), 404),
        ]
        for response, status in cases:
            assert response.status_code == status, response.text
            assert response.json()["message"]
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0


def test_the_version_names_the_api_that_is_followed() -> None:
    result = subprocess.run([str(BINARY), "--version"], capture_output=True, text=True, timeout=20)
    assert result.stdout.startswith("pocket-ic-server 14.")
