"""A full disk: what cannot be recorded is refused, what was acknowledged stays."""

from __future__ import annotations

import asyncio
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dcanary.replica.api import Reject, Reply, StateNotWritten
from dcanary.replica.certification.keys import SubnetKeys
from dcanary.replica.engine.management import types
from dcanary.replica.node import Node
from dcanary.replica.opening import open_engine
from dcanary.replica.storage import check
from tests.replica.helpers.subnet import Harness
from tests.replica.storage.persistence_child import digest
from tests.replica.storage.test_persistence import COUNTING


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file may become longer: writes fail as on a full disk, in the middle of one if need be."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def log_size(folder: Path) -> int:
    return max((folder / "log").iterdir()).stat().st_size


def after_a_kill(net: Any, folder: Path, open_subnet: Callable[[Path], Any]) -> str:
    """Digest of what a start makes of the folder as it is now."""
    copy = folder.parent / "after a kill"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    assert check(copy).damage == []
    again = open_subnet(copy)
    try:
        return digest(again.engine)
    finally:
        again.engine.close()


@pytest.mark.parametrize("room", [0, 7, 100, 300])
def test_an_update_that_cannot_be_recorded_is_refused_and_nothing_is_lost(
    tmp_path: Path,
    open_subnet: Callable[[Path], Any],
    wat: Callable[[str], bytes],
    room: int,
) -> None:
    folder = tmp_path / "state"
    net = open_subnet(folder)
    canister = net.deploy(wat(COUNTING))
    assert isinstance(net.call(canister, "inc"), Reply)
    with files_of_at_most(log_size(folder) + room):
        refused = None
        accepted = 0
        while refused is None:
            answer = net.submit(canister, "inc")
            if isinstance(answer, Reject):
                refused = answer
            else:
                accepted += 1
        assert refused.code == 2
        assert "make room on its disk" in refused.message
        with pytest.raises(StateNotWritten):
            for _ in range(20):  # as many as there is room for
                net.engine.execute_round()
        with pytest.raises(StateNotWritten):
            net.engine.add_cycles(canister, 5)
    assert after_a_kill(net, folder, open_subnet) == digest(net.engine)
    assert net.call(canister, "inc").data[:4] == (2 * (2 + accepted)).to_bytes(4, "little")
    assert after_a_kill(net, folder, open_subnet) == digest(net.engine)
    net.engine.close()


def test_a_blob_that_the_disk_has_no_room_for_does_not_change_what_an_input_does(
    tmp_path: Path, open_subnet: Callable[[Path], Any], wat: Callable[[str], bytes]
) -> None:
    folder = tmp_path / "state"
    net = open_subnet(folder)
    canister = net.deploy(wat(COUNTING))
    net.call(canister, "inc")
    with files_of_at_most(log_size(folder) + 2_000):
        (snapshot,) = net.management(
            "take_canister_snapshot",
            types.TAKE_SNAPSHOT,
            {"canister_id": canister},
            [types.SNAPSHOT],
        )
        with pytest.raises(StateNotWritten):
            net.engine.checkpoint()
    assert after_a_kill(net, folder, open_subnet) == digest(net.engine)
    net.call(canister, "inc")
    net.engine.checkpoint()
    net.engine.close()
    assert check(folder).damage == []
    net = open_subnet(folder)
    net.management(
        "load_canister_snapshot",
        types.LOAD_SNAPSHOT,
        {"canister_id": canister, "snapshot_id": snapshot["id"]},
    )
    assert net.call(canister, "inc").data[:4] == (4).to_bytes(4, "little")
    net.engine.close()


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, open_subnet: Callable[[Path], Any], wat: Callable[[str], bytes]
) -> None:
    folder = tmp_path / "state"
    net = open_subnet(folder)
    canister = net.deploy(wat(COUNTING))
    net.engine.checkpoint()
    net.call(canister, "inc")
    number = check_number(folder)
    with files_of_at_most(30_000), pytest.raises(StateNotWritten, match="checkpoint failed"):
        net.engine.checkpoint()
    assert check_number(folder) == number
    assert list((folder / "checkpoints").glob("new-*")) == []
    assert after_a_kill(net, folder, open_subnet) == digest(net.engine)
    net.engine.checkpoint()
    assert check_number(folder) == number + 1
    net.engine.close()


def check_number(folder: Path) -> int:
    return max(int(path.name) for path in (folder / "checkpoints").iterdir())


def test_a_live_node_waits_for_room_and_then_goes_on(
    tmp_path: Path, cache_dir: Path, wat: Callable[[str], bytes]
) -> None:
    folder = tmp_path / "state"
    # The node goes on at the present time; messages of the past would have expired.
    net = Harness(open_engine(folder, cache_dir=cache_dir, start_time_ns=time.time_ns()))
    canister = net.deploy(wat(COUNTING))
    before = log_size(folder)
    net.submit(canister, "inc")
    with files_of_at_most(2 * log_size(folder) - before):
        waiting = net.submit(canister, "inc")
        assert isinstance(waiting, bytes), "there is room for the message, but for no round"
        node = Node(net.engine, SubnetKeys(b"k" * 32), live=True, subnet_type="application")
        assert asyncio.run(node.wait(waiting, 2.5)) is None
        assert node.failure is None
    answered = asyncio.run(node.wait(waiting, 60))
    assert answered is not None
    assert isinstance(answered.result, Reply)
    node.stop()
    assert check(folder).damage == []
