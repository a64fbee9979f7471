"""Cycles in `depends_on` are found and shown."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from canisters.pipeline_config.pipelines.graph import find_cycle


def test_a_chain_and_a_diamond_have_no_cycle() -> None:
    assert find_cycle({}) is None
    assert find_cycle({"a": [], "b": ["a"], "c": ["b"]}) is None
    assert find_cycle({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}) is None


def test_a_stage_that_depends_on_itself_is_a_cycle() -> None:
    assert find_cycle({"a": ["a"]}) == ["a", "a"]


def test_a_cycle_is_shown_without_the_way_to_it() -> None:
    assert find_cycle({"x": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]}) == ["a", "b", "c", "a"]


def test_a_long_chain_costs_no_stack() -> None:
    chain = {str(i): [str(i + 1)] for i in range(50_000)}
    chain["50000"] = []
    assert find_cycle(chain) is None
    chain["50000"] = ["0"]
    cycle = find_cycle(chain)
    assert cycle is not None
    assert len(cycle) == 50_002


NAMES = list("abcdef")


@given(
    st.fixed_dictionaries(
        {name: st.lists(st.sampled_from(NAMES), max_size=3, unique=True) for name in NAMES}
    )
)
def test_a_cycle_is_found_exactly_when_no_order_exists(graph: dict[str, list[str]]) -> None:
    ordered: set[str] = set()
    while True:
        ready = {name for name in graph if name not in ordered and set(graph[name]) <= ordered}
        if not ready:
            break
        ordered |= ready
    cycle = find_cycle(graph)
    assert (cycle is None) == (len(ordered) == len(graph))
    if cycle is not None:
        assert cycle[0] == cycle[-1]
        assert len(set(cycle)) == len(cycle) - 1
        for name, other in pairwise(cycle):
            assert other in graph[name]
