"""Fetch stages: executors bring what locks pin, agree on it, and later stages use it offline."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcanary.executor.fetching import FETCH
from dcanary.executor.sandbox import BubblewrapSandbox
from dcanary.fetch.layout.folder import read_manifest
from dcanary.fetch.locks.npm import Npm
from tests.executor.fetch_stages import FetchSite, build_record, fetch_record
from tests.executor.repositories import commit, source_record
from tests.executor.test_executor import until
from tests.fetch.packages import archive, integrity, sha256
from tests.fetch.test_layouts import CRATE, LEFT, cargo_files, npm_files, pypi_files
from tests.registry import Registry, fails, serve

NPM = "/npm/left/-/left-1.0.0.tgz"
INSTALL = [
    "npm ci --ignore-scripts",
    "node -p \"require('left') + require('@our/right')\" > out",
]


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serve() as made:
        yield made


@pytest.fixture
def site(tmp_path: Path, sandbox: BubblewrapSandbox, registry: Registry) -> Iterator[FetchSite]:
    files = npm_files(registry)
    root = json.loads(files["package-lock.json"])["packages"][""]
    made = FetchSite(tmp_path, sandbox, registry, {**files, "package.json": json.dumps(root)})
    yield made
    for executor in made.executors:
        executor.close()


def pin_left(site: FetchSite, **changed: str | None) -> None:
    """Build a commit whose lock file has another entry of `left`."""
    lock = json.loads(npm_files(site.registry)["package-lock.json"])
    entry = {**lock["packages"]["node_modules/left"], **changed}
    lock["packages"]["node_modules/left"] = {k: v for k, v in entry.items() if v is not None}
    site.use({"package-lock.json": json.dumps(lock, indent=1)})


def failure(site: FetchSite, *names: str) -> str:
    """Why the fetch stage failed, by the agreement of these executors."""
    executors = [site.fetching(name) for name in names]
    until(lambda: site.chain.verdict(stage="packages"), *executors)
    verdict = site.chain.verdict(stage="packages")
    assert verdict is not None and verdict["kind"] == {"Failed": None}
    return verdict["reason"].partition("the stage failed: ")[2]


def test_three_executors_agree_on_packages_and_the_build_installs_them_offline(
    site: FetchSite,
) -> None:
    build = build_record(*INSTALL, replicas=3, quorum=2)
    site.add_run(fetch_record("package-lock.json", votes=3), build)
    executors = [site.fetching(name) for name in ("alice", "bob", "carol")]
    until(lambda: site.chain.stored(), *executors)
    assert site.chain.stored() == {"out": b"leftright\n"}
    verdict = site.chain.verdict(stage="packages")
    assert verdict is not None and len(verdict["jobs"]) == 3
    assert verdict["environment"] == FETCH.digest
    # The bytes of the packages are with the executors, only the manifest is on chain.
    (manifest,) = site.chain.stored(stage="packages").items()
    assert manifest[0] == "packages.manifest"
    for name in ("alice", "bob", "carol"):
        digest = hashlib.sha256(manifest[1]).hexdigest()
        folder = site.folder / f"{name}-packages/packages" / digest
        assert read_manifest(folder).text.encode() == manifest[1]
    # Each asked once: the build found what the fetch stage had brought.
    assert site.registry.seen.count(NPM) == 3


def test_packages_are_read_only_and_the_build_has_no_network(site: FetchSite) -> None:
    commands = (
        "! touch /packages/npm/x",
        "! rm -r /packages/npm",
        "env | grep ^npm_config_cache= > out",
        "grep -c : /proc/net/dev >> out",
    )
    site.add_run(fetch_record("package-lock.json"), build_record(*commands))
    until(lambda: site.chain.stored(), site.fetching("alice"))
    # One interface: the loopback.
    assert site.chain.stored()["out"] == b"npm_config_cache=/packages/npm\n1\n"


def test_only_stages_that_depend_on_a_fetch_stage_see_its_packages(site: FetchSite) -> None:
    look = "test -d /packages && echo seen > out || echo none > out"
    first = build_record(
        "cat /packages/npm/_cacache/content-v2/sha512/*/*/* | wc -c > first", artifacts=["first"]
    )
    later = {**build_record(look, artifacts=["out"]), "name": "later", "depends_on": ["build"]}
    apart = {**build_record(look), "name": "apart", "depends_on": []}
    site.add_run(fetch_record("package-lock.json"), first, later, apart)
    executor = site.fetching("alice")
    until(lambda: site.chain.stored(stage="later") and site.chain.stored(stage="apart"), executor)
    assert site.chain.stored(stage="later")["out"] == b"seen\n"
    assert site.chain.stored(stage="apart")["out"] == b"none\n"


def test_two_fetch_stages_are_one_folder_to_a_later_stage(site: FetchSite) -> None:
    files = {**pypi_files(site.registry), **cargo_files(site.registry)}
    site.use(files)
    both = build_record("ls /packages /packages/cargo > out", "env | grep CARGO_HOME >> out")
    both["depends_on"] = ["crates", "wheels"]
    crates = fetch_record("Cargo.lock", name="crates")
    site.add_run(crates, fetch_record("requirements.txt", name="wheels"), both)
    until(lambda: site.chain.stored(), site.fetching("alice"))
    assert site.chain.stored()["out"].split() == [
        b"/packages:", b"cargo", b"pypi", b"/packages/cargo:", b"home", b"vendor",
        b"CARGO_HOME=/packages/cargo/home",
    ]  # fmt: skip


def test_an_executor_that_lacks_the_packages_fetches_them_itself(site: FetchSite) -> None:
    site.add_run(fetch_record("package-lock.json"), build_record(*INSTALL))
    alice = site.fetching("alice")
    until(lambda: site.chain.stored(stage="packages"), alice)
    bob = site.fetching("bob")
    until(lambda: site.chain.stored(), bob)
    assert site.chain.stored() == {"out": b"leftright\n"}
    assert b"are not here: fetching them" in site.chain.log("run-1/build/0")


def test_what_cannot_be_fetched_again_is_given_back_and_blames_nobody(site: FetchSite) -> None:
    site.add_run(fetch_record("package-lock.json"), build_record(*INSTALL))
    alice = site.fetching("alice")
    until(lambda: site.chain.stored(stage="packages"), alice)
    site.registry.files[NPM] = b"other"
    bob = site.fetching("bob")
    until(lambda: site.chain.causes("run-1/build/0"), bob)
    assert site.chain.causes("run-1/build/0") == ["Unable"]
    assert "package-lock.json line" in site.chain.reasons("run-1/build/0")[0]
    # Who has them goes on.
    until(lambda: site.chain.stored(), alice)


def test_a_wrong_hash_fails_the_commit_with_file_and_line(site: FetchSite) -> None:
    pin_left(site, integrity=integrity(b"something else"))
    site.add_run(fetch_record("package-lock.json", votes=2), build_record("true"))
    reason = failure(site, "alice", "bob")
    assert reason == (
        "fetch: package-lock.json line 11: the bytes of its server do not have the pinned hash: "
        "the file or the lock was changed"
    )


def test_a_lock_without_hashes_fails_the_commit_with_file_and_line(site: FetchSite) -> None:
    pin_left(site, integrity=None)
    site.add_run(fetch_record("package-lock.json", votes=2), build_record("true"))
    assert failure(site, "alice", "bob").startswith(
        "fetch: package-lock.json line 11: left@1.0.0 has no integrity: it is not pinned"
    )
    assert site.registry.seen == []


@pytest.mark.parametrize("held", ["a\udcff", "../../../x", ".cargo-checksum.json"])
def test_a_crate_with_a_name_that_no_file_may_have_fails_the_commit(
    site: FetchSite, held: str
) -> None:
    site.use(cargo_files(site.registry, archive({f"helper-0.1.0/{held}": b"x"})))
    site.add_run(fetch_record("Cargo.lock", votes=2), build_record("true"))
    reason = failure(site, "alice", "bob")
    assert reason.startswith("fetch: Cargo.lock line 2: helper 0.1.0: ")


def test_a_lock_that_its_reader_stumbles_over_fails_the_commit(
    site: FetchSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbles(*_: object) -> None:
        raise KeyError("packages")

    monkeypatch.setattr(Npm, "read", stumbles)
    site.add_run(fetch_record("package-lock.json", votes=2), build_record("true"))
    reason = failure(site, "alice", "bob")
    assert reason.startswith("fetch: package-lock.json: dcanary cannot read it (KeyError): ")


def test_a_missing_lock_fails_the_commit(site: FetchSite) -> None:
    site.add_run(fetch_record("web/yarn.lock", votes=2), build_record("true"))
    said = "fetch: web/yarn.lock: there is no such file in the commit: commit it"
    assert failure(site, "alice", "bob") == said


def test_a_link_is_no_lock(site: FetchSite) -> None:
    site.use({"real/package-lock.json": npm_files(site.registry)["package-lock.json"]})
    place = Path(site.source["clone_url"].removeprefix("file://"))
    (place / "package-lock.json").symlink_to("real/package-lock.json")
    site.source = source_record(place, commit(place))
    site.add_run(fetch_record("package-lock.json"), build_record("true"))
    assert "there is no such file" in failure(site, "alice")


def test_a_host_that_is_not_allowed_fails_the_commit(site: FetchSite) -> None:
    stage = fetch_record("package-lock.json", hosts=["packages.example.org"], votes=2)
    site.add_run(stage, build_record("true"))
    reason = failure(site, "alice", "bob")
    assert reason.startswith("fetch: package-lock.json line ")
    assert "registry.npmjs.org is not on the list of allowed hosts" in reason
    assert site.registry.seen == []


def test_a_server_that_is_down_for_a_while_is_waited_for(site: FetchSite) -> None:
    site.registry.odd[NPM] = fails(2, 503, LEFT)
    site.add_run(fetch_record("package-lock.json"), build_record(*INSTALL))
    until(lambda: site.chain.stored(), site.fetching("alice", patience_seconds=30.0))
    log = site.chain.log("run-1/packages/0")
    assert b"503; trying again in about" in log


def test_a_server_that_stays_down_is_weather_and_what_came_is_kept(site: FetchSite) -> None:
    del site.registry.files[NPM]
    site.registry.odd[NPM] = fails(1, 503, LEFT)
    site.add_run(fetch_record("package-lock.json"), build_record(*INSTALL))
    alice = site.fetching("alice")
    until(lambda: site.chain.causes("run-1/packages/0"), alice)
    assert site.chain.causes("run-1/packages/0") == ["Weather"]
    site.chain.advance(60)
    until(lambda: site.chain.stored(), alice)
    assert site.registry.seen.count("/npm/@our/right/-/right-2.0.0.tgz") == 1


def test_a_file_that_the_server_lacks_is_given_back(site: FetchSite) -> None:
    del site.registry.files[NPM]
    site.add_run(fetch_record("package-lock.json"), build_record("true"))
    until(lambda: site.chain.causes("run-1/packages/0"), site.fetching("alice"))
    assert site.chain.causes("run-1/packages/0") == ["Unable"]
    assert "the server answers 404" in site.chain.reasons("run-1/packages/0")[0]


def test_a_poisoned_download_is_found_and_fetched_again(site: FetchSite) -> None:
    site.add_run(fetch_record("package-lock.json"), build_record(*INSTALL))
    alice = site.fetching("alice")
    until(lambda: site.chain.stored(), alice)
    kept = site.folder / "alice-packages"
    (poisoned,) = kept.glob(f"objects/sha256/*/{sha256(LEFT)[2:]}")
    poisoned.chmod(0o644)
    poisoned.write_bytes(b"evil")
    shutil.rmtree(kept / "packages")
    site.add_run(fetch_record("package-lock.json"), build_record(*INSTALL), run="run-2")
    until(lambda: site.chain.stored("run-2"), alice)
    assert b"its bytes were changed after they were checked" in site.chain.log("run-2/packages/0")
    assert site.chain.stored("run-2") == {"out": b"leftright\n"}
    assert site.registry.seen.count(NPM) == 2


def test_packages_that_were_changed_after_they_were_laid_out_are_laid_out_again(
    site: FetchSite,
) -> None:
    site.add_run(fetch_record("package-lock.json"), build_record(*INSTALL))
    alice = site.fetching("alice")
    until(lambda: site.chain.stored(stage="packages"), alice)
    laid_out = site.folder / "alice-packages/packages"
    for each in laid_out.glob("*/npm/_cacache/content-v2/sha512/*/*/*"):
        each.write_bytes(b"evil")
    until(lambda: site.chain.stored(), alice)
    assert site.chain.stored() == {"out": b"leftright\n"}
    assert b"were changed after they were checked" in site.chain.log("run-1/build/0")
    # The downloads were sound.
    assert site.registry.seen.count(NPM) == 1


def test_the_next_run_downloads_nothing(site: FetchSite) -> None:
    site.add_run(fetch_record("package-lock.json"), build_record(*INSTALL))
    alice = site.fetching("alice")
    until(lambda: site.chain.stored(), alice)
    site.registry.seen.clear()
    site.add_run(fetch_record("package-lock.json"), build_record(*INSTALL), run="run-2")
    until(lambda: site.chain.stored("run-2"), alice)
    assert site.registry.seen == []


def test_crates_are_vendored_for_cargo(site: FetchSite) -> None:
    site.use(cargo_files(site.registry))
    build = build_record("cat $CARGO_HOME/config.toml /packages/cargo/vendor/*/Cargo.toml > out")
    site.add_run(fetch_record("Cargo.lock"), build)
    until(lambda: site.chain.stored(), site.fetching("alice"))
    assert b'name = "helper"' in site.chain.stored()["out"]
    assert site.registry.files["/crates/helper/helper-0.1.0.crate"] == CRATE
