"""The bench of a build by DCanary beside the plain tool, on a project that needs a shell alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.overhead import Overhead, main, measure

PIPELINE = """\
version: 1
name: text
on: {manual: true}
stages:
  build:
    runtime: shell
    commands: ["cat a.txt a.txt > b.txt"]
    artifacts: [b.txt]
    replicas: 1
    quorum: 1
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "text"
    folder.mkdir()
    (folder / "dcanary.yml").write_text(PIPELINE)
    (folder / "a.txt").write_text("a\n")
    return folder


def test_a_cold_and_a_warm_build_are_measured_beside_the_plain_tool(project: Path) -> None:
    found = measure(project, "cat a.txt a.txt > b.txt && test -s b.txt", cold=True, builds=1)
    assert [one.kind for one in found] == ["cold", "warm"]
    assert all(one.dcanary > one.plain > 0 for one in found)
    assert sorted(path.name for path in project.iterdir()) == ["a.txt", "dcanary.yml"]


def test_a_ratio_above_one_means_more_than_dcanary_may_add() -> None:
    assert Overhead("warm", 13.5, 10.0).ratio("x").value == pytest.approx(1)


@pytest.mark.parametrize(
    ("plain", "broken", "said"),
    [
        ("echo no such tool; exit 3", False, "ended with 3:\nno such tool"),
        ("true", True, "run local ended with"),
    ],
)
def test_a_build_that_fails_is_said_and_not_measured(
    project: Path, plain: str, broken: bool, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if broken:
        (project / "a.txt").unlink()
    assert main([str(project), "--plain", plain]) == 1
    printed = capsys.readouterr()
    assert said in printed.err
    assert not printed.out


def test_a_folder_without_a_pipeline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path), "--plain", "true"])
    assert ended.value.code == 2
