"""A stage with a cache: built once by each executor, and used again while nothing has changed."""

from __future__ import annotations

from dcanary.executor.cache.inputs import COMMIT_TIME
from dcanary.executor.sandbox import UnsandboxedRunner
from tests.executor.cache.cached_stages import (
    CacheSite,
    cached,
    objects,
    records,
    site,
)
from tests.executor.repositories import git, stage_record

__all__ = ["site"]


def test_a_result_is_used_again_while_the_declared_inputs_are_the_same(site: CacheSite) -> None:
    executors = [site.executor(name) for name in ("alice", "bob", "carol")]
    stage = cached(replicas=3, quorum=2)
    first = site.run(stage, *executors)
    assert site.reused(first) == {}
    assert "no agreed result of the same inputs is kept here: building" in site.log(first)
    assert f"built at {COMMIT_TIME}\n" in site.log(first)

    site.push({"README.md": "another commit\n"})
    second = site.run(stage, *executors)
    assert site.reused(second) == {"alice": first, "bob": first, "carol": first}
    verdict = site.chain.verdict(second)
    assert verdict is not None and verdict["kind"] == {"Agreed": None}
    assert site.chain.stored(second) == {"out": b"one\n"}
    log = site.log(second)
    assert f"the inputs are those of {first}: its agreed result is used again, 1 files" in log
    assert "$ cat" not in log
    assert site.chain.job(f"{second}/build/1")["reused"] == first

    site.push({"src/a": "two\n"})
    third = site.run(stage, *executors)
    assert site.reused(third) == {}
    assert site.chain.stored(third) == {"out": b"two\n"}


def test_a_changed_stage_is_built(site: CacheSite) -> None:
    executor = site.executor()
    site.run(cached(), executor)
    changed = cached(["cat src/* > out", "true"])
    again = site.run(changed, executor)
    assert site.reused(again) == {}
    assert site.reused(site.run(changed, executor)) == {"alice": again}


def test_files_of_earlier_stages_are_part_of_what_a_result_is_found_by(site: CacheSite) -> None:
    executor = site.executor()

    def run(content: str) -> str:
        earlier = {**stage_record([f"echo {content} > lib"], ["lib"]), "name": "compile"}
        return site.run(cached(["cat lib src/a > out"]), executor, after=[earlier])

    first = run("1")
    assert site.reused(run("1")) == {"alice": first}
    other = run("2")
    assert site.reused(other) == {}
    assert site.chain.stored(other) == {"out": b"2\none\n"}


def test_a_stage_finds_no_file_that_it_does_not_declare(site: CacheSite) -> None:
    """Otherwise it would be used again when that file has changed."""
    executors = [site.executor(name) for name in ("alice", "bob")]
    run = site.run(cached(["cat hello.txt > out"], replicas=2, quorum=2), *executors)
    verdict = site.chain.verdict(run)
    assert verdict is not None and verdict["kind"] == {"Failed": None}
    assert "hello.txt: No such file or directory" in site.log(run)
    assert records(site.folder / "alice") == []
    listed = site.run(cached(["find . -type f > /tmp/found", "cp /tmp/found out"]), executors[0])
    assert site.chain.stored(listed) == {"out": b"./src/a\n"}


def test_a_changed_mode_is_a_changed_input(site: CacheSite) -> None:
    executor = site.executor()
    stage = cached(["stat -c %a src/a > out"])
    site.run(stage, executor)
    (site.repository / "src/a").chmod(0o755)
    site.push({})
    assert site.chain.stored(site.run(stage, executor)) == {"out": b"755\n"}


def test_an_input_that_matches_nothing_is_a_failure_that_names_it(site: CacheSite) -> None:
    executors = [site.executor(name) for name in ("alice", "bob")]
    run = site.run(cached(inputs=["src/", "lib/*.rs"], replicas=2, quorum=2), *executors)
    verdict = site.chain.verdict(run)
    assert verdict is not None and verdict["kind"] == {"Failed": None}
    assert verdict["reason"].endswith(
        "dcanary.yml: stages.build.cache.inputs: no file of the commit matches 'lib/*.rs'"
    )


def test_a_failed_stage_is_never_kept(site: CacheSite) -> None:
    executor = site.executor()
    site.run(cached(["false"]), executor)
    assert records(site.folder / "alice") == []
    assert site.reused(site.run(cached(["false"]), executor)) == {}


def test_what_operators_do_not_agree_on_is_never_kept(site: CacheSite) -> None:
    executors = [site.executor(name) for name in ("alice", "bob")]
    stage = cached(["head -c 8 /dev/urandom > out"], replicas=2, quorum=2)
    run = site.run(stage, *executors)
    verdict = site.chain.verdict(run)
    assert verdict is not None and verdict["kind"] == {"Disagreed": None}
    assert records(site.folder / "alice") == records(site.folder / "bob") == []


def test_a_stage_without_files_is_used_again_with_its_tests(site: CacheSite) -> None:
    executor = site.executor()
    report = "<testsuite><testcase name='adds'/></testsuite>"
    stage = cached([f'echo "{report}" > junit.xml'], [])
    stage["reports"] = {"tests": "junit.xml", "flaky": None}
    first = site.run(stage, executor)
    again = site.run(stage, executor)
    assert site.reused(again) == {"alice": first}
    assert f"in {first}: 1 tests ran, 0 failed, 0 skipped" in site.log(again)
    (vote,) = site.chain.votes(again)
    assert vote["tests"] is not None and vote["tests"]["ran"] == 1


def test_each_ref_has_results_of_its_own(site: CacheSite) -> None:
    executor = site.executor()
    first = site.run(cached(), executor)
    git(site.repository, "checkout", "--quiet", "-b", "feature")
    sha = site.source["sha"]
    site.source = {**site.source, "ref": "refs/heads/feature"}
    other = site.run(cached(), executor)
    assert site.reused(other) == {}
    assert site.reused(site.run(cached(), executor)) == {"alice": other}
    site.source = {**site.source, "ref": "refs/heads/main", "sha": sha}
    assert site.reused(site.run(cached(), executor)) == {"alice": first}


def test_without_a_sandbox_nothing_is_kept_or_used(site: CacheSite) -> None:
    """Its commands could read anything, and write where results are kept."""
    site.run(cached(), site.executor())
    site.close(site.executors[0])
    site.sandbox = UnsandboxedRunner(site.folder / "builds")  # type: ignore[assignment]  # a Site takes any
    executor = site.executor()
    run = site.run(cached(), executor)
    assert site.reused(run) == {}
    assert "without a sandbox no earlier result is used" in site.log(run)


def test_a_cache_of_no_bytes_keeps_nothing(site: CacheSite) -> None:
    executor = site.executor(cache_bytes=0)
    site.run(cached(), executor)
    assert site.reused(site.run(cached(), executor)) == {}
    assert objects(site.folder / "alice") == []


def test_a_result_is_kept_also_when_its_upload_comes_before_the_verdict_is_looked_at(
    site: CacheSite,
) -> None:
    """Uploaded files are forgotten, and with them what was attested to."""
    executor = site.executor(poll_seconds=60.0)
    first = site.run(cached(), executor)
    assert not any(site.folder.glob("alice/jobs/*"))
    assert len(records(site.folder / "alice")) == 1
    assert site.chain.stored(first) == {"out": b"one\n"}


def test_results_outlive_the_executor(site: CacheSite) -> None:
    first = site.run(cached(), site.executor())
    site.close(site.executors[0])
    assert site.reused(site.run(cached(), site.executor())) == {"alice": first}
