"""Executors that are killed, or have no room, while they fetch: what came is not fetched again."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest

from dcanary.executor.sandbox import BubblewrapSandbox
from tests.executor.chain import ExecutorsChain
from tests.executor.fetch_stages import FetchSite, build_record, fetch_record
from tests.executor.remote import answer_to
from tests.executor.test_executor import until
from tests.fetch import test_layouts
from tests.fetch.packages import npm_package
from tests.fetch.test_layouts import npm_files
from tests.registry import Registry, serve

LEFT, RIGHT = "/npm/left/-/left-1.0.0.tgz", "/npm/@our/right/-/right-2.0.0.tgz"
COUNT = "ls /packages/npm/_cacache/content-v2/sha512 | wc -l > out"

_PROGRAM = """
import sys
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, sys.argv[3])
from dcanary.executor.checkout import CheckoutLimits
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.executor import Executor
from dcanary.executor.sandbox import BubblewrapSandbox
from tests.executor.remote import RemoteChain

config = ExecutorConfig(
    Path(sys.argv[2]), BubblewrapSandbox(), runtimes=("shell",), poll_seconds=0.05,
    checkout=CheckoutLimits(schemes=("file",)), log_seconds=0.05, heartbeat_seconds=0.3,
    report=print,
)
Executor(RemoteChain(Connection(int(sys.argv[1]))), config).run_forever()
"""


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serve() as made:
        yield made


@pytest.fixture
def site(tmp_path: Path, sandbox: BubblewrapSandbox, registry: Registry) -> Iterator[FetchSite]:
    made = FetchSite(tmp_path, sandbox, registry, npm_files(registry))
    yield made
    for executor in made.executors:
        executor.close()


def run_and_kill(site: FetchSite, view: ExecutorsChain, condition: Callable[[], Any]) -> None:
    """Run an executor of its own process, with the registry as this machine's, and kill it."""
    ours, theirs = Pipe()
    root = str(Path(__file__).parents[2])
    environment = {
        **os.environ,
        "npm_config_registry": f"{site.registry.url}/npm/",
        "XDG_CACHE_HOME": str(site.folder / "cache"),
    }
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(theirs.fileno()), str(site.folder / "alice"), root],
        pass_fds=[theirs.fileno()],
        env=environment,
        stdout=subprocess.DEVNULL,
    ) as process:
        theirs.close()
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline, (site.chain.calls[-20:], site.registry.seen)
            assert process.poll() is None
            if ours.poll(0.05):
                ours.send(answer_to(view, *ours.recv()))
        process.kill()
    ours.close()


def never(registry: Registry) -> Callable[[Any], None]:
    """Holds a request until the end of the test."""

    def hold(_: Any) -> None:
        registry.stop.wait(200)

    return hold


def kept(site: FetchSite) -> int:
    return len(list((site.folder / "cache").glob("dcanary/objects/sha256/*/*")))


def test_an_executor_killed_while_it_downloads_goes_on_with_what_came(site: FetchSite) -> None:
    site.add_run(fetch_record("package-lock.json"), build_record(COUNT))
    view = site.chain.view("alice")
    site.registry.odd[LEFT] = never(site.registry)
    run_and_kill(site, view, lambda: LEFT in site.registry.seen and kept(site) == 1)
    del site.registry.odd[LEFT]
    run_and_kill(site, view, lambda: site.chain.stored())
    assert site.chain.stored() == {"out": b"2\n"}
    assert site.registry.seen.count(RIGHT) == 1
    assert site.chain.causes("run-1/packages/0") == ["Stopping"]


def test_an_executor_killed_before_the_build_finds_its_packages_again(site: FetchSite) -> None:
    site.add_run(fetch_record("package-lock.json"), build_record("sleep 2", COUNT))
    view = site.chain.view("alice")

    def builds() -> bool:
        fetched = site.chain.stored(stage="packages")
        return bool(fetched) and b"$ sleep" in site.chain.log("run-1/build/0")

    run_and_kill(site, view, builds)
    run_and_kill(site, view, lambda: site.chain.stored())
    assert site.chain.stored() == {"out": b"2\n"}
    assert (site.registry.seen.count(LEFT), site.registry.seen.count(RIGHT)) == (1, 1)


@contextlib.contextmanager
def small_files(most: int) -> Iterator[None]:
    """No file of this process can grow beyond `most` bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_weather_with_its_reason(site: FetchSite) -> None:
    noise = "".join(f"{number * 7919 % 99991:x}" for number in range(150_000))
    large = npm_package("left", "1.0.0", f"module.exports = '{noise}'")
    assert len(large) > 256 << 10
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(test_layouts, "LEFT", large)
        site.use(npm_files(site.registry))
    site.add_run(fetch_record("package-lock.json"), build_record(COUNT))
    alice = site.fetching("alice")
    with small_files(200 << 10):
        until(lambda: site.chain.causes("run-1/packages/0"), alice)
    assert site.chain.causes("run-1/packages/0") == ["Weather"]
    assert "no room on the disk" in site.chain.reasons("run-1/packages/0")[0]
    site.chain.advance(60)
    until(lambda: site.chain.stored(), alice)
