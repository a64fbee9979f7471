"""What a job used is measured where it runs, and told with its commitment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcanary.client.types.build_executor import JobUsage
from dcanary.executor.checkout import CheckoutLimits, check_out
from dcanary.executor.sandbox import BubblewrapSandbox
from dcanary.executor.state import State
from tests.executor.fetch_stages import FetchSite, build_record, fetch_record
from tests.executor.repositories import make_repository, stage_record
from tests.executor.servers import serve as serve_git
from tests.executor.test_executor import Site, until
from tests.executor.test_state import held, keep
from tests.fetch.test_layouts import npm_files
from tests.registry import serve as serve_registry

BUSY = "awk 'BEGIN { for (i = 0; i < 20000000; i++) n += i; print n }'"


@pytest.fixture
def site(tmp_path: Path, sandbox: BubblewrapSandbox) -> Iterator[Site]:
    made = Site(tmp_path, sandbox)
    yield made
    for executor in made.executors:
        executor.close()


def used(site: Site, job: str = "run-1/build/0") -> dict[str, Any]:
    """What the chain tells that a job used; every figure but the memory must be there."""
    found: JobUsage | None = site.chain.job(job)["usage"]
    assert found is not None
    return {**found}


def test_a_job_tells_what_all_of_its_tries_used(site: Site) -> None:
    content = b"\1" * 1_500_000
    commands = [BUSY, "head -c 2000000 /dev/zero > big", "sleep 0.2", "rm big", "false"]
    site.add(stage_record(commands), inputs=[("compile", "build/lib", content)])
    site.add(stage_record(commands, retries=2), "run-2")
    executor = site.executor()
    until(lambda: site.chain.verdict() and site.chain.verdict("run-2"), executor)
    once, thrice = used(site), used(site, "run-2/build/0")
    assert 0 < once["cpu_ns"] <= once["wall_ns"] * 4
    assert thrice["cpu_ns"] > 1.5 * once["cpu_ns"]
    assert thrice["wall_ns"] > once["wall_ns"]
    assert once["peak_memory_bytes"] > 0
    # The input and the file at once; the most of three tries is that of one.
    assert 3_500_000 <= once["storage_bytes"] < 4_500_000
    assert 2_000_000 <= thrice["storage_bytes"] < 3_000_000
    # The input came from the chain, and the commit by git.
    assert 1_500_000 < once["fetched_bytes"] < 1_600_000
    assert 0 < thrice["fetched_bytes"] < 100_000
    (day,) = site.chain.owner.build_executor.list_usage(
        {"Operator": "alice"}, {"cursor": None, "limit": 0}
    )["items"]
    assert day["jobs"] == 2
    assert day["cpu_ns"] == once["cpu_ns"] + thrice["cpu_ns"]
    assert day["storage_bytes"] == once["storage_bytes"]
    assert day["fetched_bytes"] == once["fetched_bytes"] + thrice["fetched_bytes"]


def test_a_fetch_stage_tells_what_it_downloaded_and_what_it_brought(
    tmp_path: Path, sandbox: BubblewrapSandbox
) -> None:
    with serve_registry() as registry:
        files = npm_files(registry)
        root = json.loads(files["package-lock.json"])["packages"][""]
        site = FetchSite(tmp_path, sandbox, registry, {**files, "package.json": json.dumps(root)})
        alice, bob = site.fetching("alice"), site.fetching("bob")
        for run, builder in (("run-1", bob), ("run-2", alice)):
            site.add_run(fetch_record("package-lock.json"), build_record("true > out"), run=run)
            until(lambda run=run: site.chain.stored(run, "packages"), alice)
            until(lambda run=run: site.chain.stored(run), builder)
        downloaded = used(site, "run-1/packages/0")["fetched_bytes"]
        again = used(site, "run-2/packages/0")["fetched_bytes"]
        packages = sum(len(content) for path, content in registry.files.items() if "npm" in path)
        # Beside the packages only the commit came, the second time that alone.
        assert downloaded - again == packages
        assert used(site, "run-1/packages/0")["storage_bytes"] >= packages
        assert used(site, "run-1/packages/0")["cpu_ns"] is None
        # Bob had to fetch them for his build, Alice had them.
        assert used(site, "run-1/build/0")["fetched_bytes"] == downloaded
        assert used(site, "run-2/build/0")["fetched_bytes"] == again
        for executor in site.executors:
            executor.close()


def test_files_of_git_lfs_count_as_fetched(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    # No compression makes it smaller.
    large = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(4_000))
    with serve_git(tmp_path / "served") as server:
        attributes = "*.bin filter=lfs diff=lfs merge=lfs -text\n"
        plain = make_repository(server.folder / "plain", {"a.txt": "a"})
        files = {".gitattributes": attributes, "a.bin": server.add(large)}
        sha = make_repository(server.folder / "main", files)
        small = check_out(
            server.url("plain"), "refs/heads/main", plain, tmp_path / "work", CheckoutLimits()
        )
        found = check_out(
            server.url("main"), "refs/heads/main", sha, tmp_path / "work", CheckoutLimits()
        )
    assert 0 < small.fetched_bytes < 2_000
    assert len(large) < found.fetched_bytes < len(large) + 4_000


def test_a_job_that_was_held_before_figures_were_measured_is_read(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    keep(state, held(1))
    (file,) = (tmp_path / "state").glob("jobs/*/record.json")
    record = json.loads(file.read_text())
    for name in ("cpu_ns", "storage_bytes", "fetched_bytes"):
        del record[name]
    file.write_text(json.dumps(record))
    (found,) = state.held()
    assert (found.cpu_ns, found.storage_bytes, found.fetched_bytes) == (None, None, None)
    file.write_text(json.dumps({**record, "cpu_ns": -1}))
    assert state.held() == []
    state.close()
