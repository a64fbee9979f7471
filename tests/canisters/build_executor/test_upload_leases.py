"""How long an executor may keep an upload, and who is asked after it."""

from __future__ import annotations

import pytest

from shared.rules.limits import (
    MAX_ARTIFACT_BYTES,
    MAX_CHUNK_BYTES,
    MAX_MANIFEST_FILES,
    MAX_QUEUE_NS,
    STOPPING_PAUSE_NS,
    STORE_WINDOW_NS,
    UPLOAD_PIECE_NS,
)
from tests.canisters.build_executor.helpers.specs import file
from tests.canisters.build_executor.helpers.world import SECOND, A, B, World
from tests.canisters.build_executor.test_artifacts import (
    BIG,
    LEASE_SECONDS,
    SMALL,
    agreed,
    holder,
    send,
    send_one,
)

# The longest first pause: a quarter more than the middle.
PAUSE_SECONDS = STOPPING_PAUSE_NS / SECOND * 1.25


def sends_until_the_lease_is_over(world: World, step: float) -> float:
    """Seconds for which A keeps the upload by sending its first chunk again and again."""
    began = world.now
    while "Ok" in send_one(world, A):
        world.pass_time(step)
        assert world.now - began < STORE_WINDOW_NS
    return (world.now - began) / SECOND


def test_chunks_sent_again_hold_an_upload_no_longer_than_its_files_need() -> None:
    world = holder()  # three chunks, two files
    bound = LEASE_SECONDS + 5 * UPLOAD_PIECE_NS / SECOND
    assert bound - 1 <= sends_until_the_lease_is_over(world, 1) <= bound + 1
    assert world.lease(A, "run-1/build/0") is None  # the others are asked first
    assert "Upload" in world.lease(B, "run-1/build/1")
    assert send(world, B, "out.wasm", SMALL) == {"Ok": None}
    assert send(world, B, "big.bin", BIG) == {"Ok": None}
    assert world.run()["state"] == {"Succeeded": None}


def test_an_upload_bound_holds_over_an_upgrade() -> None:
    world = holder()
    world.pass_time(LEASE_SECONDS * 0.6)
    world.upgrade()
    bound = LEASE_SECONDS + 5 * UPLOAD_PIECE_NS / SECOND
    assert sends_until_the_lease_is_over(world, 1) <= bound - LEASE_SECONDS * 0.6 + 1


def test_wrong_bytes_and_finished_files_do_not_move_the_bound() -> None:
    world = holder()
    began = world.now
    bound = LEASE_SECONDS + 5 * UPLOAD_PIECE_NS / SECOND
    world.pass_time(LEASE_SECONDS * 0.9)
    assert send(world, A, "out.wasm", SMALL) == {"Ok": None}
    while "Ok" in world.upload(A, "big.bin", 0, bytes(MAX_CHUNK_BYTES)):
        world.pass_time(1)
        assert world.now - began < STORE_WINDOW_NS
    assert (world.now - began) / SECOND <= bound + 1


def test_an_uploader_holds_the_largest_manifest_for_half_of_the_window_at_most() -> None:
    large = [
        {"path": f"f{n}", "size": MAX_ARTIFACT_BYTES, "sha256": f"{n:064}"}
        for n in range(MAX_MANIFEST_FILES)
    ]
    world = agreed(*large)
    world.lease(A, "run-1/build/0")
    held = 0
    while "Ok" in world.upload(A, "f0", 0, bytes(MAX_CHUNK_BYTES)):
        world.pass_time(10)
        held += 10
        assert held < STORE_WINDOW_NS / SECOND
    assert held <= STORE_WINDOW_NS / SECOND / 2
    assert "Upload" in world.lease(B, "run-1/build/1")


@pytest.mark.parametrize("tick", [True, False])
def test_an_executor_restarted_in_its_upload_is_asked_again(tick: bool) -> None:
    world = agreed(file("out.wasm", SMALL))
    assert "Upload" in world.lease(A, "run-1/build/0")
    world.pass_time(LEASE_SECONDS, tick)
    assert world.lease(A, "run-1/build/0") is None
    world.pass_time(PAUSE_SECONDS, tick)
    assert "Upload" in world.lease(A, "run-1/build/0")
    assert send(world, A, "out.wasm", SMALL) == {"Ok": None}
    assert world.run()["state"] == {"Succeeded": None}


def test_an_executor_whose_uploads_expire_waits_longer_each_time_and_never_ends_the_run() -> None:
    world = agreed(file("out.wasm", SMALL))
    waited = 0
    for _ in range(4):
        assert "Upload" in world.lease(A, "run-1/build/0")
        world.pass_time(LEASE_SECONDS)
        began = world.now
        while not world.has_work(A, "run-1/build/0"):
            world.pass_time(1)
        assert (world.now - began) > waited
        waited = world.now - began
        assert world.has_work(B, "run-1/build/1")
    assert world.executor(A)["leases_lost"] == 4
    assert "Upload" in world.lease(B, "run-1/build/1")
    assert send(world, B, "out.wasm", SMALL) == {"Ok": None}
    assert world.run()["state"] == {"Succeeded": None}


def test_agreed_bytes_are_waited_for_as_long_as_builds_are() -> None:
    world = agreed(file("out.wasm", SMALL))
    world.pass_time(MAX_QUEUE_NS / SECOND - 1)
    assert "uploads" not in " ".join(world.waits()) and "brings the agreed" in world.waits()[0]
    assert "Upload" in world.lease(B, "run-1/build/1")
    assert send(world, B, "out.wasm", SMALL) == {"Ok": None}
    assert world.run()["state"] == {"Succeeded": None}


def test_an_upload_leased_before_uploads_were_bounded_ends_with_the_window() -> None:
    world = holder()
    stored = world.maps["stages"].entries["run-1/build"]
    stored["upload_end_ns"] = None
    world.upgrade()
    for _ in range(20):
        world.pass_time(LEASE_SECONDS * 0.6)
        assert send_one(world, A) == {"Ok": None}
    world.pass_time(LEASE_SECONDS)
    assert "Upload" in world.lease(B, "run-1/build/1")
    assert world.maps["stages"].entries["run-1/build"]["upload_end_ns"] is not None
