"""Any byte of a state folder changed, any end cut off: the start refuses and names the file, or
everything that was acknowledged is there."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import wasmtime

from dcanary.replica.api import Reply
from dcanary.replica.engine import EngineError, Options
from dcanary.replica.opening import open_engine
from dcanary.replica.storage import Damaged, WrongSubnet, check, frames, log, manifest
from dcanary.replica.storage.folder import Folder
from tests.replica.helpers.subnet import Harness
from tests.replica.storage.persistence_child import digest
from tests.replica.storage.test_persistence import COUNTING

SUBNET = b"subnet of this test"


@dataclass(frozen=True)
class Recorded:
    """Copies of a state folder as `kill -9` leaves it, and what its engine then held."""

    folder: Path
    digest: str
    inputs: int
    with_one_more: Path
    """The same folder one input later."""

    @property
    def log(self) -> Path:
        return newest_log(self.folder)


def newest_log(folder: Path) -> Path:
    return max((folder / "log").iterdir())


def options(accept_loss: bool = False) -> Options:
    return Options(subnet_id=SUBNET, accept_loss=accept_loss, replay_seconds=3600)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Recorded:
    """Four canisters and a snapshot, a checkpoint, then 24 inputs and more."""
    root = tmp_path_factory.mktemp("state")
    engine = open_engine(root / "live", cache_dir=cache_dir, options=options())
    net = Harness(engine)
    wasm = bytes(wasmtime.wat2wasm(COUNTING))
    canisters = [net.deploy(wasm) for _ in range(3)]
    assert isinstance(net.call(canisters[0], "inc"), Reply)
    engine.checkpoint()
    canisters.append(net.deploy(wasm))
    for number in range(12):
        net.call(canisters[number % 4], "inc")
    shutil.copytree(root / "live", root / "killed")
    before = digest(engine)
    inputs = check(root / "killed").inputs
    assert inputs >= 24
    net.submit(canisters[0], "inc")
    shutil.copytree(root / "live", root / "later")
    engine.close()
    return Recorded(root / "killed", before, inputs, root / "later")


@pytest.fixture
def state(recorded: Recorded, tmp_path: Path) -> Path:
    """A copy to damage."""
    shutil.copytree(recorded.folder, tmp_path / "state")
    return tmp_path / "state"


def opened(folder: Path, cache_dir: Path, accept_loss: bool = False) -> str:
    """Digest of the state that an engine has after its start."""
    engine = open_engine(folder, cache_dir=cache_dir, options=options(accept_loss))
    try:
        return digest(engine)
    finally:
        engine.close()


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock")


def flipped(path: Path, step: int) -> Iterator[int]:
    """Change one bit of every `step`-th byte in turn, and put it back."""
    chosen = random.Random(path.stat().st_size)
    whole = path.read_bytes()
    for at in range(0, len(whole), step):
        with path.open("r+b") as file:
            file.seek(at)
            file.write(bytes([whole[at] ^ (1 << chosen.randrange(8))]))
        yield at
        with path.open("r+b") as file:
            file.seek(at)
            file.write(whole[at : at + 1])


def step_for(path: Path) -> int:
    """Every byte of small files, a sample of images."""
    return max(1, path.stat().st_size // 150)


def test_the_undamaged_folder_is_sound(recorded: Recorded, state: Path, cache_dir: Path) -> None:
    found = check(state)
    assert found.damage == []
    assert (found.canisters, found.inputs, found.subnet) == (3, recorded.inputs, SUBNET)
    assert found.files == len(files_of(state))
    assert opened(state, cache_dir) == recorded.digest


def test_any_changed_byte_is_found_or_harmless(recorded: Recorded, state: Path) -> None:
    harmless = 0
    good = log.read(newest_log(state), *followed(state))
    for path in files_of(state):
        for at in flipped(path, step_for(path)):
            damage = check(state).damage
            if damage:
                assert damage[0].path == path, f"byte {at} of {path}"
            else:
                # The checkpoint is as it was, so the inputs decide.
                assert path == newest_log(state), f"byte {at} of {path}"
                assert log.read(path, *followed(state)).entries == good.entries
                harmless += 1
    assert harmless <= 2 * 64, "only the marks, of which there are two, may be damaged unnoticed"
    assert check(state).damage == []


def test_any_changed_byte_of_a_log_is_found_or_harmless(state: Path) -> None:
    path = newest_log(state)
    number, identity = followed(state)
    good = log.read(path, number, identity)
    unnoticed = []
    for at in flipped(path, 1):
        found = log.read(path, number, identity)
        if found.damage is None:
            assert found.entries == good.entries
            unnoticed.append(at)
    assert all(frames.MARKS_AT[0] <= at < frames.HEAD_SIZE for at in unnoticed)


def followed(folder: Path) -> tuple[int, bytes]:
    """Number and id of the checkpoint that the log follows."""
    number = Folder(folder).newest()
    found = Folder(folder).manifest(number)
    assert found is not None
    return number, found.id


def test_a_damaged_mark_changes_nothing(recorded: Recorded, state: Path, cache_dir: Path) -> None:
    path = newest_log(state)
    for number, at in enumerate(frames.MARKS_AT):
        damaged = state.with_name(f"mark-{number}")
        shutil.copytree(state, damaged)
        with newest_log(damaged).open("r+b") as file:
            file.seek(at)
            file.write(b"\xff" * 8)
        assert opened(damaged, cache_dir) == recorded.digest
    with path.open("r+b") as file:
        for at in frames.MARKS_AT:
            file.seek(at)
            file.write(b"\xff" * 8)
    with pytest.raises(Damaged, match=f"{path} is damaged at byte"):
        opened(state, cache_dir)


def test_any_cut_end_is_found(state: Path) -> None:
    for path in files_of(state):
        whole = path.read_bytes()
        for size in range(0, len(whole), step_for(path)):
            path.write_bytes(whole[:size])
            damage = check(state).damage
            assert [one.path for one in damage] == [path], f"{path} cut to {size} bytes"
        path.write_bytes(whole)
    assert check(state).damage == []


def test_any_cut_end_of_a_log_is_found_at_its_place(recorded: Recorded, state: Path) -> None:
    path = newest_log(state)
    number, identity = followed(state)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        damage = log.read(path, number, identity).damage
        assert damage is not None
        assert damage.at is not None
        assert damage.at <= size


def test_any_missing_file_is_found(state: Path) -> None:
    for path in files_of(state):
        aside = path.rename(state.parent / "aside")
        assert [one.path for one in check(state).damage] == [path]
        aside.rename(path)
    shutil.rmtree(state / "checkpoints")
    (damage,) = check(state).damage
    assert damage.finding == f"{state / 'checkpoints'} is damaged: the checkpoint is missing"


@pytest.mark.parametrize(
    "pattern", ["log/*", "checkpoints/*/manifest", "checkpoints/*/state.cbor", "blobs/*"]
)
@pytest.mark.parametrize("cut", [False, True])
def test_an_engine_does_not_start_on_damage_and_changes_nothing(
    state: Path, cache_dir: Path, pattern: str, cut: bool
) -> None:
    path = max(state.glob(pattern))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content[: -9 if cut else None])
    before = {one: one.read_bytes() for one in files_of(state)}
    with pytest.raises(Damaged, match=str(path)):
        opened(state, cache_dir)
    assert {one: one.read_bytes() for one in files_of(state)} == before


@pytest.mark.parametrize("suffix", ["heap", "stable"])
def test_an_engine_does_not_start_on_a_damaged_image(
    state: Path, cache_dir: Path, suffix: str
) -> None:
    path = next(state.glob(f"checkpoints/*/*.{suffix}"))
    with path.open("r+b") as file:
        file.seek(40_000)  # in a hole
        file.write(b"\x01")
    with pytest.raises(Damaged, match=f"{path} is damaged: its content has another sha256"):
        opened(state, cache_dir)


def test_a_torn_end_is_dropped_wherever_it_is_torn(
    recorded: Recorded, state: Path, cache_dir: Path
) -> None:
    path = newest_log(state)
    acknowledged = path.read_bytes()
    longer = newest_log(recorded.with_one_more).read_bytes()
    torn = longer[len(acknowledged) :]
    assert len(torn) > 100
    for size in range(len(torn)):
        path.write_bytes(acknowledged + torn[:size])
        content = log.read(path, *followed(state))
        assert content.damage is None
        assert len(content.entries) == recorded.inputs
    assert opened(state, cache_dir) == recorded.digest
    assert check(state).damage == []


def test_an_input_that_was_written_but_not_marked_counts(
    recorded: Recorded, state: Path, cache_dir: Path
) -> None:
    path = newest_log(state)
    longer = newest_log(recorded.with_one_more).read_bytes()
    path.write_bytes(path.read_bytes() + longer[path.stat().st_size :])
    later = recorded.with_one_more.parent / "expected"
    shutil.copytree(recorded.with_one_more, later)
    assert opened(state, cache_dir) == opened(later, cache_dir) != recorded.digest


def test_frames_cannot_be_left_out_repeated_or_exchanged(state: Path) -> None:
    path = newest_log(state)
    number, identity = followed(state)
    whole = path.read_bytes()
    at = [frames.start(identity)]
    while at[-1].size < len(whole):
        at.append(frames.read_frame(whole, at[-1])[1])
    cuts = [mark.size for mark in at]
    third, fourth = whole[cuts[2] : cuts[3]], whole[cuts[3] : cuts[4]]
    for middle in (third, fourth, third * 2 + fourth, fourth + third):
        path.write_bytes(whole[: cuts[2]] + middle + whole[cuts[4] :])
        found = log.read(path, number, identity)
        assert found.damage is not None
        assert found.damage.at in cuts[2:4] or found.damage.at == cuts[4]
    path.write_bytes(whole)
    assert log.read(path, number, b"\x01" * 16).damage is not None
    assert log.read(path, number + 1, identity).damage is not None


def test_a_changed_length_is_found_and_accepting_it_keeps_what_was_before(
    recorded: Recorded, state: Path, cache_dir: Path
) -> None:
    """kill -9, then one bit of the length of frame 8 of at least 24 was flipped."""
    path = newest_log(state)
    number, identity = followed(state)
    content = bytearray(path.read_bytes())
    mark = frames.start(identity)
    for _ in range(7):
        _, mark = frames.read_frame(bytes(content), mark)
    content[mark.size + 8] ^= 0x20
    path.write_bytes(content)
    with pytest.raises(
        Damaged,
        match=rf"at byte {mark.size}: the header of input 8 has another checksum.*"
        rf"goes on after input 7 of checkpoint {number}",
    ):
        opened(state, cache_dir)
    accepted = opened(state, cache_dir, accept_loss=True)
    assert accepted != recorded.digest
    (kept,) = (state / "damaged").rglob("log-*")
    assert kept.read_bytes() == content
    assert check(state).damage == []
    assert opened(state, cache_dir) == accepted


@pytest.mark.parametrize("how", ["missing", "head"])
def test_accepting_the_loss_of_a_logs_head_keeps_its_inputs(
    recorded: Recorded, state: Path, cache_dir: Path, how: str
) -> None:
    path = newest_log(state)
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(b"\0" * 60 + path.read_bytes()[60:])
    with pytest.raises(Damaged, match=str(path)):
        opened(state, cache_dir)
    assert (opened(state, cache_dir, accept_loss=True) == recorded.digest) == (how == "head")
    assert check(state).damage == []


def test_accepting_the_loss_of_a_checkpoint_begins_anew_and_keeps_all_aside(
    state: Path, cache_dir: Path
) -> None:
    (path,) = state.glob("checkpoints/*/state.cbor")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Damaged, match="the network then begins empty"):
        opened(state, cache_dir)
    before = {path.relative_to(state): path.read_bytes() for path in files_of(state)}
    engine = open_engine(state, cache_dir=cache_dir, options=options(accept_loss=True))
    assert engine.canister_ids() == []
    engine.close()
    (aside,) = (state / "damaged").iterdir()
    kept = {path.relative_to(aside): path.read_bytes() for path in files_of(aside)}
    assert kept == before
    assert check(state).damage == []


def test_a_kill_between_two_checkpoints_leaves_one_that_counts(
    recorded: Recorded, state: Path, cache_dir: Path
) -> None:
    """The new one has its name, the old one is not removed yet; a third had just begun."""
    older = state.with_name("older")
    shutil.copytree(state, older)
    opened(state, cache_dir)  # ends with a checkpoint
    shutil.copytree(older / "checkpoints", state / "checkpoints", dirs_exist_ok=True)
    shutil.copytree(older / "log", state / "log", dirs_exist_ok=True)
    partial = state / "checkpoints" / "new-00000099"
    partial.mkdir()
    (partial / "state.cbor").write_bytes(b"half")
    assert len(list((state / "checkpoints").iterdir())) == 3
    assert check(state).damage == []
    assert opened(state, cache_dir) == recorded.digest
    assert len(list((state / "checkpoints").iterdir())) == 1
    assert len(list((state / "log").iterdir())) == 1


def test_a_state_of_another_subnet_is_refused(state: Path, cache_dir: Path) -> None:
    with pytest.raises(WrongSubnet, match="another subnet than the keys"):
        open_engine(state, cache_dir=cache_dir, options=Options(subnet_id=b"another"))


def test_a_folder_in_use_is_not_checked(state: Path, cache_dir: Path) -> None:
    engine = open_engine(state, cache_dir=cache_dir, options=options())
    try:
        with pytest.raises(EngineError, match="in use by another replica"):
            check(state)
    finally:
        engine.close()


def test_checking_changes_nothing(state: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in [state, *state.rglob("*")]}
    check(state)
    assert {path: path.stat().st_mtime_ns for path in [state, *state.rglob("*")]} == before


def test_an_empty_folder_is_sound(tmp_path: Path) -> None:
    found = check(tmp_path)
    assert found.damage == []
    assert found.checkpoint == 0
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_names_every_file(state: Path) -> None:
    number = Folder(state).newest()
    found = Folder(state).manifest(number)
    assert found is not None
    folder = Folder(state).checkpoint(number)
    assert {*found.files, manifest.NAME} == {path.name for path in folder.iterdir()}
    assert {blob.hex() for blob in found.blobs} == {path.name for path in state.glob("blobs/*")}
