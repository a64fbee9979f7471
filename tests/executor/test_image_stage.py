"""Stages that ask for an image run in it, on executors that offer it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dcanary.client.types.build_executor import BuildWork, ExecutorOffer
from dcanary.executor.causes import Cause, cause_of
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.executor import Executor
from dcanary.executor.images import (
    MAX_IMAGES,
    ImageBuilder,
    image_environment,
    image_runtime,
    offered_images,
)
from dcanary.executor.offer import make_offer
from dcanary.executor.runtimes import RuntimeUnavailable
from dcanary.executor.sandbox import BubblewrapSandbox, UnsandboxedRunner
from dcanary.image.errors import NoRoomForImage, RegistryError
from dcanary.image.lock import Lock, format_lock
from dcanary.image.standard import called, standard_locks
from dcanary.image.store import Image, ImageStore
from shared.rules.limits import MAX_OFFER_TEXTS
from tests.executor.fetch_stages import FetchSite, fetch_record
from tests.executor.repositories import stage_record
from tests.executor.sandbox.test_image_root import make_tree
from tests.executor.test_executor import Site, until
from tests.fetch.test_layouts import LEFT, SCOPED, npm_files
from tests.image.debs import pool
from tests.registry import serve

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
    needs: Any = {"cpus": None, "image": digest, "region": None, "image_lock": None, "labels": []}
    return {**stage_record(COMMANDS, ["out"], replicas=2, quorum=2), "needs": needs}


def built(store: ImageStore) -> Image:
    found = store.find(LOCK.digest)
    assert found is not None
    return found


def test_a_stage_sees_the_image_and_attests_to_its_files(site: Site, store: ImageStore) -> None:
    site.add({**in_image(LOCK.digest), "runtime": {"Node": None}})
    executors = [site.executor(name, images=store) for name in ("alice", "bob")]
    until(site.chain.stored, *executors)
    verdict = site.verdict()
    assert verdict["environment"] == image_environment("shell", built(store))
    assert site.chain.stored() == {"out": b"imagehello"}
    log = site.chain.log("run-1/build/0").decode()
    assert f"runtime node in the image {LOCK.digest[:12]}" in log


def test_a_stage_in_an_image_finds_the_packages_of_a_fetch_stage(
    tmp_path: Path, sandbox: BubblewrapSandbox, store: ImageStore
) -> None:
    with serve() as registry:
        site = FetchSite(tmp_path, sandbox, registry, npm_files(registry))
        build = {
            **in_image(LOCK.digest),
            "commands": [
                "cat /etc/only-in-the-image $npm_config_cache/_cacache/content-v2/*/*/*/* > out"
            ],
            "depends_on": ["packages"],
            "replicas": 1,
            "quorum": 1,
        }
        site.add_run(fetch_record("package-lock.json"), build)
        executor = site.fetching("alice", images=store)
        try:
            until(site.chain.stored, executor)
        finally:
            executor.close()
    made = site.chain.stored()["out"]
    assert made in (b"image" + LEFT + SCOPED, b"image" + SCOPED + LEFT)


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
        image_runtime(store, "0" * 64, "shell")
    assert cause_of(missing.value)[0] == "Unable"
    own = ImageStore(tmp_path)
    with own.building(LOCK.digest) as folder:
        own.add(folder, make_tree(folder / "tree"), LOCK, format_lock(LOCK), "own")
    runtime = image_runtime(own, LOCK.digest, "shell")
    (tmp_path / LOCK.digest / "tree" / "etc" / "only-in-the-image").chmod(0o600)
    with pytest.raises(Exception, match="only-in-the-image") as damaged, runtime.hold():
        pass
    assert cause_of(damaged.value)[0] == "Weather"
    # From then on it is as good as gone, and may be built anew.
    assert offered_images(own) == []
    with pytest.raises(RuntimeUnavailable, match=r"was damaged: .*only-in-the-image"):
        image_runtime(own, LOCK.digest, "shell")
    assert image_runtime(own, LOCK.digest, "shell", builder_into(own, [])).prepare is not None


def test_a_stage_waits_until_a_damaged_image_is_built_anew(site: Site, tmp_path: Path) -> None:
    site.add(in_image(LOCK.digest))
    rebuilt: list[str] = []
    executors = []
    for name in ("alice", "bob"):
        own = ImageStore(tmp_path / f"images of {name}")
        builder = builder_into(own, rebuilt)
        builder.build(LOCK.digest, lambda _: None)
        executors.append(site.executor(name, images=own, image_builder=builder))
    damaged = tmp_path / "images of bob" / LOCK.digest / "tree/etc/only-in-the-image"
    damaged.write_text("something else")
    until(site.chain.stored, *executors)
    assert rebuilt == ["own", "own", "own"]
    assert site.verdict()["environment"] == image_environment("shell", built(own))


def builder_into(store: ImageStore, built_images: list[str]) -> ImageBuilder:
    """Builds the image of LOCK, which it calls own."""

    def build(lock: Lock, say: Callable[[str], None], name: str, places: object) -> Image:
        with store.building(lock.digest) as folder:
            tree = make_tree(folder / "tree")
            made = store.add(folder, tree, lock, format_lock(lock), name)
        built_images.append(name)
        return made

    return ImageBuilder(build, {"own": LOCK})


def test_an_image_that_a_stage_asks_for_is_built_by_who_leases_it(
    site: Site, tmp_path: Path
) -> None:
    site.add(in_image(LOCK.digest))
    built_images: list[str] = []
    executors = []
    for name in ("alice", "bob"):
        own = ImageStore(tmp_path / f"images of {name}")
        builder = builder_into(own, built_images)
        executors.append(site.executor(name, images=own, image_builder=builder))
        assert executors[-1].offer()["images"] == [LOCK.digest]
    assert built_images == []
    until(site.chain.stored, *executors)
    assert built_images == ["own", "own"]
    own = ImageStore(tmp_path / "images of alice")
    assert site.verdict()["environment"] == image_environment("shell", built(own))
    assert "building the image own" in site.chain.log("run-1/build/0").decode()


@pytest.mark.parametrize("error", [RegistryError("away"), NoRoomForImage("full")])
def test_an_image_that_cannot_be_built_now_is_weather_and_not_offered_for_a_while(
    site: Site, tmp_path: Path, error: Exception
) -> None:
    def build(lock: Lock, say: Callable[[str], None], name: str, places: object) -> Image:
        raise error

    site.add(in_image(LOCK.digest))
    builder = ImageBuilder(build, {"own": LOCK})
    executor = site.executor("alice", images=ImageStore(tmp_path / "none"), image_builder=builder)
    executor.run_once()
    assert any(f"given back: {error}" in line for line in site.lines)
    assert cause_of(error)[0] == "Weather"
    assert executor.offer()["images"] == []


class Boastful(Executor):
    """Offers an image that it has not, and looks at nothing that it is given."""

    def offer(self) -> ExecutorOffer:
        """See `Executor.offer`."""
        return {**super().offer(), "images": [LOCK.digest]}

    def refusal(self, work: BuildWork) -> tuple[Cause, str] | None:
        """See `Executor.refusal`."""
        return None


def test_an_executor_with_no_images_never_takes_its_own_tools_instead(site: Site) -> None:
    site.add(in_image(LOCK.digest))
    executor = site.executor("alice", Boastful)
    for _ in range(3):
        executor.run_once()
    assert any("runs no stages in images" in line for line in site.lines)
    assert "submit_commitment" not in site.chain.calls


def test_an_image_is_called_by_its_name_with_the_command_that_builds_it() -> None:
    rust = standard_locks()["rust"].digest
    assert called(rust) == "rust: dcanary image build rust"
    assert "dcanary image build LOCK" in called("0" * 64)
