"""Starting and stopping the forge: one per folder, same address over restarts, forge.json."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dcanary.forge import Forge, ForgeError

SERVE = "import sys; from pathlib import Path; from dcanary.forge import Forge; "
SERVE += "Forge(Path(sys.argv[1])).serve_forever()"


def test_forge_json_says_where_it_runs_while_it_runs(tmp_path: Path) -> None:
    forge = Forge(tmp_path)
    with pytest.raises(ForgeError, match="no address yet"):
        forge.create_repository("demo")
    assert forge.repositories() == []
    assert forge.running() is None
    url = forge.start()
    described = json.loads((tmp_path / "forge.json").read_text())
    assert described == {"url": url, "pid": os.getpid()}
    assert Forge(tmp_path).running() == described
    forge.stop()
    forge.stop()
    assert not (tmp_path / "forge.json").exists()
    assert Forge(tmp_path).running() is None
    assert Forge(tmp_path).clone_url("demo") == f"{url}/demo.git"


def test_the_port_stays_the_same_over_restarts(tmp_path: Path) -> None:
    with Forge(tmp_path) as first:
        url = first.url()
    with Forge(tmp_path) as second:
        assert second.url() == url


def test_a_second_forge_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with Forge(tmp_path) as forge:
        with pytest.raises(ForgeError, match="already serving"):
            Forge(tmp_path).start()
        with pytest.raises(ForgeError, match="started already"):
            forge.start()
        assert forge.running() is not None


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ForgeError, match=f"port {port}"):
            Forge(tmp_path, port=port).start()
    with Forge(tmp_path, port=port) as forge:
        assert forge.url() == f"http://127.0.0.1:{port}"


def test_the_foreground_process_ends_cleanly_and_is_replaced_after_a_kill(tmp_path: Path) -> None:
    reader = Forge(tmp_path)

    def serve() -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", SERVE, str(tmp_path)])
        deadline = time.monotonic() + 30
        while (reader.running() or {}).get("pid") != process.pid:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        return process

    killed = serve()
    killed.send_signal(signal.SIGKILL)
    killed.wait(20)
    assert reader.running() is None
    ended = serve()
    ended.send_signal(signal.SIGTERM)
    assert ended.wait(20) == 0
    assert reader.running() is None
    assert not (tmp_path / "forge.json").exists()
