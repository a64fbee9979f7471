"""State folders that earlier versions wrote are read, and upgraded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcanary.replica.storage import Damaged, check
from tests.replica.storage.recorded.record import unpack

RECORDED = sorted((Path(__file__).parent / "recorded").glob("state-*.json"))


@pytest.fixture(params=RECORDED, ids=[path.name for path in RECORDED])
def recorded(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    stored = json.loads(request.param.read_text())
    unpack(stored["files"], tmp_path / "state")
    (tmp_path / "expected.json").write_text(json.dumps(stored["expected"]))
    return tmp_path


def test_an_old_state_opens_with_all_that_is_in_it(
    recorded: Path, open_subnet: Callable[[Path], Any]
) -> None:
    expected = json.loads((recorded / "expected.json").read_text())
    for _ in range(2):  # as it was written, then as it was upgraded
        net = open_subnet(recorded / "state")
        assert {canister.hex() for canister in net.engine.canister_ids()} == set(expected)
        for canister, values in expected.items():
            raw = bytes.fromhex(canister)
            assert net.engine.stable_memory(raw)[:128].hex() == values["stable"]
            assert net.engine.cycles(raw) == int(values["cycles"])
        net.engine.close()


def test_an_old_state_is_upgraded_at_the_start(
    recorded: Path, open_subnet: Callable[[Path], Any]
) -> None:
    before = check(recorded / "state")
    assert before.damage == []
    assert before.inputs > 10
    open_subnet(recorded / "state").engine.close()
    after = check(recorded / "state")
    assert after.damage == []
    assert after.checkpoint == before.checkpoint + 1
    (manifest,) = (recorded / "state").glob("checkpoints/*/manifest")
    assert manifest.read_bytes().startswith(b"dcanary-checkpoint-2\n")


def test_a_changed_length_in_an_old_log_is_told_from_a_torn_end(
    recorded: Path, open_subnet: Callable[[Path], Any]
) -> None:
    (log,) = (recorded / "state" / "log").iterdir()
    content = bytearray(log.read_bytes())
    at = 0
    for _ in range(7):
        at += 8 + int.from_bytes(content[at : at + 4], "little")
    content[at + 2] ^= 0x10  # the eighth input's length
    log.write_bytes(content)
    with pytest.raises(Damaged, match=rf"{log} is damaged at byte {at}: input 8 .* behind it"):
        open_subnet(recorded / "state")
    assert [damage.at for damage in check(recorded / "state").damage] == [at]
    assert log.read_bytes() == content


def test_a_torn_end_of_an_old_log_is_dropped(
    recorded: Path, open_subnet: Callable[[Path], Any]
) -> None:
    (log,) = (recorded / "state" / "log").iterdir()
    whole = check(recorded / "state").inputs
    log.write_bytes(log.read_bytes()[:-3])
    assert check(recorded / "state").inputs == whole - 1
    open_subnet(recorded / "state").engine.close()
    assert check(recorded / "state").damage == []


@pytest.mark.parametrize("name", ["state.cbor", "blob"])
def test_damage_of_an_old_checkpoint_is_told(
    recorded: Path, open_subnet: Callable[[Path], Any], name: str
) -> None:
    pattern = "blobs/*" if name == "blob" else f"checkpoints/*/{name}"
    (path,) = (recorded / "state").glob(pattern)
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with pytest.raises(Damaged, match=str(path)):
        open_subnet(recorded / "state")
