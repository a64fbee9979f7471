"""A pipeline's stages on this machine, with no chain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dcanary.executor.local import LocalProblem, LocalRun, LocalStage, ordered
from dcanary.executor.reports import TestReport
from dcanary.executor.runtimes import RuntimeOptions, find_runtime
from dcanary.executor.sandbox import Sandbox, probe_sandbox
from tests.executor.repositories import make_repository, source_record, stage_record


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    probe = probe_sandbox()
    assert probe.sandbox is not None, probe.reason
    return probe.sandbox


def local_run(
    tmp_path: Path, sandbox: Sandbox, stages: list[dict[str, Any]], printed: bytearray
) -> LocalRun:
    repository = tmp_path / "repository"
    tmp_path.mkdir(exist_ok=True)
    sha = make_repository(repository, {"in.txt": "text\n"})
    options = RuntimeOptions(tmp_path / "tools")
    return LocalRun(
        stages,
        [{"name": "SHARED", "value": "of all"}, {"name": "OWN", "value": "of all"}],
        source_record(repository, sha),
        tmp_path / "stages",
        sandbox,
        lambda _: find_runtime("shell", options),
        printed.extend,
    )


def named(name: str, *commands: str, artifacts: tuple[str, ...] = (), **rest: Any) -> Any:
    depends_on = rest.pop("depends_on", [])
    stage = stage_record(commands, artifacts, **rest)
    return {**stage, "name": name, "depends_on": depends_on}


def content(stage: LocalStage, path: str) -> bytes:
    return next(stage.open_file(f).read_bytes() for f in stage.files if f.path == path)


def test_a_stage_finds_the_files_of_those_before_it(tmp_path: Path, sandbox: Sandbox) -> None:
    printed = bytearray()
    run = local_run(
        tmp_path,
        sandbox,
        [
            named(
                "pack", "cat made.txt in.txt > out.txt", artifacts=("out.txt",), depends_on=["make"]
            ),
            named(
                "make",
                'echo "$SHARED, $OWN" > made.txt',
                artifacts=("made.txt",),
                environment={"OWN": "mine"},
            ),
        ],
        printed,
    )
    first, second = run.perform()
    assert (first.name, second.name) == ("make", "pack")
    assert content(second, "out.txt") == b"of all, mine\ntext\n"
    assert first.succeeded and len(first.environment) == 64
    assert b"$ cat made.txt" in printed


def test_only_the_wanted_stage_and_those_before_it_are_performed(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    stages = [named("a", "true"), named("b", "true", depends_on=["a"]), named("c", "false")]
    run = local_run(tmp_path, sandbox, stages, bytearray())
    assert [stage.name for stage in run.perform(["b"])] == ["a", "b"]


def test_after_a_stage_that_failed_nothing_more_is_performed(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    stages = [named("a", "echo why >&2; exit 3"), named("b", "true")]
    printed = bytearray()
    (failed,) = local_run(tmp_path, sandbox, stages, printed).perform()
    assert (failed.succeeded, failed.report.reason, failed.files) == (False, "command", ())
    assert b"why" in printed


def test_the_network_is_given_only_when_that_is_allowed(tmp_path: Path, sandbox: Sandbox) -> None:
    run = local_run(tmp_path, sandbox, [named("a", "true", network=True)], bytearray())
    with pytest.raises(LocalProblem, match="the stage a asks for the network: --allow-network"):
        list(run.perform())


def test_a_stage_that_is_not_there_is_refused_with_those_that_are() -> None:
    stages = [{"name": "a", "depends_on": []}, {"name": "b", "depends_on": ["a"]}]
    with pytest.raises(LocalProblem, match="there is no stage c: use one of a, b"):
        ordered(stages, ["c"])
    assert [stage["name"] for stage in ordered(list(reversed(stages)), [])] == ["a", "b"]


JUNIT = (
    'printf \'<testsuite><testcase name="adds"/><testcase name="%s">%s</testcase></testsuite>\' '
    "{} > junit.xml"
)


def reporting(*commands: str) -> Any:
    reports = {"tests": "junit.xml", "flaky": {"Tolerate": None}}
    return {**named("test", *commands), "reports": reports}


def test_what_the_tests_said_is_read_whether_they_passed_or_not(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    passed = reporting(JUNIT.format("clock ''"))
    (ended,) = local_run(tmp_path / "1", sandbox, [passed], bytearray()).perform()
    assert ended.succeeded
    assert ended.report.tests == TestReport(2, 0, 0, ())
    failed = reporting(JUNIT.format("clock '<failure/>'"), "exit 1")
    (ended,) = local_run(tmp_path / "2", sandbox, [failed], bytearray()).perform()
    assert ended.report.reason == "command"
    assert ended.report.tests == TestReport(2, 0, 1, ("clock",))


def test_a_report_that_is_missing_fails_a_stage_only_when_it_succeeded(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    (ended,) = local_run(tmp_path / "1", sandbox, [reporting("true")], bytearray()).perform()
    assert ended.report.reason == "artifact"
    (ended,) = local_run(tmp_path / "2", sandbox, [reporting("exit 1")], bytearray()).perform()
    assert (ended.report.reason, ended.report.tests) == ("command", None)


def test_a_stage_with_a_cache_sees_its_declared_inputs_and_is_always_built(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """What a vote of this machine would say is built from no other files."""
    printed = bytearray()
    commands = ("cat in.txt > out", 'echo "$SOURCE_DATE_EPOCH" >> out')
    stage = named("build", *commands, artifacts=("out",))
    wrong = {**stage, "cache": {"inputs": ["*.md"]}}
    run = local_run(tmp_path / "wrong", sandbox, [wrong], printed)
    (failed,) = run.perform()
    said = "dcanary.yml: stages.build.cache.inputs: no file of the commit matches '*.md'"
    assert failed.report.reason == said
    right = {**stage, "cache": {"inputs": ["*.txt"]}}
    run = local_run(tmp_path / "right", sandbox, [right], printed)
    (built,) = run.perform()
    assert content(built, "out") == b"text\n315532800\n"
    assert built.report.reusable is None
