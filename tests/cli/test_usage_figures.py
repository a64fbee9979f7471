"""What jobs used, as `run show --usage` and `dcanary usage` tell it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest

from dcanary.cli.context import Context
from dcanary.cli.operations.usage import outliers
from dcanary.cli.output import Output
from dcanary.cli.run import show_run
from dcanary.cli.times import size
from dcanary.cli.usage import usage
from tests.cli.test_waiting import run

SECOND = 10**9
MIB = 1 << 20


def job(number: int, **used: Any) -> Any:
    """A committed Job of the stage `build`; `usage=None` for one that is not."""
    figures: dict[str, Any] = {
        "wall_ns": 4 * SECOND,
        "cpu_ns": 4 * SECOND,
        "peak_memory_bytes": 100 * MIB,
        "storage_bytes": 10 * MIB,
        "fetched_bytes": 1_000,
    }
    is_committed = used.pop("committed", True)
    return {
        "job": f"run-7/build/{number}",
        "run": "run-7",
        "stage": "build",
        "replica": number,
        "reused": used.pop("reused", None),
        "operator": f"operator-{number}",
        "usage": {**figures, **used} if is_committed else None,
    }


def names(*numbers: int) -> dict[str, list[str]]:
    return {"build": [f"run-7/build/{number}" for number in numbers]}


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("wall_ns", 13 * SECOND, "time"),
        ("cpu_ns", 13 * SECOND, "CPU time"),
        ("peak_memory_bytes", 301 * MIB, "memory"),
        ("storage_bytes", 43 * MIB, "storage"),
        ("fetched_bytes", 40 * MIB, "fetched bytes"),
    ],
)
def test_a_job_that_used_over_three_times_what_the_others_did_is_an_outlier(
    key: str, value: int, what: str
) -> None:
    jobs = [job(0), job(1, **{key: value}), job(2)]
    usual = jobs[0]["usage"][key]
    assert outliers(jobs, names(0, 1, 2)) == {
        "run-7/build/1": [{"what": what, "value": value, "median": usual}]
    }


@pytest.mark.parametrize(
    "used",
    [
        {"wall_ns": 12 * SECOND},  # three times, and not more
        {"peak_memory_bytes": 300 * MIB},
        {"fetched_bytes": 30 * MIB},  # 30,000 times, and too little to matter
        {"cpu_ns": None},
    ],
)
def test_what_is_near_the_others_or_small_is_none(used: dict[str, Any]) -> None:
    assert outliers([job(0), job(1, **used), job(2)], names(0, 1, 2)) == {}


def test_small_times_of_another_ratio_are_none() -> None:
    jobs = [job(number, wall_ns=n, cpu_ns=n) for number, n in enumerate((1, 1, SECOND))]
    assert outliers(jobs, names(0, 1, 2)) == {}


def test_of_two_the_larger_is_held_to_the_other() -> None:
    found = outliers([job(0), job(1, wall_ns=40 * SECOND)], names(0, 1))
    assert list(found) == ["run-7/build/1"]


def test_only_jobs_that_agreed_are_compared() -> None:
    jobs = [job(0), job(1, wall_ns=400 * SECOND), job(2), job(3, committed=False)]
    assert outliers(jobs, names(0, 2)) == {}
    assert outliers(jobs, {}) == {}
    assert outliers(jobs, names(1)) == {}


def test_jobs_that_used_an_earlier_result_again_make_no_other_an_outlier(
    capsys: pytest.CaptureFixture[str],
) -> None:
    quick = {"reused": "run-3", "wall_ns": SECOND // 10, "cpu_ns": None}
    jobs = [job(0, **quick), job(1), job(2, **quick)]
    assert outliers(jobs, names(0, 1, 2)) == {}
    call(show_run, context(Chain(jobs)), "run-7", with_usage=True)
    assert "the result of run-3, used again" in capsys.readouterr().out


def test_sizes_have_the_unit_that_says_enough() -> None:
    told = [size(count) for count in (0, 1_023, 1_024, 3 * MIB, 5 << 30, 7 << 40, 1 << 60)]
    assert told == ["0 B", "1023 B", "1.0 KiB", "3.0 MiB", "5.0 GiB", "7.0 TiB", "1,048,576.0 TiB"]


@dataclass
class Chain:
    """`build_executor` and `verification`, as far as these commands ask them."""

    jobs: list[Any] = field(default_factory=list)
    days: list[Any] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)

    def get_run(self, run_id: str) -> Any:
        stage = {"name": "build", "group": None, "state": {"Succeeded": None}, "files": []}
        more = {"stored": [], "instructions": 0, "reused": None}
        return run("Succeeded", stages=[{**stage, **more}])

    def list_jobs(self, run_id: str, page: Any) -> Any:
        return {"items": self.jobs, "next": None}

    def get_round(self, run_id: str, stage: str) -> Any:
        verdict = {
            "kind": {"Agreed": None},
            "reason": "",
            "manifest": "",
            "files": [],
            "jobs": [each["job"] for each in self.jobs],
            "disputes": [],
            "flaky_tests": None,
        }
        return {"quorum": 2, "replicas": 3, "votes": [], "verdict": verdict}

    def list_usage(self, of: Any, page: Any) -> Any:
        self.asked.append(of)
        first = int(page["cursor"] or 0)
        return {"items": self.days[first : first + 2], "next": str(first + 2)}


def context(chain: Chain, **how: bool) -> Context:
    @dataclass
    class Installed:
        build_executor: Any
        verification: Any

    made = Context(Path(), "default", Output(**how))
    made.__dict__["system"] = Installed(chain, chain)
    return made


def today(ago: int = 0) -> int:
    """The day now, or so many days ago."""
    return int(time.time()) // 86_400 - ago


def day(ago: int, **changed: int) -> Any:
    made = {
        "day": today(ago),
        "jobs": 3,
        "wall_ns": 60 * SECOND,
        "cpu_ns": 90 * SECOND,
        "peak_memory_bytes": 300 * MIB,
        "storage_bytes": 20 * MIB,
        "fetched_bytes": 2 * MIB,
    }
    return {**made, **changed}


def call(command: click.Command, *given: Any, **options: Any) -> None:
    command.callback.__wrapped__(*given, **options)  # type: ignore[union-attr]  # of click


def test_run_show_tells_use_and_names_the_outlier(capsys: pytest.CaptureFixture[str]) -> None:
    chain = Chain([job(0), job(1, wall_ns=40 * SECOND, cpu_ns=None), job(2)])
    call(show_run, context(chain), "run-7", with_usage=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4].split() == [
        *("job", "operator", "time", "CPU", "time", "memory", "storage", "fetched", "remark")
    ]
    slow = next(line for line in lines if line.startswith("run-7/build/1"))
    assert slow.split()[2:6] == ["40.0", "s", "-", "100.0"]
    assert slow.endswith("time 10.0 times the others'")
    assert next(line for line in lines if line.startswith("run-7/build/0")).endswith(" -")


def test_run_show_without_the_option_asks_for_no_jobs(capsys: pytest.CaptureFixture[str]) -> None:
    chain = Chain([job(0)])
    call(show_run, context(chain, as_json=True), "run-7", with_usage=False)
    assert "usage" not in json.loads(capsys.readouterr().out)


def test_run_show_as_json_has_exact_figures(capsys: pytest.CaptureFixture[str]) -> None:
    chain = Chain([job(0), job(1, cpu_ns=None), job(2, fetched_bytes=1 << 40)])
    call(show_run, context(chain, as_json=True), "run-7", with_usage=True)
    shown = json.loads(capsys.readouterr().out)["usage"]
    assert [each["cpu_ns"] for each in shown] == [4 * SECOND, None, 4 * SECOND]
    assert shown[0]["outliers"] == []
    assert shown[2]["outliers"] == [{"what": "fetched bytes", "value": 1 << 40, "median": 1_000}]


def test_usage_tells_days_and_their_sum(capsys: pytest.CaptureFixture[str]) -> None:
    chain = Chain(days=[day(0), day(1), day(29, jobs=1), day(30, jobs=100), day(31)])
    call(usage, context(chain), repository="counter", operator=None, days=30)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[-1] == "together 7 jobs, 180.0 s, CPU time 270.0 s, fetched 6.0 MiB"
    assert lines[1].split() == [
        *(time.strftime("%Y-%m-%d", time.gmtime(today() * 86_400)), "3", "60.0", "s", "90.0", "s"),
        *("300.0", "MiB", "20.0", "MiB", "2.0", "MiB"),
    ]
    # The page on which the first old day is, is the last that is asked for.
    assert chain.asked == [{"Repository": "counter"}] * 2


def test_usage_as_json_has_exact_figures_and_the_date(capsys: pytest.CaptureFixture[str]) -> None:
    chain = Chain(days=[day(0), day(400)])
    call(usage, context(chain, as_json=True), repository=None, operator="alice", days=1)
    (shown,) = json.loads(capsys.readouterr().out)
    date = time.strftime("%Y-%m-%d", time.gmtime(today() * 86_400))
    assert shown == {"date": date, **day(0)}
    assert chain.asked == [{"Operator": "alice"}]


@pytest.mark.parametrize("given", [{}, {"repository": "counter", "operator": "alice"}])
def test_usage_is_of_one_of_both(given: dict[str, str]) -> None:
    options = {"repository": None, "operator": None, **given}
    with pytest.raises(click.UsageError, match="either"):
        call(usage, context(Chain()), days=30, **options)
