"""Images of a repository's own lock file are built when a stage asks for one."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dcanary.executor.images import ImageBuilder, image_environment
from dcanary.executor.own_images import (
    MAX_PACKAGES_BYTES,
    PREFIX,
    make_room,
    own_lock,
)
from dcanary.executor.runtimes import RuntimeUnavailable
from dcanary.executor.sandbox import BubblewrapSandbox
from dcanary.image.errors import NoRoomForImage
from dcanary.image.lock import Lock, format_lock
from dcanary.image.places import places
from dcanary.image.store import Image, ImageStore
from tests.executor.repositories import commit, source_record, stage_record
from tests.executor.sandbox.test_image_root import PROGRAMS, make_tree
from tests.executor.test_executor import Site, until
from tests.image.conftest import Place
from tests.image.debs import Pool, deb, member, pool
from tests.registry import Registry, serve

PATH = "ci/own.lock"
COMMANDS = ["cat /etc/only-in-the-image hello.txt > out"]


@cache
def tools() -> Pool:
    """A package with a shell and a few programs of this machine, and one with a file."""
    listed = subprocess.run(
        ["/usr/bin/ldd", *PROGRAMS.values()], capture_output=True, text=True, check=True
    ).stdout
    paths = sorted({*PROGRAMS.values(), *re.findall(r"(/\S+\.so\S*)", listed)})
    files = [member(f".{path}", Path(path).resolve().read_bytes(), mode=0o755) for path in paths]
    return pool(
        {
            "dash": deb("dash", files, compression=""),
            "mark": deb("mark", [member("./etc/only-in-the-image", b"image")]),
        }
    )


def lock_of(found: Pool) -> Lock:
    return dataclasses.replace(found.lock, links={"/usr/bin/sh": "dash"})


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serve() as serving:
        serving.files.update(tools().files)
        yield serving


@pytest.fixture
def site(tmp_path: Path, sandbox: BubblewrapSandbox) -> Iterator[Site]:
    made = Site(tmp_path, sandbox)
    yield made
    for executor in made.executors:
        executor.close()


def put_lock(site: Site, lock: Lock) -> None:
    """Commit a lock file; the next stage is of that commit."""
    repository = site.folder / "repository"
    (repository / "ci").mkdir(exist_ok=True)
    (repository / PATH).write_text(format_lock(lock))
    site.source = source_record(repository, commit(repository))


def in_own_image(digest: str, path: str | None = PATH, **more: Any) -> dict[str, Any]:
    needs = {"cpus": None, "image": digest, "region": None, "image_lock": path, "labels": []}
    made = {"replicas": 2, "quorum": 2, **more}
    return {**stage_record(COMMANDS, ["out"], **made), "needs": needs}


Build = Callable[[Lock, Callable[[str], None], str, Mapping[str, str]], Image]


def building(place: Place, umask: int = 0o022, zone: str = "UTC") -> Build:
    """Builds into a place, in an environment of its own."""

    def build(lock: Lock, say: Callable[[str], None], name: str, where: Mapping[str, str]) -> Image:
        old, zone_before = os.umask(umask), os.environ.get("TZ")
        os.environ["TZ"] = zone
        time.tzset()
        try:
            return place.build(lock, name, where, say)
        finally:
            os.umask(old)
            os.environ.pop("TZ")
            if zone_before is not None:
                os.environ["TZ"] = zone_before
            time.tzset()

    return build


def test_two_operators_in_two_environments_build_the_lock_of_the_commit_and_agree(
    site: Site, registry: Registry
) -> None:
    lock = lock_of(tools())
    put_lock(site, lock)
    site.add(in_own_image(lock.digest))
    executors, kept = [], []
    for name, umask, zone in (
        ("alice", 0o022, "UTC"),
        ("bob", 0o077, "Pacific/Kiritimati"),
    ):
        place = Place(site.folder / f"place of {name}", registry)
        kept.append(place.images)
        builder = ImageBuilder(building(place, umask, zone), {})
        executors.append(site.executor(name, images=place.images, image_builder=builder))
        assert executors[-1].offer()["builds_locks"] is True
        assert executors[-1].offer()["images"] == []
    until(site.chain.stored, *executors)
    verdict = site.verdict()
    assert verdict["kind"] == {"Agreed": None}
    assert site.chain.stored() == {"out": b"imagehello"}
    first, second = (store.find(lock.digest) for store in kept)
    assert first is not None and second is not None
    assert first.tree == second.tree
    assert verdict["environment"] == image_environment("shell", first)
    assert first.name == f"{PREFIX}{PATH}"
    # It is told in the log while it is waited for.
    log = site.chain.log("run-1/build/0").decode()
    assert f"building the image of {PATH}, which is not on this machine yet" in log
    assert "unpacking 2 packages" in log
    # The next stage finds it there.
    site.add(in_own_image(lock.digest), "run-2")
    until(lambda: site.chain.stored("run-2"), *executors)
    assert "building the image" not in site.chain.log("run-2/build/0").decode()


def test_who_builds_no_images_is_given_no_such_stage(site: Site, registry: Registry) -> None:
    lock = lock_of(tools())
    put_lock(site, lock)
    site.add(in_own_image(lock.digest, replicas=1, quorum=1))
    store = ImageStore(site.folder / "images")
    without = site.executor("alice", images=store)
    assert without.offer()["builds_locks"] is False
    for _ in range(5):
        without.run_once()
    assert "submit_commitment" not in site.chain.calls
    place = Place(site.folder / "place", registry)
    builder = ImageBuilder(building(place), {})
    until(site.chain.stored, site.executor("bob", images=place.images, image_builder=builder))


def other(lock: Lock) -> Lock:
    return dataclasses.replace(lock, environment={"OTHER": "1"})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, f"there is no file {PATH} in the commit to build it by"),
        (format_lock(other(lock_of(tools()))), f"{PATH} is another lock than the one that the"),
        ("{}", f"the lock file is wrong: {PATH}: version: None is not supported"),
    ],
)
def test_a_commit_without_the_lock_is_built_by_who_has_the_image_alone(
    site: Site, registry: Registry, content: str | None, told: str
) -> None:
    lock = lock_of(tools())
    if content is not None:
        repository = site.folder / "repository"
        (repository / "ci").mkdir()
        (repository / PATH).write_text(content)
        site.source = source_record(repository, commit(repository))
    site.add(in_own_image(lock.digest, replicas=1, quorum=1))
    place, has = (Place(site.folder / name, registry) for name in ("place", "place of bob"))
    builder = ImageBuilder(building(place), {})
    without = site.executor("alice", images=place.images, image_builder=builder)
    until(lambda: any("given back" in line for line in site.lines), without)
    assert any("given back: this machine lacks the image" in line for line in site.lines)
    assert any(told in line for line in site.lines), site.lines
    has.build(lock)
    until(site.chain.stored, site.executor("bob", images=has.images))
    assert site.chain.stored() == {"out": b"imagehello"}


def test_a_wrong_hash_is_told_with_file_line_and_field(site: Site, registry: Registry) -> None:
    lock = lock_of(tools())
    wrong = dataclasses.replace(lock.debian[1], sha256="0" * 64)
    lock = dataclasses.replace(lock, debian=(lock.debian[0], wrong))
    put_lock(site, lock)
    site.add(in_own_image(lock.digest))
    place = Place(site.folder / "place", registry)
    builder = ImageBuilder(building(place), {})
    executor = site.executor("alice", images=place.images, image_builder=builder)
    until(lambda: any("given back" in line for line in site.lines), executor)
    text = format_lock(lock).splitlines()
    line = 1 + next(number for number, each in enumerate(text) if "0" * 64 in each)
    told = f"{PATH} line {line}, debian[1].sha256 (mark 1.0-1)"
    assert any(told in each and "not the pinned ones" in each for each in site.lines), site.lines


def test_a_full_disk_is_waited_out_with_the_folder_and_the_remedy(
    site: Site, registry: Registry
) -> None:
    lock = lock_of(tools())
    put_lock(site, lock)
    site.add(in_own_image(lock.digest, replicas=1, quorum=1))
    place = Place(site.folder / "place", registry)
    full = [True]

    def build(lock: Lock, say: Callable[[str], None], name: str, where: Mapping[str, str]) -> Image:
        if full.pop() if full else False:
            raise NoRoomForImage(f"no room on the disk of {place.folder}: free some")
        return place.build(lock, name, where, say)

    executor = site.executor("alice", images=place.images, image_builder=ImageBuilder(build, {}))
    until(lambda: any("given back: no room on the disk" in line for line in site.lines), executor)
    site.chain.advance(3600)
    until(site.chain.stored, executor)


def test_what_is_too_large_or_for_another_machine_is_left_to_others() -> None:
    lock = lock_of(tools())
    large = dataclasses.replace(lock.debian[1], size=MAX_PACKAGES_BYTES)
    for changed, told in (
        (dataclasses.replace(lock, debian=(lock.debian[0], large)), "are built on demand: dcanary"),
        (dataclasses.replace(lock, debian=(), architecture="arm64"), "is for aarch64, this is"),
    ):
        text = format_lock(changed).encode()
        with pytest.raises(RuntimeUnavailable, match=told):
            own_lock(PATH, changed.digest, lambda _, text=text: text)  # type: ignore[misc]  # bound now


def test_images_built_on_demand_have_a_bound_and_others_are_left(tmp_path: Path) -> None:
    store, said = ImageStore(tmp_path), []
    found = []
    for number, name in enumerate((f"{PREFIX}a.lock", f"{PREFIX}b.lock", "rust")):
        lock = dataclasses.replace(Lock(architecture="amd64"), environment={"N": str(number)})
        with store.building(lock.digest) as folder:
            tree = make_tree(folder / "tree")
            found.append(store.add(folder, tree, lock, format_lock(lock), name))
    with store.use(found[1].digest):
        pass
    make_room(store, said.append, most=found[0].bytes)
    assert {each.digest for each in store.images()} == {found[1].digest, found[2].digest}
    assert said == [
        f"removed the image {found[0].digest[:12]} ({PREFIX}a.lock), which was used least"
    ]
    with store.use(found[1].digest):
        make_room(store, said.append, most=0)
        assert store.find(found[1].digest) is not None
    make_room(store, said.append, most=0)
    assert [each.name for each in store.images()] == ["rust"]


def test_places_are_found_in_any_layout_of_a_lock() -> None:
    lock = lock_of(tools())
    (first, second) = lock.debian
    text = format_lock(lock).encode()
    found = places(text, "x.lock")
    assert found[first.sha256].endswith("debian[0].sha256 (dash 1.0-1)")
    one_line = b" ".join(text.split(b"\n"))
    assert (
        places(one_line, "x.lock")[second.sha256] == "x.lock line 1, debian[1].sha256 (mark 1.0-1)"
    )
