"""The supply-chain attack on caches of build systems, played against executors.

There, a pull request of a fork writes into the cache that the release build reads. Here a cache is
one executor's own, is written by it alone and after a verdict only, and what it says is one vote.
"""

from __future__ import annotations

from dcanary.client.types.verification import Verdict
from dcanary.executor.executor import Executor
from tests.executor.cache.cached_stages import CacheSite, cached, objects, poison, records, site

__all__ = ["site"]
FORK = "refs/pull/7/head"
STAGE = cached(["sh src/build.sh"], replicas=3, quorum=2)
HONEST = "echo module > out\n"
_EVIL = """\
echo evil > out
for place in {folders}; do
  chmod -R u+w "$place" && echo "$place is here"
  mkdir -p "$place/cache/results" && echo evil > "$place/cache/results/{key}.json"
  for file in "$place"/cache/objects/sha256/*/*; do echo evil > "$file" && echo written; done
done
exit 0
"""


def release(site: CacheSite) -> list[Executor]:
    """Three executors that have built a release and keep the result."""
    site.push({"src/build.sh": HONEST})
    executors = [site.executor(name) for name in ("alice", "bob", "carol")]
    site.run(STAGE, *executors)
    assert len(records(site.folder / "alice")) == 1
    return executors


def verdict(site: CacheSite, run: str) -> Verdict:
    found = site.chain.verdict(run)
    assert found is not None
    return found


def test_a_pull_request_of_a_fork_cannot_write_what_a_release_reads(site: CacheSite) -> None:
    executors = release(site)
    before = {path: path.read_bytes() for path in site.folder.glob("*/cache/**/*.json")}
    folders = " ".join(str(site.folder / name) for name in ("alice", "bob", "carol"))
    evil = _EVIL.format(folders=folders, key=next(iter(before)).stem)
    main = site.source
    site.push({"src/build.sh": evil}, FORK)
    attack = site.run(STAGE, *executors)
    # It was performed, and agreed on as what it is: the fork's result.
    assert site.chain.stored(attack) == {"out": b"evil\n"}
    log = site.log(attack)
    assert "written" not in log and "is here" not in log
    assert {path: path.read_bytes() for path in before} == before

    site.source = main
    run = site.run(STAGE, *executors)
    assert site.reused(run) == dict.fromkeys(("alice", "bob", "carol"), "run-1")
    assert site.chain.stored(run) == {"out": b"module\n"}
    assert verdict(site, run)["disputes"] == []


def test_a_fork_with_the_same_files_gets_no_result_of_a_branch_and_gives_it_none(
    site: CacheSite,
) -> None:
    """Not even where all inputs are the same is a result taken over from another ref."""
    executors = release(site)
    main = site.source
    site.push({}, FORK)
    fork = site.run(STAGE, *executors)
    assert site.reused(fork) == {}
    site.source = main
    assert set(site.reused(site.run(STAGE, *executors)).values()) == {"run-1"}


def test_a_cache_that_is_poisoned_with_hashes_that_fit_is_outvoted_and_named(
    site: CacheSite,
) -> None:
    executors = release(site)
    poison(site.folder / "alice", b"evil\n")
    run = site.run(STAGE, *executors)
    assert site.reused(run) == dict.fromkeys(("alice", "bob", "carol"), "run-1")
    found = verdict(site, run)
    assert found["kind"] == {"Agreed": None}
    (dispute,) = found["disputes"]
    assert (dispute["operator"], dispute["differing"]) == ("alice", ["out"])
    assert site.chain.stored(run) == {"out": b"module\n"}
    told = [line for line in site.lines if "is not what the other operators have" in line]
    assert len(told) == 1 and "the result of run-1, which was used again" in told[0]
    assert records(site.folder / "alice") == []

    again = site.run(STAGE, *executors)
    assert site.reused(again) == {"bob": "run-1", "carol": "run-1"}
    assert verdict(site, again)["disputes"] == []


def test_two_of_three_caches_that_are_poisoned_end_the_run_as_disagreed(site: CacheSite) -> None:
    executors = release(site)
    poison(site.folder / "alice", b"evil\n")
    poison(site.folder / "bob", b"worse\n")
    run = site.run(STAGE, *executors)
    found = verdict(site, run)
    assert found["kind"] == {"Disagreed": None}
    assert {name for dispute in found["disputes"] for name in dispute["differing"]} == {"out"}
    assert site.chain.stored(run) == {}
    # Nobody knows who was right: everybody builds anew.
    assert site.reused(site.run(STAGE, *executors)) == {}


def test_bytes_that_were_changed_in_a_cache_are_found_removed_and_said(site: CacheSite) -> None:
    executors = release(site)
    (file,) = objects(site.folder / "alice")
    file.chmod(0o644)
    file.write_bytes(b"evil\n")
    run = site.run(STAGE, *executors)
    assert site.reused(run) == {"bob": "run-1", "carol": "run-1"}
    assert verdict(site, run)["disputes"] == []
    (replica,) = (n for n in range(3) if site.chain.job(f"{run}/build/{n}")["operator"] == "alice")
    log = site.log(run, replica)
    assert "a kept result was damaged, and is removed: " in log
    assert f"{file} has the sha256 " in log
    assert log.endswith("[dcanary] succeeded\n")
    # What it built is kept in the place of what was damaged.
    assert site.reused(site.run(STAGE, *executors))["alice"] == run
    assert file.read_bytes() == b"module\n"


def test_a_record_that_was_changed_is_found_removed_and_said(site: CacheSite) -> None:
    executors = release(site)
    (record,) = records(site.folder / "bob")
    record.write_bytes(record.read_bytes().replace(b'"size": 7', b'"size": 8'))
    run = site.run(STAGE, *executors)
    assert site.reused(run) == {"alice": "run-1", "carol": "run-1"}
    (replica,) = (n for n in range(3) if site.chain.job(f"{run}/build/{n}")["operator"] == "bob")
    assert "is removed: the record of" in site.log(run, replica)
    assert "is not what was written" in site.log(run, replica)
