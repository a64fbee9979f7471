"""Uploads: only agreed bytes, only by the lease's holder, whatever is sent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canisters.build_executor.rounds import rules as round_rules
from shared.rules.limits import (
    LEASE_NS,
    MAX_ARTIFACT_BYTES,
    MAX_CHUNK_BYTES,
    MAX_MANIFEST_FILES,
    MAX_QUEUE_NS,
    STOPPING_PAUSE_NS,
)
from tests.canisters.build_executor.helpers.specs import file, spec, stage
from tests.canisters.build_executor.helpers.world import SECOND, A, B, C, D, World
from tests.examples import examples

SMALL = b"\x00asm small"
BIG = bytes(range(256)) * 5_000  # 1,280,000 bytes: two chunks
LEASE_SECONDS = LEASE_NS / SECOND


def agreed(*files: Any, by: int = 2) -> World:
    """A world whose stage was agreed on by the first `by` executors."""
    world = World()
    world.enqueue()
    jobs = world.all_commit()
    assert world.decide("Agreed", list(files), jobs[:by]) == {"Ok": None}
    return world


def chunks(content: bytes) -> list[bytes]:
    return [content[at : at + MAX_CHUNK_BYTES] for at in range(0, len(content), MAX_CHUNK_BYTES)]


def send(world: World, executor: str, path: str, content: bytes) -> Any:
    for index, chunk in enumerate(chunks(content)):
        assert world.upload(executor, path, index, chunk) == {"Ok": None}
    return world.finish(executor, path)


def send_one(world: World, executor: str) -> Any:
    return world.upload(executor, "out.wasm", 0, SMALL)


def holder() -> World:
    """A world where A holds the lease of the upload of two files."""
    world = agreed(file("out.wasm", SMALL), file("big.bin", BIG))
    assert "Upload" in world.lease(A, "run-1/build/0")
    return world


def test_agreed_files_are_offered_stored_and_read_back() -> None:
    world = agreed(file("out.wasm", SMALL), file("big.bin", BIG))
    work = world.lease(A, "run-1/build/0")["Upload"]
    assert work["files"] == [file("out.wasm", SMALL), file("big.bin", BIG)]
    assert work["job"] == "run-1/build/0"
    assert "not stored yet" in world.read("out.wasm")["Err"]["Unavailable"]
    assert send(world, A, "big.bin", BIG) == {"Ok": None}
    assert world.run()["stages"][0]["stored"] == ["big.bin"]
    assert send(world, A, "out.wasm", SMALL) == {"Ok": None}
    assert world.run()["state"] == {"Succeeded": None}
    assert world.run()["stages"][0]["state"] == {"Succeeded": None}
    assert world.run()["stages"][0]["instructions"] > 0
    assert world.read("out.wasm") == {"Ok": SMALL}
    assert [world.read("big.bin", n)["Ok"] for n in (0, 1)] == chunks(BIG)
    assert "no chunk 2" in world.read("big.bin", 2)["Err"]["Invalid"]
    assert "NotFound" in world.read("other")["Err"]


def test_only_an_executor_that_agreed_and_still_has_the_bytes_is_asked() -> None:
    world = agreed(file("out.wasm", SMALL))
    assert world.lease(A) is None
    assert world.lease(B, "run-1/build/0") is None
    assert world.lease(C, "run-1/build/2") is None
    assert "Denied" in world.lease(D, "run-1/build/0")
    assert "Upload" in world.lease(B, "run-1/build/1")
    assert world.lease(A, "run-1/build/0") is None


def test_an_upload_lease_that_expires_is_offered_again() -> None:
    world = holder()
    assert world.lease(B, "run-1/build/1") is None
    world.pass_time(LEASE_SECONDS, tick=False)
    assert "lease of stage build is over" in send_one(world, A)["Err"]["Conflict"]
    assert "Upload" in world.lease(B, "run-1/build/1")
    assert "Denied" in send_one(world, A)["Err"]
    assert send_one(world, B) == {"Ok": None}
    assert world.executor(A)["leases_lost"] == 1


def test_chunks_keep_the_lease_alive() -> None:
    world = holder()
    for _ in range(4):
        world.pass_time(LEASE_SECONDS * 0.6)
        assert send_one(world, A) == {"Ok": None}


@pytest.mark.parametrize(
    ("path", "index", "content", "kind", "word"),
    [
        ("out.wasm", 0, SMALL[:-1], "Invalid", "bytes, not"),
        ("out.wasm", 0, SMALL + b"x", "Invalid", "bytes, not"),
        ("out.wasm", 0, b"", "Invalid", "bytes, not"),
        ("out.wasm", 1, SMALL, "Invalid", "no index 1"),
        ("big.bin", 0, BIG, "Invalid", "bytes, not"),
        ("big.bin", 2, b"", "Invalid", "no index 2"),
        ("big.bin", 4_294_967_295, b"", "Invalid", "no index"),
        ("../out.wasm", 0, SMALL, "NotFound", "not one of the agreed"),
    ],
)
def test_a_chunk_that_is_not_of_an_agreed_file_is_refused(
    path: str, index: int, content: bytes, kind: str, word: str
) -> None:
    world = holder()
    assert word in world.upload(A, path, index, content)["Err"][kind]
    assert world.maps["chunks"].entries == {}


def test_others_cannot_send_or_finish() -> None:
    world = holder()
    for caller in (B, C, D):
        assert "Denied" in world.upload(caller, "out.wasm", 0, SMALL)["Err"]
        assert "Denied" in world.finish(caller, "out.wasm")["Err"]
    assert "NotFound" in world.upload(A, "out.wasm", 0, SMALL, run="run-2")["Err"]
    assert world.maps["chunks"].entries == {}


def test_finishing_with_a_gap_names_it_and_keeps_what_is_there() -> None:
    world = holder()
    world.upload(A, "big.bin", 1, chunks(BIG)[1])
    assert "chunk 0 of 2" in world.finish(A, "big.bin")["Err"]["Conflict"]
    world.upload(A, "big.bin", 0, chunks(BIG)[0])
    assert world.finish(A, "big.bin") == {"Ok": None}


def test_chunks_may_come_twice_and_in_any_order() -> None:
    world = holder()
    first, second = chunks(BIG)
    for index, chunk in ((1, second), (0, b"\0" * len(first)), (0, first), (1, second), (0, first)):
        assert world.upload(A, "big.bin", index, chunk) == {"Ok": None}
    assert world.finish(A, "big.bin") == {"Ok": None}
    assert world.finish(A, "big.bin") == {"Ok": None}
    assert world.upload(A, "big.bin", 0, b"late") == {"Ok": None}
    assert world.read("big.bin")["Ok"] == first


def test_wrong_bytes_are_dropped_and_the_next_executor_is_asked() -> None:
    world = holder()
    for _ in range(2):
        assert world.upload(A, "out.wasm", 0, SMALL[::-1]) == {"Ok": None}
        assert "agreed was" in world.finish(A, "out.wasm")["Err"]["Invalid"]
        assert world.maps["chunks"].entries == {}
    assert "Conflict" in world.upload(A, "out.wasm", 0, SMALL)["Err"]
    assert world.lease(A, "run-1/build/0") is None
    assert "Upload" in world.lease(B, "run-1/build/1")
    assert send(world, B, "out.wasm", SMALL) == {"Ok": None}
    assert send(world, B, "big.bin", BIG) == {"Ok": None}
    assert world.run()["state"] == {"Succeeded": None}


def test_when_all_that_agreed_bring_wrong_bytes_the_run_fails() -> None:
    world = agreed(file("out.wasm", SMALL))
    for executor, job in ((A, "run-1/build/0"), (B, "run-1/build/1")):
        world.lease(executor, job)
        for _ in range(2):
            world.upload(executor, "out.wasm", 0, SMALL[::-1])
            world.finish(executor, "out.wasm")
    assert "could deliver" in world.run()["state"]["Failed"]
    assert world.maps["chunks"].entries == {}
    assert world.maps["open_runs"].entries == {}


def test_an_executor_that_lost_the_bytes_gives_the_upload_back() -> None:
    world = holder()
    assert "Denied" in world.release(B, "run-1/build/1")["Err"]
    assert world.release(A, "run-1/build/0", cause="Unable") == {"Ok": None}
    world.pass_time(3_600)
    assert world.lease(A, "run-1/build/0") is None
    assert "Upload" in world.lease(B, "run-1/build/1")


def test_an_upload_given_back_for_weather_is_asked_for_again_after_the_others() -> None:
    world = holder()
    assert world.release(A, "run-1/build/0") == {"Ok": None}
    assert world.lease(A, "run-1/build/0") is None
    world.pass_time(STOPPING_PAUSE_NS / SECOND * 1.25)
    assert "Upload" in world.lease(A, "run-1/build/0")


def test_bytes_that_nobody_brings_end_the_run_after_the_queue_time() -> None:
    world = holder()
    world.upload(A, "big.bin", 1, chunks(BIG)[1])
    world.pass_time(MAX_QUEUE_NS / SECOND)
    assert "brought the agreed bytes" in world.run()["state"]["Inconclusive"]
    assert world.maps["chunks"].entries == {}


def test_bytes_that_are_here_already_are_not_asked_for_again() -> None:
    world = agreed(file("out.wasm", SMALL))
    world.lease(A, "run-1/build/0")
    send(world, A, "out.wasm", SMALL)
    kept = dict(world.maps["chunks"].entries)
    world.enqueue(spec("run-2"))
    jobs = world.all_commit("run-2")
    world.decide("Agreed", [file("copy.wasm", SMALL)], jobs, run="run-2")
    assert world.run("run-2")["state"] == {"Succeeded": None}
    assert world.maps["chunks"].entries == kept
    assert world.read("copy.wasm", run="run-2") == {"Ok": SMALL}


def test_two_runs_that_upload_the_same_bytes_at_once_keep_them_once() -> None:
    world = World()
    for run in ("run-1", "run-2"):
        world.enqueue(spec(run))
        world.decide("Agreed", [file("out.wasm", SMALL)], world.all_commit(run), run=run)
    world.lease(A, "run-1/build/0")
    world.lease(B, "run-2/build/1")
    world.upload(A, "out.wasm", 0, SMALL, run="run-1")
    world.upload(B, "out.wasm", 0, SMALL[::-1], run="run-2")
    assert world.finish(A, "out.wasm", run="run-1") == {"Ok": None}
    assert world.finish(B, "out.wasm", run="run-2") == {"Ok": None}
    assert list(world.maps["chunks"].entries.values()) == [SMALL]
    assert world.read("out.wasm", run="run-2") == {"Ok": SMALL}


def test_files_of_the_same_bytes_are_sent_once_under_either_path() -> None:
    world = agreed(file("a", SMALL), file("b", SMALL))
    assert [f["path"] for f in world.lease(A, "run-1/build/0")["Upload"]["files"]] == ["a"]
    assert world.upload(A, "b", 0, SMALL) == {"Ok": None}
    assert world.finish(A, "a") == {"Ok": None}
    assert world.run()["stages"][0]["stored"] == ["a", "b"]
    assert world.read("b") == {"Ok": SMALL}


def test_an_empty_file_needs_no_chunk() -> None:
    world = agreed(file("empty", b""))
    world.lease(A, "run-1/build/0")
    assert "no index 0" in world.upload(A, "empty", 0, b"")["Err"]["Invalid"]
    assert world.finish(A, "empty") == {"Ok": None}
    assert world.read("empty") == {"Ok": b""}


def test_a_disabled_executor_loses_its_upload() -> None:
    world = holder()
    world.enable(A, False)
    assert "Conflict" in send_one(world, A)["Err"]
    assert "Upload" in world.lease(B, "run-1/build/1")


def test_a_cancelled_run_drops_the_chunks_it_had() -> None:
    world = holder()
    world.upload(A, "big.bin", 1, chunks(BIG)[1])
    assert world.cancel() == {"Ok": None}
    assert world.maps["chunks"].entries == {}
    assert "Conflict" in send_one(world, A)["Err"]


def test_an_upload_survives_an_upgrade_at_any_step() -> None:
    world = agreed(file("big.bin", BIG))
    world.upgrade()
    world.lease(A, "run-1/build/0")
    for index, chunk in enumerate(chunks(BIG)):
        world.upgrade()
        assert world.upload(A, "big.bin", index, chunk) == {"Ok": None}
    world.upgrade()
    assert world.finish(A, "big.bin") == {"Ok": None}
    world.upgrade()
    assert world.finish(A, "big.bin") == {"Ok": None}
    assert world.run()["state"] == {"Succeeded": None}


def test_a_chunk_costs_one_write() -> None:
    world = holder()
    before = world.operations()
    world.upload(A, "big.bin", 0, chunks(BIG)[0])
    assert world.operations() - before == 1


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("out.wasm", True),
        ("a/b.c/d", True),
        (".hidden", True),
        ("a b", True),
        ("", False),
        ("/etc/passwd", False),
        ("a//b", False),
        ("a/", False),
        ("./a", False),
        ("a/../b", False),
        ("..", False),
        ("a\\b", False),
        ("a\nb", False),
        ("a\0", False),
        ("x" * 241, False),
    ],
)
def test_agreement_does_not_make_a_path_safe(path: str, safe: bool) -> None:
    assert round_rules.is_safe_path(path) is safe


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ([file("/abs", b"")], "not a relative"),
        ([file("a", b""), file("a", b"x")], "twice"),
        ([{"path": "a", "size": MAX_ARTIFACT_BYTES + 1, "sha256": "0" * 64}], "MAX_ARTIFACT_BYTES"),
        ([{"path": "a", "size": 1, "sha256": "A" * 64}], "sha256"),
        (
            [
                {"path": "a", "size": 1, "sha256": "0" * 64},
                {"path": "b", "size": 2, "sha256": "0" * 64},
            ],
            "another size",
        ),
        ([file(f"f{n}", b"") for n in range(MAX_MANIFEST_FILES + 1)], "MAX_MANIFEST_FILES"),
    ],
)
def test_a_manifest_that_cannot_be_stored_fails_the_run(files: list[Any], word: str) -> None:
    world = agreed(*files)
    assert word in world.run()["state"]["Failed"]
    assert word in world.run()["stages"][0]["state"]["Failed"]


def test_the_manifests_of_a_run_are_bounded_together() -> None:
    world = World()
    names = [f"s{n}" for n in range(16)]
    world.enqueue(spec("run-1", *(stage(name, replicas=1, quorum=1) for name in names)))
    for name in names:
        job = world.build(A)["job"]
        world.commit(A, job)
        files = [file(f"{name}/{n:03}".ljust(230, "x"), b"") for n in range(MAX_MANIFEST_FILES)]
        world.decide("Agreed", files, [job], stage=name)
        if "Failed" in world.run()["state"]:
            break
        if name == names[0]:  # the bytes are known from then on
            world.lease(A, job)
            world.finish(A, files[0]["path"], stage=name)
    assert "MAX_RUN_MANIFEST_BYTES" in world.run()["state"]["Failed"]


@settings(max_examples=examples(80), deadline=None)
@given(
    size=st.integers(0, 3).map(lambda n: n * 700_001),
    calls=st.lists(
        st.tuples(
            st.sampled_from([A, A, A, B, D]),
            st.integers(0, 3),
            st.sampled_from(["right", "right", "right", "wrong", "short", "long", "finish"]),
        ),
        max_size=14,
    ),
)
def test_only_the_agreed_bytes_are_ever_stored(
    size: int, calls: list[tuple[str, int, str]]
) -> None:
    content = bytes(size)
    world = agreed(file("f", content))
    world.lease(A, "run-1/build/0")
    parts = chunks(content)
    for caller, index, what in calls:
        part = parts[index] if index < len(parts) else b""
        if what == "finish":
            answer = world.finish(caller, "f")
        else:
            sent = {
                "right": part,
                "wrong": b"!" * len(part),
                "short": part[:-1],
                "long": part + b"+",
            }[what]
            answer = world.upload(caller, "f", index, sent)
        assert caller == A or "Err" in answer
    if world.run()["stages"][0]["stored"]:
        assert b"".join(world.read("f", n)["Ok"] for n in range(max(1, len(parts)))) == content
    else:
        assert "Err" in world.read("f")
