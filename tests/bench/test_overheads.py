"""The table of what DCanary adds to builds of each kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.kinds import KINDS, Kind
from bench.overhead import Overhead
from bench.overheads import WIDTH, Row, main, row, table
from dcanary.pipeline import load_pipeline

OWN = [kind for kind in KINDS if kind.has_project]
SHELL = Kind(
    "text",
    "cat a.txt a.txt > b.txt",
    {
        "a.txt": "a\n",
        "dcanary.yml": "version: 1\nname: text\non: {manual: true}\nstages:\n  build: "
        '{runtime: shell, commands: ["cat a.txt a.txt > b.txt"], artifacts: [b.txt]}\n',
    },
)


def test_all_kinds_of_the_standard_images_and_runtimes_are_there() -> None:
    names = ["python", "motoko", "rust", "azle", "front-end", "monorepo"]
    assert [kind.name for kind in KINDS] == names


@pytest.mark.parametrize("kind", OWN, ids=lambda kind: kind.name)
def test_the_pipelines_of_our_projects_are_right(kind: Kind, tmp_path: Path) -> None:
    folder = kind.write(tmp_path / "project")
    assert load_pipeline(folder / "dcanary.yml").stages


def test_a_kind_is_measured_cold_and_warm(tmp_path: Path) -> None:
    own = row(SHELL, None, cold=True, builds=1)
    assert [one.kind for one in own.found] == ["cold", "warm"]
    given = row(SHELL, SHELL.write(tmp_path / "given"), cold=False, builds=1)
    assert [one.kind for one in given.found] == ["warm"]


def test_what_is_missing_is_said_and_so_is_a_build_that_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert row(replace(SHELL, files={}), None, cold=False).missing == (
        "not measured: give --project text=FOLDER"
    )
    for lacking, said in (
        (replace(SHELL, programs=("no-such-compiler",)), "no-such-compiler"),
        (replace(SHELL, packages=("no-such-package",)), "node_modules/no-such-package"),
        (replace(SHELL, image="no-such-image"), "the image: dcanary image build no-such-image"),
    ):
        assert row(lacking, None, cold=False).missing == f"not measured: missing {said}"
    failed = row(replace(SHELL, plain="echo no such file; exit 1"), None, cold=False, builds=1)
    assert failed.missing == "not measured: a build failed, see above"
    assert "ended with 1:\nno such file" in capsys.readouterr().err


def test_the_table_is_at_most_80_columns_wide() -> None:
    found = [Overhead("cold", 1234.5, 1000.0), Overhead("warm", 13.5, 10.0)]
    rows = [Row("front-end", found), Row("azle", missing="not measured: missing " + "x" * 90)]
    lines = table(rows).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert lines[2].split() == ["front-end", "warm", "13.5s", "10.0s", "13.5s", "1.00"]
    assert lines[3].endswith("…")


def test_a_kind_that_is_none_is_refused() -> None:
    for arguments in (["cobol"], ["--project", "cobol=x"], ["--plain", "cobol=x"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
