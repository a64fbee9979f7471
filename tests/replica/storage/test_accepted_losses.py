"""What is told of damage that is accepted, and what a second start then finds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import wasmtime

from dcanary.replica.api import Reply
from dcanary.replica.engine import Options
from dcanary.replica.opening import open_engine
from dcanary.replica.storage import Damaged, Loss, WrongSubnet, check
from tests.replica.helpers.subnet import Harness
from tests.replica.storage.persistence_child import digest
from tests.replica.storage.test_persistence import COUNTING

HERS, HIS = b"subnet of this test", b"another subnet"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Path:
    """A state folder as `kill -9` leaves it: a checkpoint with a canister, then inputs."""
    root = tmp_path_factory.mktemp("state")
    options = Options(subnet_id=HERS, replay_seconds=3600)
    engine = open_engine(root / "live", cache_dir=cache_dir, options=options)
    net = Harness(engine)
    canister = net.deploy(bytes(wasmtime.wat2wasm(COUNTING)))
    engine.checkpoint()
    assert isinstance(net.call(canister, "inc"), Reply)
    shutil.copytree(root / "live", root / "killed")
    engine.close()
    return root / "killed"


@pytest.fixture
def state(recorded: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    shutil.copytree(recorded, tmp_path / "state")
    return tmp_path / "state"


def opened(folder: Path, cache_dir: Path, subnet: bytes = HERS) -> str:
    """Digest of the state after a start that accepts nothing."""
    engine = open_engine(folder, cache_dir=cache_dir, options=Options(subnet_id=subnet))
    try:
        return digest(engine)
    finally:
        engine.close()


def accepted(
    folder: Path, cache_dir: Path, subnet: bytes = HERS, *, killed: bool = False
) -> tuple[str, list[Loss]]:
    """Digest of the state after a start that accepts losses, and the losses."""
    losses: list[Loss] = []
    options = Options(subnet_id=subnet, accept_loss=True)
    engine = open_engine(folder, cache_dir=cache_dir, options=options, lost=losses.append)
    found = digest(engine)
    if killed:
        shutil.copytree(folder, folder.with_name("killed"))
    engine.close()
    return found, losses


@pytest.mark.parametrize("killed", [False, True])
def test_a_state_taken_over_from_another_subnet_stays_so_without_any_input(
    state: Path, cache_dir: Path, killed: bool
) -> None:
    with pytest.raises(WrongSubnet):
        opened(state, cache_dir, HIS)
    before, _ = accepted(state, cache_dir, HIS, killed=killed)
    later = state.with_name("killed") if killed else state
    assert opened(later, cache_dir, HIS) == before
    with pytest.raises(WrongSubnet):
        opened(later, cache_dir, HERS)


@pytest.mark.parametrize("name", ["blobs", "checkpoints", "log"])
def test_a_file_in_the_place_of_a_folder_is_named_and_kept(
    state: Path, cache_dir: Path, name: str
) -> None:
    shutil.rmtree(state / name)
    (state / name).write_bytes(b"no folder")
    assert f"{state / name} is damaged: it is not a folder" in [
        one.finding for one in check(state).damage
    ]
    with pytest.raises(Damaged, match=f"{state / name} is damaged: it is not a folder"):
        opened(state, cache_dir)
    assert (state / name).read_bytes() == b"no folder"
    found, (first, *_) = accepted(state, cache_dir)
    assert first.finding == f"{state / name} is damaged: it is not a folder"
    assert first.kept is not None
    assert (first.kept / name).read_bytes() == b"no folder"
    assert check(state).damage == []
    assert opened(state, cache_dir) == found


def test_a_folder_in_the_place_of_a_log_is_kept(state: Path, cache_dir: Path) -> None:
    (log,) = (state / "log").iterdir()
    log.unlink()
    log.mkdir()
    (log / "what").write_bytes(b"mine")
    found, (loss,) = accepted(state, cache_dir)
    assert loss.finding.startswith(f"{log} is damaged: it cannot be read")
    assert "goes on without any input of checkpoint" in str(loss)
    assert loss.kept is not None
    assert (loss.kept / f"log-{log.name}" / "what").read_bytes() == b"mine"
    assert opened(state, cache_dir) == found


def test_the_loss_of_a_checkpoint_is_told_with_where_it_is_kept(
    state: Path, cache_dir: Path
) -> None:
    (path,) = state.glob("checkpoints/*/state.cbor")
    path.write_bytes(path.read_bytes()[:-1])
    _, (loss,) = accepted(state, cache_dir)
    assert loss.finding.startswith(f"{path} is damaged")
    assert "the network then begins empty" in str(loss)
    assert str(loss).endswith(f"is kept in {loss.kept}")
    assert loss.kept is not None
    assert (loss.kept / "checkpoints").is_dir()


def test_a_missing_log_has_nothing_to_keep(state: Path, cache_dir: Path) -> None:
    (log,) = (state / "log").iterdir()
    log.unlink()
    _, (loss,) = accepted(state, cache_dir)
    assert loss.finding == f"{log} is damaged: it is missing"
    assert loss.kept is None
    assert "kept" not in str(loss)
