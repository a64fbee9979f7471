"""Which ends of a stage are tried again, and how often, as the stage says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcanary.executor.building import retry_times
from dcanary.executor.sandbox import BubblewrapSandbox
from tests.executor.repositories import stage_record
from tests.executor.test_executor import Site, until


@pytest.fixture
def site(tmp_path: Path, sandbox: BubblewrapSandbox) -> Iterator[Site]:
    made = Site(tmp_path, sandbox)
    yield made
    for executor in made.executors:
        executor.close()


def log(site: Site, *commands: str, seconds: int = 20, **times: int) -> str:
    """The log of a stage of these commands that is tried again for these causes."""
    causes = [{"cause": cause, "times": number} for cause, number in times.items()]
    stage: dict[str, Any] = stage_record(commands, timeout_seconds=seconds)
    site.add({**stage, "retry_causes": causes})
    until(site.chain.verdict, site.executor())
    return site.chain.log("run-1/build/0").decode()


def test_a_time_limit_is_tried_again_where_the_stage_says_so(site: Site) -> None:
    said = log(site, "echo begun; sleep 100", seconds=2, time_limit=2)
    assert said.count("\nbegun\n") == 3
    assert "[dcanary] retry 2 of 2 after time_limit" in said
    assert site.verdict()["reason"].endswith("the stage failed: time_limit")


def test_each_cause_has_its_own_number(site: Site) -> None:
    said = log(site, "echo begun; false", command=1, time_limit=3)
    assert said.count("\nbegun\n") == 2
    assert "[dcanary] retry 1 of 1" in said


def test_another_cause_is_not_tried_again(site: Site) -> None:
    said = log(site, "echo begun; false", time_limit=2)
    assert said.count("\nbegun\n") == 1
    assert "retry" not in said


def test_a_number_is_of_commands() -> None:
    assert retry_times(stage_record(["true"], retries=3)) == {"command": 3}
