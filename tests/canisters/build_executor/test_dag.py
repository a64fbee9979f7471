"""The graph of stages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canisters.build_executor.runs import graph as dag
from tests.canisters.build_executor.helpers.specs import stage


def graph(**edges: str) -> Any:
    return [stage(name, depends_on=after.split()) for name, after in edges.items()]


def test_stages_come_after_what_they_depend_on_and_else_in_the_order_written() -> None:
    assert dag.order(graph(d="b c", b="a", c="a", a="")) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("stages", "word"),
    [
        ([], "1 to 32"),
        (graph(a="a"), "wait for each other"),
        (graph(a="b", b="a"), "wait for each other"),
        (graph(a="nowhere"), "not there"),
        (graph(a="") + graph(a=""), "twice"),
        ([stage("a/b")], "stage name"),
        ([stage("")], "stage name"),
        ([stage("ä")], "stage name"),
        ([stage("a" * 65)], "stage name"),
        ([stage("a", replicas=0)], "replicas"),
        ([stage("a", replicas=14)], "replicas"),
        ([stage("a", quorum=4)], "quorum"),
        ([stage("a", quorum=0)], "quorum"),
        ([stage("a", quorum=1)], "no majority"),
        ([stage(f"s{n}") for n in range(33)], "1 to 32"),
    ],
)
def test_stages_that_cannot_be_executed_are_named(stages: Any, word: str) -> None:
    assert word in str(dag.problem(stages))


def test_good_stages_have_no_problem() -> None:
    assert dag.problem(graph(a="", b="a", c="a b")) is None


def test_ancestors_are_all_that_a_stage_rests_on() -> None:
    stages = graph(a="", b="a", c="b", other="")
    assert dag.ancestors(stages, "c") == ["a", "b"]
    assert dag.ancestors(stages, "a") == []


@given(st.data())
def test_opening_what_is_ready_until_nothing_is_left_visits_each_stage_once(
    data: st.DataObject,
) -> None:
    count = data.draw(st.integers(1, 8))
    stages: Any = [stage("s0")]
    for number in range(1, count):
        after = data.draw(st.sets(st.sampled_from(range(number))))
        stages.append(stage(f"s{number}", depends_on=[f"s{each}" for each in sorted(after)]))
    shuffled = data.draw(st.permutations(stages))
    opened: set[str] = set()
    succeeded: set[str] = set()
    while len(succeeded) < count:
        for position in dag.ready(shuffled, opened, succeeded):
            assert set(shuffled[position]["depends_on"]) <= succeeded
            opened.add(shuffled[position]["name"])
        assert opened > succeeded
        succeeded.add(sorted(opened - succeeded)[0])
    assert dag.ready(shuffled, opened, succeeded) == []
