"""Fetch stages of a local run, and without a sandbox: the same packages as a vote names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from dcanary.executor.attestation import manifest_digest
from dcanary.executor.cancellation import Cancellation
from dcanary.executor.fetching import FETCH
from dcanary.executor.local import LocalProblem, LocalRun
from dcanary.executor.manifest import ManifestFile
from dcanary.executor.needed import Needed
from dcanary.executor.packages import Packages
from dcanary.executor.runtimes import RuntimeOptions, find_runtime
from dcanary.executor.sandbox import BubblewrapSandbox, Sandbox, UnsandboxedRunner
from dcanary.executor.source import SourceUnable, SourceUnavailable
from tests.executor.fetch_stages import FetchSite, build_record, fetch_record, packages_in
from tests.executor.repositories import make_repository, source_record
from tests.executor.test_executor import until
from tests.fetch.test_layouts import cargo_files, npm_files, pypi_files
from tests.registry import Registry, serve

SIZE = "cat $npm_config_cache/_cacache/content-v2/sha512/*/*/* | sha256sum > out"


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serve() as made:
        yield made


def local(
    folder: Path, sandbox: Sandbox, source: Any, stages: Sequence[Any], packages: Packages | None
) -> LocalRun:
    folder.mkdir()
    options = RuntimeOptions(folder / "tools")
    return LocalRun(
        stages,
        [],
        source,
        folder / "stages",
        sandbox,
        lambda _: find_runtime("shell", options),
        lambda _: None,
        packages=packages,
    )


def test_a_local_run_has_the_manifests_of_the_vote(
    tmp_path: Path, sandbox: BubblewrapSandbox, registry: Registry
) -> None:
    site = FetchSite(tmp_path, sandbox, registry, npm_files(registry))
    stages = [fetch_record("package-lock.json"), build_record(SIZE)]
    run = local(
        tmp_path / "local", sandbox, site.source, stages, packages_in(tmp_path / "mine", registry)
    )
    ended = list(run.perform())
    assert [stage.succeeded for stage in ended] == [True, True]
    assert ended[0].environment == FETCH.digest
    site.add_run(*stages)
    executor = site.fetching("alice")
    until(lambda: site.chain.stored(), executor)
    executor.close()
    for stage in ended:
        verdict = site.chain.verdict(stage=stage.name)
        assert verdict is not None
        files = [ManifestFile(**each) for each in verdict["files"]]
        assert manifest_digest(files) == stage.manifest


def test_without_a_sandbox_the_tools_find_the_folder_itself(
    tmp_path: Path, sandbox: BubblewrapSandbox, registry: Registry
) -> None:
    source = make(tmp_path, npm_files(registry))
    stages = [fetch_record("package-lock.json"), build_record(SIZE)]
    found = []
    for name, kind in (("in", sandbox), ("out", UnsandboxedRunner(tmp_path / "builds"))):
        kept = packages_in(tmp_path / f"{name}-packages", registry)
        ended = list(local(tmp_path / name, kind, source, stages, kept).perform())
        found.append([stage.manifest for stage in ended if stage.succeeded])
    assert len(found[0]) == 2 and found[0] == found[1]


def test_where_no_packages_are_kept_nothing_is_known_about_the_commit(
    tmp_path: Path, sandbox: BubblewrapSandbox, registry: Registry
) -> None:
    source = make(tmp_path, npm_files(registry))
    run = local(tmp_path / "local", sandbox, source, [fetch_record("package-lock.json")], None)
    with pytest.raises(LocalProblem, match="keeps no packages"):
        list(run.perform())


def make(folder: Path, files: dict[str, str]) -> Any:
    return source_record(folder / "repository", make_repository(folder / "repository", files))


def fetched(packages: Packages, *locks: str, files: dict[str, str]) -> tuple[Needed, list[str]]:
    said: list[str] = []
    content = {name: text.encode() for name, text in files.items()}
    fetch = {"locks": list(locks), "hosts": []}
    manifest = packages.bring(fetch, content.get, said.append, Cancellation())
    return Needed(locks[0], fetch, manifest.digest), said


def test_folders_that_were_not_used_for_long_make_room(tmp_path: Path, registry: Registry) -> None:
    files = {**npm_files(registry), **pypi_files(registry), **cargo_files(registry)}
    packages = packages_in(tmp_path, registry, max_bytes=1)
    first, _ = fetched(packages, "Cargo.lock", files=files)
    held = packages.given([first], {}.get, tmp_path / "scratch", print, Cancellation())
    with held as given:
        fetched(packages, "requirements.txt", files=files)
        fetched(packages, "package-lock.json", files=files)
        # In use: it stays.
        assert (given.folder / "cargo/home/config.toml").is_file()
        assert len(list((tmp_path / "packages").glob("[0-9a-f]*[0-9a-f]"))) == 2
    fetched(packages, "requirements.txt", files=files)
    assert not given.folder.exists()


def test_packages_that_are_not_the_agreed_ones_are_not_given(
    tmp_path: Path, registry: Registry
) -> None:
    files = cargo_files(registry)
    packages = packages_in(tmp_path, registry)
    needed, _ = fetched(packages, "Cargo.lock", files=files)
    other = Needed("packages", needed.fetch, "ab" * 32)
    read = {name: text.encode() for name, text in files.items()}.get
    given = packages.given([other], read, tmp_path / "scratch", print, Cancellation())
    with (
        pytest.raises(SourceUnable, match=f"give {needed.digest} here, agreed was {'ab' * 32}"),
        given,
    ):
        raise AssertionError


def test_a_cancelled_fetch_ends_at_once(tmp_path: Path, registry: Registry) -> None:
    """The server holds the answer; without the wish it would be waited for."""
    files = npm_files(registry)
    path = "/npm/left/-/left-1.0.0.tgz"
    cancelled = Cancellation()

    def answer(_: Any) -> None:
        cancelled.set()
        registry.stop.wait(200)

    registry.odd[path] = answer
    packages = packages_in(tmp_path, registry)
    content = {name: text.encode() for name, text in files.items()}
    with pytest.raises(SourceUnavailable):
        packages.bring({"locks": ["package-lock.json"], "hosts": []}, content.get, print, cancelled)
