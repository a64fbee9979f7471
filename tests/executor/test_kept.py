"""Stages whose files stay with executors: nothing is uploaded, and who lacks them builds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dcanary.client.types.build_executor import Stage
from dcanary.executor.cache.inputs import COMMIT_TIME as CACHED_TIME
from dcanary.executor.executor import Executor
from dcanary.executor.kept import KeptFiles, inputs_of
from dcanary.executor.manifest import ManifestFile
from dcanary.executor.runtimes import Runtime
from dcanary.executor.source import SourceUnable, Spool
from tests.executor.repositories import stage_record
from tests.executor.test_executor import Site, site, until

__all__ = ["site"]


def kept(name: str, *commands: str, after: str | None = None) -> dict[str, Any]:
    """A stage with one artifact of its name."""
    return {
        **stage_record(commands, [name]),
        "name": name,
        "depends_on": [after] if after else [],
        "keep": {"Executors": None},
    }


def last(*commands: str, after: str = "lib") -> dict[str, Any]:
    return {**stage_record(commands, ["out"]), "depends_on": [after]}


CHAIN = (
    kept("lib", "cat hello.txt > lib; echo lib >> lib"),
    kept("mid", "cat lib > mid; echo mid >> mid", after="lib"),
    last("cat mid lib > out", after="mid"),
)
OUT = {"out": b"hellolib\nmid\nhellolib\n"}


class Lacking(Executor):
    """An executor without the tools of earlier stages."""

    def runtime_again(self, stage: Stage) -> Runtime:
        raise SourceUnable(f"the stage {stage['name']} cannot be built again here")


def for_bob(site: Site, *stages: dict[str, Any], kind: type[Executor] = Executor) -> Executor:
    """Alice builds all stages but the last, which bob alone is given: the executor returned."""
    needs = {"cpus": None, "image": None, "region": None, "image_lock": None, "labels": ["bob"]}
    site.chain.add_run("run-1", [*stages[:-1], {**stages[-1], "needs": needs}], site.source)
    until(lambda: site.chain.verdict(stage=stages[-2]["name"]), site.executor("alice"))
    return site.executor("bob", kind, labels=("bob",))


def test_files_go_from_stage_to_stage_on_one_executor_and_never_on_chain(site: Site) -> None:
    site.chain.add_run("run-1", CHAIN, site.source)
    until(site.chain.stored, site.executor())
    assert site.chain.stored() == OUT
    assert site.chain.calls.count("upload_chunk") == 1
    assert site.chain.stored(stage="lib") == {}
    listed = site.chain.owner.build_executor.get_run("run-1")["stages"]
    assert [each["kept"] for each in listed] == [True, True, False]
    assert b"is not here" not in site.chain.log("run-1/build/0")
    assert not list((site.folder / "alice" / "jobs").iterdir())


def test_an_executor_that_lacks_the_files_builds_them_again(site: Site) -> None:
    until(site.chain.stored, for_bob(site, *CHAIN))
    assert site.chain.stored() == OUT
    log = site.chain.log("run-1/build/0").decode()
    for name in ("lib", "mid"):
        assert f"the files of the stage {name} are not here: building it" in log
        assert f"the files of the stage {name} are those that were agreed on" in log
    assert site.chain.job("run-1/build/0")["attempt"] == 1


def test_a_stage_with_a_cache_is_built_again_with_what_its_cache_declares(site: Site) -> None:
    lib = kept("lib", "cat hello.txt > lib", 'echo " $SOURCE_DATE_EPOCH" >> lib')
    bob = for_bob(site, {**lib, "cache": {"inputs": ["hello.txt"]}}, last("cp lib out"))
    until(site.chain.stored, bob)
    assert site.chain.stored() == {"out": f"hello {CACHED_TIME}\n".encode()}


def test_what_is_not_built_alike_again_is_not_used(site: Site) -> None:
    bob = for_bob(site, kept("lib", "date +%N > lib"), last("cp lib out"))
    until(lambda: site.chain.reasons("run-1/build/0"), bob)
    assert site.chain.causes("run-1/build/0")[0] == "Weather"
    said = "the stage lib was built again here and is not what was agreed on: lib"
    assert site.chain.reasons("run-1/build/0")[0] == said
    assert site.chain.verdict() is None


def test_who_lacks_the_tools_of_an_earlier_stage_leaves_the_job_to_others(
    site: Site,
) -> None:
    bob = for_bob(site, kept("lib", "cp hello.txt lib"), last("cp lib out"), kind=Lacking)
    until(lambda: site.chain.reasons("run-1/build/0"), bob)
    assert site.chain.causes("run-1/build/0")[0] == "Unable"
    assert site.chain.verdict() is None


@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_kept_files_that_changed_are_built_again(site: Site, how: str) -> None:
    site.chain.add_run("run-1", [CHAIN[0], last("cp lib out")], site.source)
    alice = site.executor()
    until(lambda: site.chain.verdict(stage="lib") and _objects(site), alice)
    for path in _objects(site):
        path.unlink()
        if how == "damaged":
            path.write_bytes(b"poison")
    until(site.chain.stored, alice)
    assert site.chain.stored() == {"out": b"hellolib\n"}


def _objects(site: Site) -> list[Path]:
    return [path for path in (site.folder / "alice/kept/sha256").rglob("*") if path.is_file()]


def test_an_executor_killed_before_its_files_were_kept_keeps_them_later(site: Site) -> None:
    site.chain.add_run("run-1", [CHAIN[0], last("cp lib out")], site.source)
    first = site.executor()
    until(lambda: site.chain.is_revealed("run-1/lib/0"), first)
    site.close(first)
    second = site.executor()
    until(site.chain.stored, second)
    assert b"is not here" not in site.chain.log("run-1/build/0")


def test_a_missing_file_makes_all_of_a_stage_missing(tmp_path: Path) -> None:
    files = KeptFiles(tmp_path / "kept")
    content = tmp_path / "built"
    content.mkdir()
    one = ManifestFile("one", 3, "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed")
    (content / one.sha256).write_bytes(b"one")
    files.keep([one], content)
    known: Any = {"path": "one", "size": 3, "sha256": one.sha256}
    (entry,) = files.entries([known], Spool(tmp_path)) or []
    assert entry.read() == b"one"
    unknown: Any = {"path": "two", "size": 3, "sha256": "0" * 64}
    assert files.entries([known, unknown], Spool(tmp_path)) is None


def test_a_stage_that_is_built_again_finds_what_the_canister_would_give_it() -> None:
    def earlier(record: dict[str, Any], *paths: str) -> Any:
        files = [{"path": path, "size": 1, "sha256": record["name"]} for path in paths]
        return {"stage": record, "files": files}

    fetch = {**kept("packages"), "fetch": {"locks": ["a.lock"], "hosts": []}}
    stages = [
        earlier(fetch, "packages.manifest"),
        earlier(kept("lib", after="packages"), "lib", "both"),
        earlier(kept("other"), "other"),
        earlier({**kept("mid", after="lib"), "keep": None}, "mid", "both"),
    ]
    found = inputs_of(kept("last", after="mid"), stages)  # type: ignore[arg-type]  # a plain dict
    assert [(each["stage"], each["file"]["path"], each["kept"]) for each in found] == [
        ("packages", "packages.manifest", False),
        ("lib", "lib", True),
        ("mid", "both", False),
        ("mid", "mid", False),
    ]
    assert found[0]["fetch"] == fetch["fetch"]
