"""The port of the last run is kept; a file that says none is an error, not another port."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcanary.cli.errors import NetworkTrouble
from dcanary.cli.operations.network import LAST_PORT_FILE, ensure_started


@pytest.mark.parametrize(
    "content", [b"4?335\n", b"", b"99999\n", b"-1", b"\xff\x00", b"0", "²".encode()]
)
def test_a_damaged_port_is_named_and_nothing_is_started(tmp_path: Path, content: bytes) -> None:
    (tmp_path / LAST_PORT_FILE).write_bytes(content)
    with pytest.raises(
        NetworkTrouble, match=r"last-port is damaged: it says '.*' and not"
    ) as caught:
        ensure_started(tmp_path)
    assert "network start --port PORT" in str(caught.value.hint)
    assert not (tmp_path / "network.log").exists()
    assert (tmp_path / LAST_PORT_FILE).read_bytes() == content
