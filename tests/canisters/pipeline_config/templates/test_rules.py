"""What a template must be, and which values its parameters take."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canisters.pipeline_config.templates.rules import (
    CATEGORIES,
    placeholders_of,
    template_problem,
    use_problem,
)
from shared.rules.limits import MAX_TEMPLATE_BYTES, MAX_TEMPLATE_PARAMETERS, MAX_TEXT_CHARS
from shared.rules.value_patterns import matches, steps_of
from tests.canisters.pipeline_config.templates.samples import parameter, template
from tests.examples import examples


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_template_of_each_category_may_be_stored(category: str) -> None:
    assert template_problem(template(category=category)) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "Not A Name"}, "name may hold"),
        ({"category": "cobol"}, "category: `cobol` is none: use one of motoko"),
        ({"text": "x" * MAX_TEMPLATE_BYTES}, "MAX_TEMPLATE_BYTES"),
        ({"text": " \n"}, "text: it is empty"),
        ({"text": "name: \x1b[2J"}, "control characters"),
        ({"text": "name: {{other}}"}, "text: it uses the parameter other"),
        ({"text": "a: {{name|upper}}"}, "the only filter is |shell"),
        ({"description": "x" * (MAX_TEXT_CHARS + 1)}, "description: over"),
        ({"shipped": "x" * 65}, "shipped: over"),
        ({"parameters": [parameter("a b")]}, "parameters: `a b` is no name"),
        ({"parameters": [parameter("name"), parameter("name")]}, "name is there twice"),
        (
            {"parameters": [parameter(f"p{n}") for n in range(MAX_TEMPLATE_PARAMETERS + 1)]},
            "MAX_TEMPLATE_PARAMETERS",
        ),
        (
            {"parameters": [parameter("name", default=["a", "b"])]},
            "parameter name: it takes one value, not 2",
        ),
        (
            {"parameters": [parameter("name", default=["A"], pattern="[a-z]+")]},
            "parameter name: `A` does not match [a-z]+",
        ),
        ({"parameters": [parameter("name", pattern="(a+)+")]}, "pattern: it may not hold `(`"),
        ({"parameters": [parameter("name", pattern="[a")]}, "pattern: it has a `[`"),
    ],
)
def test_what_is_not_right_is_said(changes: dict[str, Any], said: str) -> None:
    problem = template_problem(template(**changes))
    assert problem is not None
    assert said in problem


def values(**given: Any) -> Any:
    return [{"name": name, "values": value} for name, value in given.items()]


SAMPLE = template(
    parameters=[
        parameter("name", default=None, pattern="[a-z][a-z0-9-]*"),
        parameter("branch", default=["main"]),
        parameter("flags", kind="List", default=[]),
    ]
)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (values(name=["app"]), None),
        (values(name=["app"], flags=[], branch=["x"]), None),
        (values(name=["app"], flags=["-a", "-b"]), None),
        (values(), "the parameter name is missing, and has no default"),
        (values(name=["app"], nmae=["x"]), "it has no parameter nmae: use one of name, branch"),
        (values(name=["App"]), "parameter name: `App` does not match [a-z][a-z0-9-]*"),
        (values(name=["a", "b"]), "it takes one value, not 2"),
        (values(name=[]), "it takes one value, not 0"),
        ([*values(name=["a"]), *values(name=["b"])], "the parameter name is given twice"),
        (values(name=["a"], branch=["x\ny: z"]), "line ends or other characters"),
        (values(name=["a"], branch=["x" * (MAX_TEXT_CHARS + 1)]), "MAX_TEXT_CHARS"),
        (values(name=["a"], flags=["x"] * 65), "MAX_TEMPLATE_VALUES"),
    ],
)
def test_values_are_checked_by_name(given: Any, said: str | None) -> None:
    problem = use_problem(SAMPLE, given)
    assert (problem is None) == (said is None)
    assert said is None or said in str(problem)


def test_placeholders_are_found_and_other_braces_are_text() -> None:
    text = "a: {{name}} {{flags|shell}} {{}} {{a b}} ${{ github }} {{open\n{{{x}}}"
    assert placeholders_of(text) == [("name", ""), ("flags", "|shell"), ("x", "")]


PATTERNS = st.lists(
    st.sampled_from(["a", "b", "[ab]", "[^a]", ".", "[a-c]", "\\.", "-"]).flatmap(
        lambda one: st.sampled_from(["", "*", "+", "?"]).map(lambda repeat: one + repeat)
    ),
    max_size=6,
).map("".join)


@settings(max_examples=examples(300), deadline=None)
@given(PATTERNS, st.text("abc.-", max_size=8))
def test_a_pattern_matches_what_the_regular_expression_does(pattern: str, value: str) -> None:
    steps = steps_of(pattern)
    assert not isinstance(steps, str)
    assert matches(steps, value) == (re.fullmatch(pattern, value) is not None)


def test_a_pattern_that_regular_expressions_take_for_ever_for_ends_at_once() -> None:
    steps = steps_of("a*" * 90 + "b")
    assert not isinstance(steps, str)
    assert not matches(steps, "a" * 1_000)


@pytest.mark.parametrize("pattern", ["*a", "a**", "(a)", "a|b", "a{2}", "[]", "[z-a]", "a\\", "^"])
def test_what_is_no_pattern_is_said(pattern: str) -> None:
    assert isinstance(steps_of(pattern), str)
