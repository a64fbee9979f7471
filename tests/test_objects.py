"""The folder of downloaded files: only the bytes that were asked for ever come out of it."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dcanary.objects import (
    MissingObject,
    ObjectStore,
    ObjectTooLarge,
    PoisonedObject,
    WrongDigest,
)

ONE = b"one object"
DIGEST = hashlib.sha256(ONE).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "objects", 1_000_000)


def files(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


def put(store: ObjectStore, content: bytes) -> str:
    return store.put(io.BytesIO(content), sha256=None, max_bytes=1_000_000).digest


def test_an_object_is_kept_by_the_sha256_of_its_bytes(store: ObjectStore, tmp_path: Path) -> None:
    assert not store.has(DIGEST)
    kept = store.put(io.BytesIO(ONE), sha256=DIGEST, max_bytes=len(ONE))
    assert (kept.digest, kept.size) == (DIGEST, len(ONE))
    assert kept.path == tmp_path / "objects/sha256" / DIGEST[:2] / DIGEST[2:]
    assert kept.path.stat().st_mode & 0o777 == 0o444
    assert store.has(DIGEST)
    with store.open(DIGEST) as file:
        assert file.read() == ONE
    assert store.size() == len(ONE)


def test_pieces_of_a_download_are_kept_as_one_object(store: ObjectStore) -> None:
    kept = store.put(iter([ONE[:3], ONE[3:]]), sha256=DIGEST, max_bytes=100)
    assert kept.path.read_bytes() == ONE


def test_other_bytes_than_expected_are_not_kept(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(WrongDigest, match=f"the sha256 is .*, expected {DIGEST}"):
        store.put(io.BytesIO(b"another"), sha256=DIGEST, max_bytes=100)
    assert not store.has(DIGEST)
    assert files(tmp_path / "objects") == []


def test_more_bytes_than_allowed_are_not_kept(store: ObjectStore, tmp_path: Path) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(1000)

    with pytest.raises(ObjectTooLarge, match="more than the 9 bytes"):
        store.put(io.BytesIO(ONE), sha256=DIGEST, max_bytes=9)
    with pytest.raises(ObjectTooLarge, match="more than the 1000000 bytes"):
        store.put(endless(), sha256=None, max_bytes=10**12)
    assert files(tmp_path / "objects") == []


def test_a_stream_that_breaks_off_leaves_nothing(store: ObjectStore, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield ONE
        raise ConnectionResetError("the line went down")

    with pytest.raises(ConnectionResetError):
        store.put(broken(), sha256=None, max_bytes=100)
    assert files(tmp_path / "objects") == []


def test_a_poisoned_object_is_found_removed_and_named(store: ObjectStore) -> None:
    path = store.put(io.BytesIO(ONE), sha256=DIGEST, max_bytes=100).path
    path.chmod(0o644)
    path.write_bytes(b"two object")
    with pytest.raises(PoisonedObject, match=r"has the sha256 .* changed .* was removed") as error:
        store.open(DIGEST)
    assert str(path) in str(error.value)
    assert not store.has(DIGEST)
    with pytest.raises(MissingObject):
        store.open(DIGEST)
    store.put(io.BytesIO(ONE), sha256=DIGEST, max_bytes=100)
    with store.open(DIGEST) as file:
        assert file.read() == ONE


def test_a_link_in_place_of_an_object_is_not_followed(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(ONE)
    path = store.path(DIGEST)
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "elsewhere")
    assert not store.has(DIGEST)
    with pytest.raises(PoisonedObject, match="is a link"):
        store.open(DIGEST)
    assert (tmp_path / "elsewhere").read_bytes() == ONE


def make_folder(path: Path) -> None:
    path.mkdir()
    (path / "inside").write_bytes(ONE)


def make_socket(path: Path) -> None:
    # A name of at most 108 bytes is all that a socket takes.
    folder = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)


MAKERS = [make_folder, os.mkfifo, make_socket]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.timeout(30)
def test_what_is_no_file_in_place_of_an_object_is_removed_and_named(
    store: ObjectStore, make: Callable[[Path], None]
) -> None:
    path = store.path(DIGEST)
    path.parent.mkdir(parents=True)
    make(path)
    assert not store.has(DIGEST)
    with pytest.raises(PoisonedObject, match=r"is no file: .* was removed") as error:
        store.open(DIGEST)
    assert str(path) in str(error.value)
    with pytest.raises(MissingObject):
        store.open(DIGEST)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("above", [False, True])
def test_an_object_is_put_in_place_of_what_is_no_file(
    store: ObjectStore, make: Callable[[Path], None], above: bool
) -> None:
    path = store.path(DIGEST)
    path.parent.parent.mkdir(parents=True)
    if not above:
        path.parent.mkdir()
    make(path.parent if above else path)
    store.put(io.BytesIO(ONE), sha256=DIGEST, max_bytes=100)
    with store.open(DIGEST) as file:
        assert file.read() == ONE


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.timeout(30)
def test_what_is_no_file_is_removed_for_room_and_as_garbage(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    store = ObjectStore(tmp_path / "objects", 100)
    path = store.path(DIGEST)
    path.parent.mkdir(parents=True)
    make(path)
    os.utime(path, (0, 0))
    (tmp_path / "objects/partial").mkdir()
    make(tmp_path / "objects/partial/left")
    kept = [put(store, bytes([number]) * 60) for number in range(2)]
    assert [store.has(digest) for digest in kept] == [False, True]
    assert not path.exists()
    make(path)
    store.remove(DIGEST)
    make(path)
    store.collect_garbage(set())
    assert not path.exists()


@pytest.mark.parametrize(
    "digest", ["", "../" * 20, DIGEST.upper(), DIGEST[:-1], "sha256:" + DIGEST]
)
def test_what_is_no_sha256_is_refused(store: ObjectStore, digest: str) -> None:
    for use in (store.path, store.has, store.open, store.remove):
        with pytest.raises(ValueError, match="is not a sha256"):
            use(digest)
    with pytest.raises(ValueError, match="is not a sha256"):
        store.put(io.BytesIO(ONE), sha256=digest, max_bytes=100)


def test_the_least_recently_used_objects_make_room(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path / "objects", 1_000)
    digests = [put(store, bytes([number]) * 100) for number in range(10)]
    for number, digest in enumerate(digests):
        os.utime(store.path(digest), (number, number))
    with store.open(digests[0]):  # used again: now the newest
        pass
    newest = put(store, b"x" * 100)
    assert [store.has(digest) for digest in digests] == [True, False, False, *[True] * 7]
    assert store.has(newest)
    assert store.size() == 900


def test_what_other_processes_have_put_counts_too(tmp_path: Path) -> None:
    put(ObjectStore(tmp_path / "objects", 1_000), b"a" * 600)
    put(ObjectStore(tmp_path / "objects", 1_000), b"b" * 600)
    assert ObjectStore(tmp_path / "objects", 1_000).size() == 600


def test_an_object_that_is_removed_while_it_is_read_is_read_to_its_end(store: ObjectStore) -> None:
    put(store, ONE)
    with store.open(DIGEST) as file:
        store.remove(DIGEST)
        store.remove(DIGEST)
        assert file.read() == ONE
    assert not store.has(DIGEST)


def test_garbage_is_what_nobody_keeps(store: ObjectStore) -> None:
    first, second = put(store, b"first"), put(store, b"second")
    assert store.collect_garbage({first, DIGEST}) == len(b"second")
    assert store.has(first)
    assert not store.has(second)


def test_a_writer_that_is_killed_leaves_no_object_and_its_file_is_removed(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from dcanary.objects import ObjectStore

        def stream():
            yield bytes(1 << 20)
            print("written", flush=True)
            time.sleep(600)

        ObjectStore(Path(sys.argv[1]), 1 << 30).put(stream(), sha256=None, max_bytes=1 << 30)
        """
    )
    folder = tmp_path / "objects"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        # A writer that lives keeps its file.
        store = ObjectStore(folder, 1 << 30)
        put(store, ONE)
        assert len(list((folder / "partial").iterdir())) == 1
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert store.size() == len(ONE)
    put(store, b"another")
    assert list((folder / "partial").iterdir()) == []


def test_threads_that_put_and_open_the_same_objects_agree(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path / "objects", 500)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for number in range(30):
                content = bytes([number % 7]) * 100
                digest = put(store, content)
                try:
                    with store.open(digest) as file:
                        assert file.read() == content
                except MissingObject:
                    pass  # Another thread needed the room.
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.size() <= 500


def test_a_full_disk_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """The disk is a tmpfs of 64 KiB in a mount namespace of its own."""
    program = textwrap.dedent(
        """
        import io, sys
        from pathlib import Path
        from dcanary.objects import NoRoom, ObjectStore

        folder = Path(sys.argv[1])
        store = ObjectStore(folder, 1 << 30)
        try:
            store.put(io.BytesIO(bytes(1 << 20)), sha256=None, max_bytes=1 << 30)
        except NoRoom as error:
            print(error)
        print([each for each in (folder / "partial").iterdir()])
        print(store.put(io.BytesIO(b"small"), sha256=None, max_bytes=100).size)
        """
    )
    mount = 'mount -t tmpfs -o size=64k tmpfs "$1" && exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "--mount"),
            *("sh", "-c", mount, "sh", str(tmp_path), sys.executable, program),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    said, partial, size = done.stdout.splitlines()
    assert said.startswith(f"no room on the disk of {tmp_path}: free some")
    assert (partial, size) == ("[]", "5")
