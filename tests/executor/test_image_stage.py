"""Stages that ask for an image run in it, on executors that offer it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcanary.executor.causes import cause_of
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.images import MAX_IMAGES, image_environment, image_runtime, offered_images
from dcanary.executor.offer import make_offer
from dcanary.executor.runtimes import RuntimeUnavailable
from dcanary.executor.sandbox import BubblewrapSandbox, UnsandboxedRunner
from dcanary.image.lock import format_lock
from dcanary.image.store import Image, ImageStore
from shared.rules.limits import MAX_OFFER_TEXTS
from tests.executor.repositories import stage_record
from tests.executor.sandbox.test_image_root import make_tree
from tests.executor.test_executor import Site, until
from tests.image.debs import pool

LOCK = pool({}).lock
COMMANDS = ["cat /etc/only-in-the-image hello.txt > out", "! ls /usr/bin/git"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ImageStore:
    store = ImageStore(tmp_path_factory.mktemp("images"))
    with store.building(LOCK.digest) as folder:
        store.add(folder, make_tree(folder / "tree"), LOCK, format_lock(LOCK), "own")
    return store


@pytest.fixture
def site(tmp_path: Path, sandbox: BubblewrapSandbox) -> Iterator[Site]:
    made = Site(tmp_path, sandbox)
    yield made
    for executor in made.executors:
        executor.close()


def in_image(digest: str) -> dict[str, Any]:
    needs = {"cpus": None, "image": digest, "region": None, "labels": []}
    return {**stage_record(COMMANDS, ["out"], replicas=2, quorum=2), "needs": needs}


def built(store: ImageStore) -> Image:
    found = store.find(LOCK.digest)
    assert found is not None
    return found


def test_a_stage_sees_the_image_and_attests_to_its_files(site: Site, store: ImageStore) -> None:
    site.add(in_image(LOCK.digest))
    executors = [site.executor(name, images=store) for name in ("alice", "bob")]
    until(site.chain.stored, *executors)
    verdict = site.verdict()
    assert verdict["environment"] == image_environment("shell", built(store))
    assert site.chain.stored() == {"out": b"imagehello"}
    log = site.chain.log("run-1/build/0").decode()
    assert f"shell in the image {LOCK.digest[:12]}" in log


def test_an_executor_without_the_image_is_given_no_such_stage(
    site: Site, store: ImageStore
) -> None:
    site.add(in_image(LOCK.digest))
    without = site.executor("alice")
    for _ in range(5):
        without.run_once()
    assert "submit_commitment" not in site.chain.calls
    until(site.chain.stored, *(site.executor(name, images=store) for name in ("bob", "carol")))


def test_images_are_offered_where_stages_can_run_in_them(tmp_path: Path, store: ImageStore) -> None:
    assert offered_images(store) == [LOCK.digest]
    assert offered_images(None) == []
    sandboxed = ExecutorConfig(tmp_path, BubblewrapSandbox(), images=store)
    assert make_offer(sandboxed, ["shell"])["images"] == [LOCK.digest]
    unsandboxed = ExecutorConfig(tmp_path, UnsandboxedRunner(tmp_path), images=store)
    assert make_offer(unsandboxed, ["shell"])["images"] == []
    assert MAX_IMAGES == MAX_OFFER_TEXTS


def test_an_image_that_is_gone_or_damaged_is_no_failure_of_the_stage(
    tmp_path: Path, store: ImageStore
) -> None:
    with pytest.raises(RuntimeUnavailable, match="dcanary image build LOCK") as missing:
        image_runtime(store, "0" * 64)
    assert cause_of(missing.value)[0] == "Unable"
    own = ImageStore(tmp_path)
    with own.building(LOCK.digest) as folder:
        own.add(folder, make_tree(folder / "tree"), LOCK, format_lock(LOCK), "own")
    runtime = image_runtime(own, LOCK.digest)
    (tmp_path / LOCK.digest / "tree" / "etc" / "only-in-the-image").chmod(0o600)
    with pytest.raises(Exception, match="only-in-the-image") as damaged, runtime.hold():
        pass
    assert cause_of(damaged.value)[0] == "Unable"
